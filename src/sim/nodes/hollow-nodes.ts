/** Simulated nodes: register, keep their leases, and play the kubelet for the pods bound to them, by stages. */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { leases, nodes, pods } from '../../api/generated/resources.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { formatMicroTime } from '../../api/meta/time.ts'
import type { Lease } from '../../api/generated/types/coordination-v1.ts'
import type { Component, Env, Timer } from '../../base/env.ts'
import type { Client } from '../../client/client.ts'
import type { InformerFactory } from '../../client/informer.ts'
import { type HollowNodeSpec, nodeObject, readyConditions } from './node-object.ts'
import { type Stage, defaultStages, nextStage } from './stages.ts'

export interface HollowNodesOptions {
  readonly nodes: readonly HollowNodeSpec[]
  readonly informers: InformerFactory
  readonly stages?: readonly Stage[]
  /** How long leases last; they are renewed four times as often, as a kubelet does. Default 40. */
  readonly leaseDurationSeconds?: number
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
  readonly #stages: readonly Stage[]
  readonly #specs: ReadonlyMap<string, HollowNodeSpec>
  readonly #pending = new Map<string, Timer>()
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
    this.#stages = options.stages ?? defaultStages
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
    this.#stops.push(() => heartbeat.stop(), this.#options.informers.of(pods).addHandler({
      add: (pod) => this.#consider(pod),
      update: (pod) => this.#consider(pod),
      delete: (pod) => this.#forget(pod.metadata.uid!),
    }))
    this.#resolveReady()
  }

  state(): HollowState {
    return { nextAddress: this.#nextAddress }
  }

  async stop(): Promise<void> {
    for (const timer of this.#pending.values()) timer.cancel()
    this.#pending.clear()
    for (const stop of this.#stops.splice(0)) await stop()
  }

  async #register(spec: HollowNodeSpec): Promise<void> {
    const node = nodeObject(spec, this.#env.clock.now())
    try {
      await this.#clientOf(spec.name).create(nodes, node)
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error
      // A node from before a restart: it is healthy again.
      await this.#clientOf(spec.name).patch(nodes, { name: spec.name }, 'strategic', { status: { conditions: readyConditions(this.#env.clock.now()) } }, { subresource: 'status' })
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

  #clientOf(node: string): Client {
    return this.#clients.get(node)!
  }

  async #renew(name: string): Promise<void> {
    const renewTime = formatMicroTime(this.#env.clock.now())
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
    await this.#clientOf(name).patch(nodes, { name }, 'strategic', { status: { conditions: readyConditions(this.#env.clock.now()) } }, { subresource: 'status' })
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

  #consider(pod: Pod): void {
    const uid = pod.metadata.uid!
    if (!this.#specs.has(pod.spec?.nodeName ?? '')) return
    this.#pending.get(uid)?.cancel()
    this.#pending.delete(uid)
    const stage = nextStage(this.#stages, pod)
    if (stage !== undefined) this.#schedule(pod, stage, stage.delayMs)
  }

  #schedule(pod: Pod, stage: Stage, delayMs: number): void {
    const uid = pod.metadata.uid!
    this.#pending.set(uid, this.#env.clock.setTimeout(() => {
      this.#pending.delete(uid)
      this.#env.tasks.go(stage.name, (signal) => this.#act(pod, stage, signal))
    }, delayMs))
  }

  async #act(pod: Pod, stage: Stage, signal: AbortSignal): Promise<void> {
    const { namespace, name, uid } = pod.metadata
    const key = { namespace, name: name! }
    const hostIP = this.#specs.get(pod.spec!.nodeName!)!.address
    const action = stage.act(pod, { now: this.#env.clock.now(), hostIP, podIP: (of) => this.#addressOf(of) })
    try {
      const client = this.#clientOf(pod.spec!.nodeName!)
      if (action.type === 'delete') await client.delete(pods, key, { gracePeriodSeconds: 0, preconditions: { uid }, signal })
      else await client.patch(pods, key, 'strategic', { metadata: { uid }, status: action.status }, { subresource: 'status', signal })
    } catch (error) {
      if (isStatus(error, 'NotFound') || isStatus(error, 'Conflict') || signal.aborted) return
      this.#env.log.warn('stage of a simulated pod failed; trying again', { stage: stage.name, pod: `${namespace}/${name}`, error })
      this.#schedule(pod, stage, retryMs)
    }
  }

  #forget(uid: string): void {
    this.#pending.get(uid)?.cancel()
    this.#pending.delete(uid)
    this.#addresses.delete(uid)
  }

  /** Addresses count up through 10.0.0.0/8; nobody routes to them. */
  #addressOf(pod: Pod): string {
    const known = pod.status?.podIP ?? this.#addresses.get(pod.metadata.uid!)
    if (known !== undefined && known !== '') return known
    const n = this.#nextAddress++
    const address = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`
    this.#addresses.set(pod.metadata.uid!, address)
    return address
  }
}
