/** Small worlds for tests: nodes and pods in a few words, and a framework over them. */
import type { Node, Pod, PodSpec } from '../../api/generated/types/core-v1.ts'
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import type { Clock, Logger, Random } from '../../base/env.ts'
import { createMetrics } from '../../base/metrics.ts'
import { createTasks } from '../../base/tasks.ts'
import { type Lister, ObjectCache, keyOf } from '../../client/lister.ts'
import { SchedulerCache } from '../cache.ts'
import { createPlugins } from '../config/profile.ts'
import type { SchedulerProfile } from '../config/types.ts'
import type { Handle, Preemptor } from '../framework.ts'
import { knownPlugins } from '../plugins/index.ts'
import { PodGroups } from '../pod-groups.ts'
import { Framework } from '../runtime.ts'
import { type CycleResult, NodeRotation, schedule } from '../schedule-one.ts'
import type { PodInfo } from '../snapshot.ts'

let serial = 0

export function node(name: string, options: { labels?: Record<string, string>; cpu?: string; memory?: string; pods?: string; spec?: Node['spec']; more?: Record<string, string> } = {}): Node {
  return {
    apiVersion: 'v1', kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...options.labels } },
    spec: options.spec ?? {},
    status: { allocatable: { cpu: options.cpu ?? '4', memory: options.memory ?? '8Gi', pods: options.pods ?? '110', ...options.more } },
  }
}

export function pod(name: string, options: { labels?: Record<string, string>; cpu?: string; memory?: string; on?: string; priority?: number; spec?: Partial<PodSpec>; status?: Pod['status'] } = {}): Pod {
  const requests = { ...(options.cpu === undefined ? {} : { cpu: options.cpu }), ...(options.memory === undefined ? {} : { memory: options.memory }) }
  return {
    apiVersion: 'v1', kind: 'Pod',
    metadata: { name, namespace: 'default', uid: `uid-${name}-${serial++}`, labels: options.labels },
    spec: {
      schedulerName: 'default-scheduler', containers: [{ name: 'main', image: 'image', resources: { requests } }],
      ...(options.on === undefined ? {} : { nodeName: options.on }), ...(options.priority === undefined ? {} : { priority: options.priority }), ...options.spec,
    },
    status: options.status ?? {},
  }
}

/** Ties go to the first, so that tests are the same every time. */
export const firstChoice: Random = { next: () => 0, int: (below) => below - 1, uuid: () => '', bytes: (length) => new Uint8Array(length) }

export interface WorldOptions {
  /** Objects that plugins look up, of any kind. */
  readonly objects?: readonly KubeObject[]
  readonly nominated?: readonly { readonly node: string; readonly pod: PodInfo }[]
  readonly profile?: SchedulerProfile
  readonly preemptor?: Preemptor
  readonly random?: Random
  readonly features?: readonly string[]
}

export interface World {
  readonly cache: SchedulerCache
  readonly framework: Framework
  schedule(pod: PodInfo): CycleResult
}

/** A framework over nodes and pods that are there, without an API server. */
export function world(nodes: readonly Node[], placed: readonly Pod[] = [], options: WorldOptions = {}): World {
  const cache = new SchedulerCache()
  for (const each of nodes) cache.setNode(each)
  for (const each of placed) cache.setPod(each)
  const random = options.random ?? firstChoice
  const groups = new PodGroups(cache)
  for (const each of placed) groups.set(each)
  const handle: Handle = {
    env: { clock: manualClock(), random, log: silent, metrics: createMetrics(), tasks: createTasks(silent) },
    client: undefined, counts: cache.counts, preemptor: options.preemptor,
    get nodes() {
      return cache.nodes
    },
    node: (name) => cache.node(name),
    nodesWithImage: (name) => cache.nodesWithImage(name),
    get slots() {
      return cache.slots
    },
    get imagesVersion() {
      return cache.imagesVersion
    },
    lister: (resource) => listerOf(resource, options.objects ?? []),
    namespaceLabels: (name) => options.objects?.find((o) => o.kind === 'Namespace' && o.metadata.name === name)?.metadata.labels ?? {},
    activate: () => undefined,
    waiting: () => [],
    extenders: [],
    podGroup: (namespace, name) => groups.state(namespace, name),
    feature: (name) => options.features?.includes(name) ?? false,
  }
  const lists = createPlugins({ schedulerName: 'default-scheduler', ...options.profile }, knownPlugins(handle.feature), handle)
  const framework = new Framework('default-scheduler', lists, handle, (name) => (options.nominated ?? []).filter((n) => n.node === name).map((n) => n.pod))
  return { cache, framework, schedule: (pod) => schedule(framework, pod, { random, rotation: new NodeRotation(), percentageOfNodesToScore: 0 }) }
}

function listerOf<T>(resource: Resource<T>, objects: readonly KubeObject[]): Lister<T> {
  const cache = new ObjectCache<KubeObject>()
  for (const object of objects) if (object.kind === resource.kind) cache.set(keyOf(object), object)
  return cache as unknown as Lister<T>
}

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silent }

/** A clock that a test moves; timers fire when time passes them. */
export function manualClock(): Clock & { advance(ms: number): void } {
  let now = 1_000_000
  const timers = new Set<{ at: number; callback: () => void }>()
  return {
    now: () => now, monotonic: () => now,
    setTimeout(callback, delayMs) {
      const timer = { at: now + delayMs, callback }
      timers.add(timer)
      return { cancel: () => void timers.delete(timer) }
    },
    sleep: () => Promise.reject(new Error('not used')),
    advance(ms) {
      now += ms
      for (const timer of timers) {
        if (timer.at > now) continue
        timers.delete(timer)
        timer.callback()
      }
    },
  }
}
