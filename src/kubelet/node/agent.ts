/** Registers the node, keeps its status and lease fresh. Upstream: kubelet_node_status.go, component-helpers lease controller. */
import type { Env } from '../../base/env.ts'
import type { Lease } from '../../api/generated/types/coordination-v1.ts'
import type { Node } from '../../api/generated/types/core-v1.ts'
import { leases, nodes } from '../../api/generated/resources.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { formatMicroTime, formatTime } from '../../api/meta/time.ts'
import type { Client } from '../../client/client.ts'
import type { Cri } from '../cri/contract.ts'
import type { Host, MachineInfo } from '../host/contract.ts'
import type { ResolvedOptions } from '../options.ts'
import { type NodeFacts, initialNode, nodeStatus, nodeStatusChanged, nodeStatusPatch, runtimeErrors } from './status.ts'

export interface NodeAgentEnv extends Env {
  readonly client: Client
  readonly cri: Cri
  readonly host: Host
  readonly options: ResolvedOptions
  readonly kubeletVersion: string
  kubeletPort(): number
  /** Volumes that must not be detached. */
  volumesInUse(): readonly string[]
  /** What the node is short of. */
  pressures(): readonly string[]
  /** The machine is about to end. */
  goingDown(): boolean
  /** Of device plugins, by resource. */
  devices(): ReadonlyMap<string, { capacity: number; allocatable: number }>
  emitNode(type: 'Normal' | 'Warning', reason: string, message: string): void
}

export interface NodeAgent {
  start(): void
  /** Resolves when the API server has the node with a Ready condition. */
  readonly registered: Promise<void>
  /** As last seen in the API. */
  node(): Node | undefined
  /** Why pods with a network of their own cannot start; empty: they can. */
  networkErrors(): readonly string[]
  machine(): MachineInfo
  /** "containerd"; undefined: it has not answered yet. */
  runtimeName(): string | undefined
  /** Writes the volumes in use at once. */
  reportInUse(): Promise<void>
  /** Writes the whole status at once. */
  reportNow(): Promise<void>
  /** "6.1.0-1-amd64". */
  kernelVersion(): string
}

const leaseNamespace = 'kube-node-lease'
const fastTryMs = 100
/** A runtime that is started again is no reason to call the node not ready. */
const runtimeGraceMs = 30_000

export async function createNodeAgent(env: NodeAgentEnv): Promise<NodeAgent> {
  const { client, options, clock } = env
  const machine = await env.host.machine()
  const { promise: registered, resolve: onRegistered } = Promise.withResolvers<void>()
  let node: Node | undefined
  let runtimeSeen: { at: number; facts: Pick<NodeFacts, 'runtime' | 'runtimeVersion' | 'images'> } | undefined
  let facts = await gather()
  let reportedAt = 0
  let bootTold: string | undefined
  let lastReady: string | undefined

  async function gather(): Promise<NodeFacts> {
    const runtime = env.cri.runtime
    const [usage, disk, answers] = await Promise.all([
      env.host.usage(), env.host.disk(options.rootDir),
      Promise.allSettled([runtime.version(), runtime.status(), env.cri.images.listImages()]),
    ])
    const [version, status, images] = answers
    const valueOf = <T>(answer: PromiseSettledResult<T>): T | undefined => (answer.status === 'fulfilled' ? answer.value : undefined)
    const before = runtimeSeen !== undefined && clock.monotonic() - runtimeSeen.at < runtimeGraceMs ? runtimeSeen.facts : undefined
    const seen = { runtimeVersion: valueOf(version) ?? before?.runtimeVersion, runtime: valueOf(status) ?? before?.runtime, images: valueOf(images) ?? before?.images ?? [] }
    if (status.status === 'fulfilled') runtimeSeen = { at: clock.monotonic(), facts: seen }
    return {
      machine, usage, disk, ...seen,
      kubeletPort: env.kubeletPort(), kubeletVersion: env.kubeletVersion, volumesInUse: env.volumesInUse(), pressures: env.pressures(), goingDown: env.goingDown(), devices: env.devices(),
    }
  }

  async function register(): Promise<void> {
    const wanted = initialNode(options, facts, formatTime(clock.now()))
    try {
      if (!options.registerNode) throw new Error('registration is off')
      node = await client.create(nodes, wanted)
    } catch (error) {
      if (options.registerNode && !isStatus(error, 'AlreadyExists')) throw error
      const existing = await client.get(nodes, { name: options.nodeName })
      node = options.registerNode ? await reconcileLabels(existing, wanted) : existing
    }
  }

  /** Labels that the kubelet owns are set again on a node that was there before. */
  async function reconcileLabels(existing: Node, wanted: Node): Promise<Node> {
    const labels = Object.entries(wanted.metadata.labels ?? {}).filter(([key, value]) => existing.metadata.labels?.[key] !== value)
    if (labels.length === 0) return existing
    return client.patch(nodes, { name: options.nodeName }, 'merge', { metadata: { labels: Object.fromEntries(labels) } })
  }

  async function report(force: boolean): Promise<void> {
    facts = await gather()
    const current = await client.get(nodes, { name: options.nodeName })
    node = current
    announceBoot(current.status?.nodeInfo?.bootID)
    const now = clock.now()
    const next = nodeStatus(current.status, options, facts, formatTime(now))
    const due = now - reportedAt >= options.nodeStatusReportFrequency
    if (!force && !due && !nodeStatusChanged(current.status ?? {}, next)) return
    const patch = nodeStatusPatch(current.status ?? {}, next)
    if (patch !== undefined) {
      node = await client.patch(nodes, { name: options.nodeName }, 'strategic', { status: patch }, { subresource: 'status' })
    }
    reportedAt = now
    announceReady(next.conditions?.find(({ type }) => type === 'Ready')?.status)
  }

  function announceBoot(before: string | undefined): void {
    const { bootId } = machine
    if (before === undefined || before === '' || before === bootId || bootTold === bootId) return
    env.emitNode('Warning', 'Rebooted', `Node ${options.nodeName} has been rebooted, boot id: ${bootId}`)
    bootTold = bootId
  }

  function announceReady(ready: string | undefined): void {
    if (ready === lastReady) return
    const reason = ready === 'True' ? 'NodeReady' : 'NodeNotReady'
    env.emitNode('Normal', reason, `Node ${options.nodeName} status is now: ${reason}`)
    lastReady = ready
  }

  async function statusLoop(signal: AbortSignal): Promise<void> {
    for (let wait = fastTryMs; node === undefined; wait = Math.min(wait * 2, 7000)) {
      try {
        await register()
      } catch (error) {
        env.log.warn('node was not registered', { error })
        await clock.sleep(wait, signal)
      }
    }
    let force = true
    while (!signal.aborted) {
      let wait = options.nodeStatusUpdateFrequency
      try {
        await report(force)
        const ready = runtimeErrors(facts).length === 0
        if (ready) onRegistered()
        // Until the node is ready each moment counts.
        else wait = Math.min(wait, 500)
        force = false
      } catch (error) {
        env.log.warn('node status was not sent', { error })
        if (isStatus(error, 'NotFound')) await register().catch(() => undefined)
        wait = Math.min(wait, 1000)
      }
      await clock.sleep(wait * (1 + 0.04 * (env.random.next() - 0.5)), signal)
    }
  }

  async function leaseLoop(signal: AbortSignal): Promise<void> {
    let lease: Lease | undefined
    const period = (options.nodeLeaseDurationSeconds * 1000) / 4
    while (!signal.aborted) {
      let wait = period
      try {
        lease = await renew(lease)
      } catch (error) {
        lease = undefined
        wait = Math.min(period, 1000)
        env.log.debug('lease was not renewed', { error })
      }
      await clock.sleep(wait * (1 + 0.04 * env.random.next()), signal)
    }
  }

  async function renew(known: Lease | undefined): Promise<Lease> {
    const renewTime = formatMicroTime(clock.now())
    const key = { name: options.nodeName, namespace: leaseNamespace }
    const spec = { holderIdentity: options.nodeName, leaseDurationSeconds: options.nodeLeaseDurationSeconds, renewTime }
    let lease = known
    if (lease === undefined) {
      try {
        lease = await client.get(leases, key)
      } catch (error) {
        if (!isStatus(error, 'NotFound')) throw error
        return client.create(leases, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { ...key, ...owner() }, spec })
      }
    }
    const metadata = (lease.metadata.ownerReferences?.length ?? 0) > 0 ? lease.metadata : { ...lease.metadata, ...owner() }
    return client.update(leases, { ...lease, metadata, spec: { ...lease.spec, ...spec } })
  }

  function owner() {
    const uid = node?.metadata.uid
    if (uid === undefined) return {}
    return { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: options.nodeName, uid }] }
  }

  return {
    registered,
    reportNow: () => report(true),
    async reportInUse() {
      const status = { volumesInUse: [...env.volumesInUse()] }
      node = await client.patch(nodes, { name: options.nodeName }, 'strategic', { status }, { subresource: 'status' })
    },
    start() {
      env.emitNode('Normal', 'Starting', 'Starting kubelet.')
      env.tasks.go('node status', statusLoop)
      env.tasks.go('node lease', leaseLoop)
    },
    node: () => node,
    networkErrors: () => (facts.runtime === undefined ? [] : runtimeErrors(facts).filter((text) => text.includes('network not ready'))),
    machine: () => machine, runtimeName: () => facts.runtimeVersion?.runtimeName,
    kernelVersion: () => facts.machine.kernelVersion,
  }
}
