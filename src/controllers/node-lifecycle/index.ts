/**
 * Watches over nodes: says Unknown of those that are silent, taints those that are not well, and takes their pods out of
 * service (upstream: pkg/controller/nodelifecycle). Evicting pods from tainted nodes is taint-eviction's part.
 */
import type { Node, Pod, Taint } from '../../api/generated/types/core-v1.ts'
import { leases, nodes, pods } from '../../api/generated/resources.ts'
import { podCondition } from '../../api/helpers/pod-conditions.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { formatTime } from '../../api/meta/time.ts'
import { type ControllerContext, type KeyedContext, runController, watch } from '../../client/controller.ts'
import { equalJson } from '../../client/copy.ts'
import { defineIndex, type Index } from '../../client/lister.ts'
import type { ControllerManagerOptions } from '../options.ts'
import type { Running } from '../../client/running.ts'
import { ownKey } from '../shared/owners.ts'
import { type Assessment, assessNode, type Grace, type NodeHealth, readyCondition } from './health.ts'
import { conditionTaints, hasTaint, notReadyTaint, swapTaints, unreachableTaint } from './taints.ts'
import { zoneMetrics } from './metrics.ts'
import { zoneOf, Zones } from './zones.ts'

export const nodeLifecycleName = 'node-lifecycle-controller'
const component = 'node-controller'
const excludedLabel = 'node.kubernetes.io/exclude-disruption'
const betaLabels = [['kubernetes.io/os', 'beta.kubernetes.io/os'], ['kubernetes.io/arch', 'beta.kubernetes.io/arch']] as const

export const podsByNode: Index<Pod> = defineIndex('node', ({ spec }) => (spec?.nodeName === undefined ? [] : [spec.nodeName]))

export function startNodeLifecycle(context: ControllerContext, options: ControllerManagerOptions): Running {
  const monitor = new Monitor(context, options)
  const keyed = runController({
    name: nodeLifecycleName,
    workers: 8,
    watches: [
      watch(nodes, ownKey, {
        deleted: false,
        changed: (node, old) => !equalJson(node.spec, old.spec) || !equalJson(node.metadata.labels, old.metadata.labels)
          || !equalJson(statuses(node), statuses(old)),
      }),
      // A pod that comes to a node that is not ready cannot be ready.
      watch(pods, ({ spec }) => (spec?.nodeName === undefined ? [] : [spec.nodeName]), {
        deleted: false, changed: (pod, old) => pod.spec?.nodeName !== old.spec?.nodeName,
      }),
    ],
    reads: [leases as never],
    sync: (key, keyedContext) => syncNode(key, keyedContext, monitor),
  }, context)
  const task = context.env.tasks.go(`${nodeLifecycleName} monitor`, async (signal) => {
    await keyed.ready
    while (!signal.aborted) {
      await monitor.pass(signal)
      await context.env.clock.sleep(options.nodeMonitorPeriodMs ?? 5000, signal).catch(() => undefined)
    }
  })
  return {
    ready: keyed.ready,
    async stop() {
      await Promise.all([keyed.stop(), task.stop()])
    },
  }
}

const statuses = (node: Node): string[] => (node.status?.conditions ?? []).map(({ type, status }) => `${type}=${status}`)

/** What follows from the node object alone: NoSchedule taints and the older names of labels. */
async function syncNode(key: string, { informers, client, env, signal }: KeyedContext, monitor: Monitor): Promise<void> {
  const node = informers.of(nodes).get(key)
  if (node === undefined) return
  const taints = conditionTaints(node, env.clock.now())
  if (taints !== undefined) await writeTaints(client, node, taints, signal)
  const labels: Record<string, string> = {}
  for (const [label, older] of betaLabels) {
    const value = node.metadata.labels?.[label]
    if (value !== undefined && node.metadata.labels?.[older] !== value) labels[older] = value
  }
  if (Object.keys(labels).length > 0) await client.patch(nodes, { name: key }, 'merge', { metadata: { labels } }, { signal })
  await monitor.checkPods(node, signal)
}

async function writeTaints(client: ControllerContext['client'], node: Node, taints: readonly Taint[], signal: AbortSignal): Promise<void> {
  const { name = '', resourceVersion } = node.metadata
  // The list is one value to the server: the version guards what others put in.
  await client.patch(nodes, { name }, 'merge', { metadata: { resourceVersion }, spec: { taints } }, { signal })
}

class Monitor {
  readonly #context: ControllerContext
  readonly #grace: Grace
  readonly #zones: Zones
  readonly #metrics: ReturnType<typeof zoneMetrics>
  readonly #health = new Map<string, NodeHealth>()
  /** Nodes whose pods are still to be taken out of service. */
  readonly #unmarked = new Set<string>()

  constructor(context: ControllerContext, options: ControllerManagerOptions) {
    this.#context = context
    this.#metrics = zoneMetrics(context.env.metrics)
    this.#grace = { monitorMs: options.nodeMonitorGracePeriodMs ?? 50_000, startupMs: options.nodeStartupGracePeriodMs ?? 60_000 }
    this.#zones = new Zones({
      rate: options.nodeEvictionRate ?? 0.1, secondaryRate: options.secondaryNodeEvictionRate ?? 0.01,
      largeSize: options.largeClusterSizeThreshold ?? 50, unhealthyThreshold: options.unhealthyZoneThreshold ?? 0.55,
    })
  }

  async pass(signal: AbortSignal): Promise<void> {
    const { informers, env } = this.#context
    const all = informers.of(nodes).list()
    this.#greet(all)
    const zones = new Map<string, (ReturnType<typeof readyCondition>)[]>()
    const startedAt = env.clock.monotonic()
    const look = async (node: Node): Promise<void> => {
      const nodeStartedAt = env.clock.monotonic()
      try {
        const assessment = await this.#assess(node, signal)
        if (node.metadata.labels?.[excludedLabel] === undefined) {
          const zone = zoneOf(node)
          zones.set(zone, [...(zones.get(zone) ?? []), assessment.current])
        }
      } catch (error) {
        signal.throwIfAborted()
        // The object has changed meanwhile: the next pass sees it as it is.
        if (!isStatus(error, 'Conflict') && !isStatus(error, 'NotFound')) env.log.warn('node could not be looked after', { node: node.metadata.name, error: String(error) })
      }
      this.#metrics.lookedAtNode((env.clock.monotonic() - nodeStartedAt) / 1000)
    }
    await Promise.all(all.map(look))
    await this.#disruption(zones, all, signal)
    await this.#taintDue(signal)
    this.#metrics.lookedAtAll((env.clock.monotonic() - startedAt) / 1000)
  }

  /** Says of each node that is new or gone that it is. */
  #greet(all: readonly Node[]): void {
    const recorder = this.#context.recorder(component)
    const names = new Set(all.map(({ metadata }) => metadata.name ?? ''))
    for (const { metadata } of all) {
      const { name = '', uid } = metadata
      if (this.#health.has(name)) continue
      recorder.event({ apiVersion: 'v1', kind: 'Node', name, uid }, 'Normal', 'RegisteredNode', `Registered Node ${name} in Controller`)
    }
    for (const name of this.#health.keys()) {
      if (names.has(name)) continue
      this.#health.delete(name)
      this.#zones.forget(name)
      recorder.event({ apiVersion: 'v1', kind: 'Node', name, uid: '' }, 'Normal', 'RemovingNode', `Removing Node ${name} from Controller`)
    }
  }

  async #assess(node: Node, signal: AbortSignal): Promise<Assessment> {
    const { client, informers, env, recorder } = this.#context
    const name = node.metadata.name ?? ''
    const now = env.clock.now()
    const lease = informers.of(leases).get({ namespace: 'kube-node-lease', name })
    const assessment = assessNode(node, lease, this.#health.get(name), now, this.#grace)
    if (assessment.conditions !== undefined) {
      await client.update(nodes, { ...node, status: { ...node.status, conditions: [...assessment.conditions] } }, { subresource: 'status', signal })
    }
    this.#health.set(name, assessment.health)
    const { current, observed } = assessment
    if (current === undefined) return assessment
    await this.#taintByReadiness(node, current.status, signal)
    if (current.status === 'True') this.#unmarked.delete(name)
    else if (observed === 'True' && assessment.conditions !== undefined) {
      const about = { apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid }
      recorder(component).event(about, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`)
      this.#unmarked.add(name)
    }
    if (this.#unmarked.has(name)) await this.#markPodsNotReady(name, signal)
    return assessment
  }

  /** Changes between "not ready" and "unreachable" at once; a first taint waits for its turn in the zone. */
  async #taintByReadiness(node: Node, status: string, signal: AbortSignal): Promise<void> {
    const now = this.#context.env.clock.now()
    if (status === 'True') {
      this.#zones.forget(node.metadata.name ?? '')
      const taints = swapTaints(node, [], [notReadyTaint, unreachableTaint], now)
      if (taints !== undefined) await this.#write(node, taints, signal)
      return
    }
    const [wanted, opposite] = status === 'False' ? [notReadyTaint, unreachableTaint] : [unreachableTaint, notReadyTaint]
    if (hasTaint(node, opposite)) await this.#write(node, swapTaints(node, [wanted], [opposite], now) ?? [], signal)
    else if (!hasTaint(node, wanted)) this.#zones.wait(node, now)
  }

  async #write(node: Node, taints: readonly Taint[], signal: AbortSignal): Promise<void> {
    // The status may have been written a moment ago: the cache's version would conflict.
    const latest = this.#context.informers.of(nodes).get(node.metadata.name ?? '') ?? node
    await writeTaints(this.#context.client, latest, taints, signal)
  }

  async #taintDue(signal: AbortSignal): Promise<void> {
    const { informers, env, client } = this.#context
    const now = env.clock.now()
    for (const name of this.#zones.due(now)) {
      const node = informers.of(nodes).get(name)
      const status = node === undefined ? undefined : this.#health.get(name)?.ready?.status
      if (node === undefined || status === undefined || status === 'True') continue
      const [add, remove] = status === 'False' ? [notReadyTaint, unreachableTaint] : [unreachableTaint, notReadyTaint]
      const taints = swapTaints(node, [add], [remove], now)
      try {
        if (taints === undefined) continue
        await writeTaints(client, node, taints, signal)
        this.#metrics.evicted(zoneOf(node))
      } catch (error) {
        signal.throwIfAborted()
        env.log.debug('taint could not be written, the next pass will', { node: name, error: String(error) })
      }
    }
  }

  async #disruption(zones: ReadonlyMap<string, readonly ReturnType<typeof readyCondition>[]>, all: readonly Node[], signal: AbortSignal): Promise<void> {
    const now = this.#context.env.clock.now()
    const change = this.#zones.update(zones, now)
    this.#metrics.zones(zones)
    if (change === 'all-ended') {
      // Nobody was heard while the way was lost: all get their time again.
      for (const [name, health] of this.#health) this.#health.set(name, { ...health, probeAt: now })
    }
    if (change !== 'all-began') return
    for (const node of all) {
      const taints = swapTaints(node, [], [notReadyTaint, unreachableTaint], now)
      if (taints === undefined) continue
      await this.#write(node, taints, signal).catch((error: unknown) => this.#context.env.log.debug('taint stays', { error: String(error) }))
    }
  }

  /** For pods that came to a node after it had been found not ready. */
  async checkPods(node: Node, signal: AbortSignal): Promise<void> {
    const status = this.#health.get(node.metadata.name ?? '')?.ready?.status
    if (status !== undefined && status !== 'True' && readyCondition(node)?.status !== 'True') await this.#markPodsNotReady(node.metadata.name ?? '', signal)
  }

  async #markPodsNotReady(node: string, signal: AbortSignal): Promise<void> {
    const { client, informers, env, recorder } = this.#context
    let complete = true
    for (const pod of informers.of(pods).by(podsByNode, node)) {
      const ready = podCondition(pod, 'Ready')
      if (ready === undefined || ready.status === 'False') continue
      const conditions = pod.status!.conditions!.map((condition) =>
        condition === ready ? { ...ready, status: 'False', lastTransitionTime: formatTime(env.clock.now()) } : condition)
      try {
        await client.update(pods, { ...pod, status: { ...pod.status, conditions } }, { subresource: 'status', signal })
        recorder(component).event(pod, 'Warning', 'NodeNotReady', 'Node is not ready')
      } catch (error) {
        signal.throwIfAborted()
        if (!isStatus(error, 'NotFound')) complete = false
      }
    }
    if (complete) this.#unmarked.delete(node)
  }
}
