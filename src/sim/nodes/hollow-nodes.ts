/** Simulated nodes: register, keep their leases, and play the kubelet for the pods bound to them, by stages. */
import type { Node, Pod } from '../../api/generated/types/core-v1.ts'
import { leases, nodes, pods } from '../../api/generated/resources.ts'
import { isStatus } from '../../api/meta/errors.ts'
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import { formatMicroTime } from '../../api/meta/time.ts'
import type { Lease } from '../../api/generated/types/coordination-v1.ts'
import type { Clock, Component, Env, Timer } from '../../base/env.ts'
import type { Client } from '../../client/client.ts'
import { type EventRecorder, createEventRecorder } from '../../client/events.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { type HollowNodeSpec, nodeObject, readyConditions } from './node-object.ts'
import { defaultStages } from './stages/defaults.ts'
import { type Stage, type StageAction, nextStage } from './stages/stage.ts'

export interface HollowNodesOptions {
  readonly nodes: readonly HollowNodeSpec[]
  readonly informers: InformerFactory
  /** In the place of the built-in ones, by kind: pods, nodes. */
  readonly stages?: readonly Stage[]
  /** How long leases last; they are renewed four times as often, as a kubelet does. Default 40. */
  readonly leaseDurationSeconds?: number
  /** The clock that a node reads; default: everybody's. */
  readonly clockOf?: (node: string) => Clock
  /** The nodes are there and heard of, as another instance left them. */
  readonly resume?: HollowState
}

/** What an instance knows beyond what is stored. */
export interface HollowState {
  readonly nextAddress: number
}

export interface HollowNodes extends Component {
  state(): HollowState
}

const leaseNamespace = 'kube-node-lease'
const retryMs = 1_000

/** "node-0" to "node-(count-1)" with addresses of the network that RFC 2544 sets aside for tests. */
export function hollowNodeSpecs(count: number, prefix = 'node-'): HollowNodeSpec[] {
  return Array.from({ length: count }, (_, i) => ({ name: `${prefix}${i}`, address: `198.18.${(i >> 8) & 255}.${i & 255}` }))
}

/** `clientFor` gives each node's own client: what it does is done under its name. */
export function createHollowNodes(env: Env, clientFor: (node: string) => Client, options: HollowNodesOptions): HollowNodes {
  return new Players(env, clientFor, options)
}

class Players implements HollowNodes {
  readonly name = 'hollow-nodes'
  readonly ready: Promise<void>
  #resolveReady!: () => void
  readonly #env: Env
  readonly #clients: ReadonlyMap<string, Client>
  readonly #options: HollowNodesOptions
  readonly #podStages: readonly Stage[]
  readonly #nodeStages: readonly Stage[]
  readonly #clocks = new Map<string, Clock>()
  readonly #recorders = new Map<string, EventRecorder>()
  readonly #specs: ReadonlyMap<string, HollowNodeSpec>
  readonly #pending = new Map<string, Pending>()
  readonly #addresses = new Map<string, string>()
  readonly #leases = new Map<string, Lease>()
  readonly #renewing = new Set<string>()
  readonly #leaseSeconds: number
  #nextAddress: number
  readonly #stops: (() => Promise<void> | void)[] = []

  constructor(env: Env, clientFor: (node: string) => Client, options: HollowNodesOptions) {
    this.#env = env
    this.#clients = new Map(options.nodes.map(({ name }) => [name, clientFor(name)]))
    this.#options = options
    const { stages = [] } = options
    const podStages = stages.filter(({ kind }) => kind === 'Pod')
    this.#podStages = podStages.length === 0 ? defaultStages : podStages
    this.#nodeStages = stages.filter(({ kind }) => kind === 'Node')
    this.#leaseSeconds = options.leaseDurationSeconds ?? 40
    this.#nextAddress = options.resume?.nextAddress ?? 1
    this.#specs = new Map(options.nodes.map((spec) => [spec.name, spec]))
    this.ready = new Promise((resolve) => (this.#resolveReady = resolve))
  }

  async start(): Promise<void> {
    const all = [...this.#specs.values()]
    // A few at a time: thousands of nodes may join.
    for (let i = 0; i < all.length && this.#options.resume === undefined; i += 50) await Promise.all(all.slice(i, i + 50).map((spec) => this.#register(spec)))
    const heartbeat = this.#env.tasks.go('hollow node leases', (signal) => this.#renewLeases(signal))
    const consider = (pod: Pod): void => this.#consider(pod as unknown as KubeObject, pod.spec?.nodeName ?? '', this.#podStages)
    this.#stops.push(() => heartbeat.stop(), this.#options.informers.of(pods).addHandler({
      add: consider, update: consider, delete: (pod) => this.#forget(pod.metadata.uid!),
    }))
    if (this.#nodeStages.length > 0) {
      const look = (node: Node): void => this.#consider(node as unknown as KubeObject, node.metadata.name!, this.#nodeStages)
      this.#stops.push(this.#options.informers.of(nodes).addHandler({ add: look, update: look, delete: (node) => this.#forget(node.metadata.uid!) }))
    }
    this.#resolveReady()
  }

  state(): HollowState {
    return { nextAddress: this.#nextAddress }
  }

  async stop(): Promise<void> {
    for (const { timer } of this.#pending.values()) timer.cancel()
    this.#pending.clear()
    for (const stop of this.#stops.splice(0)) await stop()
  }

  async #register(spec: HollowNodeSpec): Promise<void> {
    const node = nodeObject(spec, this.#nowOf(spec.name))
    try {
      await this.#clientOf(spec.name).create(nodes, node)
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error
      // A node from before a restart: it is healthy again.
      await this.#clientOf(spec.name).patch(nodes, { name: spec.name }, 'strategic', { status: { conditions: readyConditions(this.#nowOf(spec.name)) } }, { subresource: 'status' })
    }
    await this.#renew(spec.name)
  }

  async #renewLeases(signal: AbortSignal): Promise<void> {
    const names = [...this.#specs.keys()]
    const renewPeriodMs = this.#leaseSeconds * 250
    if (this.#options.resume !== undefined) await this.#env.clock.sleep(renewPeriodMs, signal)
    for (;;) {
      const started = this.#env.clock.now()
      for (let i = 0; i < names.length && !signal.aborted; i++) {
        // Not waited for: a node that cannot reach the server must not keep others from it.
        this.#beat(names[i]!)
        // Spread over the period, so that thousands do not come in one burst.
        if (i % 100 === 99) await this.#env.clock.sleep((renewPeriodMs * 100) / names.length / 2, signal)
      }
      await this.#env.clock.sleep(Math.max(0, started + renewPeriodMs - this.#env.clock.now()), signal)
    }
  }

  #beat(name: string): void {
    if (this.#renewing.has(name)) return
    this.#renewing.add(name)
    this.#renew(name)
      .catch((error: unknown) => this.#env.log.debug('lease of a simulated node was not renewed', { node: name, error }))
      .finally(() => this.#renewing.delete(name))
  }

  #nowOf(node: string): number {
    let clock = this.#clocks.get(node)
    if (clock === undefined) this.#clocks.set(node, (clock = this.#options.clockOf?.(node) ?? this.#env.clock))
    return clock.now()
  }

  #clientOf(node: string): Client {
    return this.#clients.get(node)!
  }

  async #renew(name: string): Promise<void> {
    const renewTime = formatMicroTime(this.#nowOf(name))
    const known = this.#leases.get(name)
    try {
      if (known !== undefined) {
        this.#leases.set(name, await this.#clientOf(name).update(leases, { ...known, spec: { ...known.spec, renewTime } }))
        return await this.#comeBack(name)
      }
    } catch (error) {
      this.#leases.delete(name)
      if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error
    }
    this.#leases.set(name, await this.#takeLease(name, renewTime))
  }

  /** A node that was given up says that it is there, as a kubelet does with its next status. */
  async #comeBack(name: string): Promise<void> {
    const node = this.#options.informers.of(nodes).get(name)
    if (node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'Unknown') return
    await this.#clientOf(name).patch(nodes, { name }, 'strategic', { status: { conditions: readyConditions(this.#nowOf(name)) } }, { subresource: 'status' })
  }

  /** Somebody else may have written it, or taken it away. */
  async #takeLease(name: string, renewTime: string): Promise<Lease> {
    const key = { namespace: leaseNamespace, name }
    const spec = { holderIdentity: name, leaseDurationSeconds: this.#leaseSeconds, renewTime }
    try {
      return await this.#clientOf(name).patch(leases, key, 'merge', { spec })
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error
      return this.#clientOf(name).create(leases, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: key, spec }, { namespace: leaseNamespace })
    }
  }

  #consider(object: KubeObject, node: string, stages: readonly Stage[]): void {
    const uid = object.metadata.uid!
    if (!this.#specs.has(node)) return
    const waiting = this.#pending.get(uid)
    if (waiting !== undefined) {
      // A change that leaves the stage what it is does not make it wait anew.
      if (waiting.stage.weight !== undefined ? waiting.stage.matches(object) : nextStage(stages, object) === waiting.stage) {
        waiting.object = object
        return
      }
      waiting.timer.cancel()
      this.#pending.delete(uid)
    }
    const { random, clock } = this.#env
    const stage = nextStage(stages, object, stages[0]?.weight === undefined ? 0 : random.next())
    if (stage !== undefined) this.#schedule(object, node, stage, stage.delayMs(object, clock.now(), stage.weight === undefined ? 0 : random.next()))
  }

  #schedule(object: KubeObject, node: string, stage: Stage, delayMs: number): void {
    const uid = object.metadata.uid!
    const pending: Pending = {
      object, stage,
      timer: this.#env.clock.setTimeout(() => {
        this.#pending.delete(uid)
        this.#env.tasks.go(stage.name, (signal) => this.#act(pending.object, node, stage, signal))
      }, delayMs),
    }
    this.#pending.set(uid, pending)
  }

  async #act(object: KubeObject, node: string, stage: Stage, signal: AbortSignal): Promise<void> {
    const { log } = this.#env
    const { namespace, name } = object.metadata
    try {
      const actions = stage.act(object, {
        now: this.#nowOf(node), nodeName: node, nodeIP: (of) => this.#specs.get(of)?.address ?? '', podIP: (uid, known) => known ?? this.#addressOf(uid),
      })
      for (const action of actions) await this.#perform(action, object, node, stage, signal)
    } catch (error) {
      if (isStatus(error, 'NotFound') || isStatus(error, 'Conflict') || signal.aborted) return
      log.warn('a stage failed; trying again', { stage: stage.name, object: namespace === undefined ? name : `${namespace}/${name}`, error })
      this.#schedule(object, node, stage, retryMs)
    }
  }

  async #perform(action: StageAction, object: KubeObject, node: string, stage: Stage, signal: AbortSignal): Promise<void> {
    const { namespace, name, uid } = object.metadata
    const resource: Resource<KubeObject> = (stage.kind === 'Pod' ? pods : nodes) as unknown as Resource<KubeObject>
    const key = stage.kind === 'Pod' ? { namespace, name: name! } : { name: name! }
    const client = this.#clientOf(node)
    if (action.type === 'delete') await client.delete(resource, key, { gracePeriodSeconds: 0, preconditions: { uid }, signal })
    else if (action.type === 'event') {
      let recorder = this.#recorders.get(node)
      if (recorder === undefined) this.#recorders.set(node, (recorder = createEventRecorder(this.#env, client, { component: 'kubelet', host: node })))
      recorder.event({ apiVersion: 'v1', kind: stage.kind, namespace, name, uid }, action.eventType as 'Normal', action.reason, action.message)
    } else {
      const patch = action.patchType === 'json' ? action.patch : guarded(action.patch as Patch, uid!)
      await client.patch(resource, key, action.patchType, patch, { ...(action.subresource === undefined ? {} : { subresource: action.subresource }), signal })
    }
  }

  #forget(uid: string): void {
    this.#pending.get(uid)?.timer.cancel()
    this.#pending.delete(uid)
    this.#addresses.delete(uid)
  }

  /** Addresses count up through 10.0.0.0/8; nobody routes to them. */
  #addressOf(uid: string): string {
    const known = this.#addresses.get(uid)
    if (known !== undefined) return known
    const n = this.#nextAddress++
    const address = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`
    this.#addresses.set(uid, address)
    return address
  }
}

interface Pending {
  readonly stage: Stage
  readonly timer: Timer
  /** As it was seen last. */
  object: KubeObject
}

interface Patch {
  readonly metadata?: object
}

/** The patch is meant for this very object: not for one that came under its name. */
function guarded(patch: Patch, uid: string): object {
  return { ...patch, metadata: { ...patch.metadata, uid } }
}
