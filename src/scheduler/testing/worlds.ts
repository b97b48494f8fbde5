/** Small worlds for tests: nodes and pods in a few words, and a framework over them. */
import type { Node, Pod, PodSpec } from '../../api/generated/types/core-v1.ts'
import type { PodDisruptionBudget } from '../../api/generated/types/policy-v1.ts'
import type { Random } from '../../base/env.ts'
import { SchedulerCache } from '../cache.ts'
import { defaultPlugins } from '../plugins/index.ts'
import { Framework } from '../schedule-one.ts'

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

export function world(nodes: readonly Node[], placed: readonly Pod[] = [], options: { budgets?: PodDisruptionBudget[]; nominated?: { node: string; pod: Parameters<Framework['schedule']>[0] }[] } = {}): { cache: SchedulerCache; framework: Framework } {
  const cache = new SchedulerCache()
  for (const each of nodes) cache.setNode(each)
  for (const each of placed) cache.setPod(each)
  const framework = new Framework(defaultPlugins, {
    get nodes() {
      return cache.nodes
    },
    node: (name) => cache.node(name),
    namespaceLabels: () => ({}),
    budgets: () => options.budgets ?? [],
    defaultSelector: () => undefined,
  }, (name) => (options.nominated ?? []).filter((n) => n.node === name).map((n) => n.pod), firstChoice)
  return { cache, framework }
}
