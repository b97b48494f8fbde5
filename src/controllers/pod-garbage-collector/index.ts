/** Removes pods that nobody will end any more (upstream: pkg/controller/podgc). */
import type { Node, Pod } from '../../api/generated/types/core-v1.ts'
import { nodes, pods } from '../../api/generated/resources.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { formatTime } from '../../api/meta/time.ts'
import type { ControllerContext } from '../../client/controller.ts'
import type { Running } from '../../client/running.ts'
import { disruptedConditions } from '../taint-eviction/plan.ts'

export const podGarbageCollectorName = 'pod-garbage-collector-controller'
const periodMs = 20_000
/** A node may come back under its name: its pods are left alone for this long. */
const quarantineMs = 40_000

export interface PodGarbage {
  readonly pod: Pod
  /** As upstream's metrics call it; of an orphan the node is gone, and the pod is to say so. */
  readonly reason: 'terminated' | 'orphaned' | 'out-of-service' | 'unscheduled'
}

/** Which pods are to go now. `missingSince` says since when a pod's node has been missing, in ms. Pure. */
export function findGarbage(
  all: readonly Pod[], node: (name: string) => Node | undefined, missingSince: ReadonlyMap<string, number>, threshold: number, now: number,
): PodGarbage[] {
  const garbage = new Map<Pod, PodGarbage>()
  const add = (pod: Pod, reason: PodGarbage['reason']): void => void (garbage.has(pod) || garbage.set(pod, { pod, reason }))
  const ended = all.filter(({ status }) => status?.phase === 'Succeeded' || status?.phase === 'Failed')
  if (threshold > 0 && ended.length > threshold) {
    for (const pod of ended.sort(evictedAndOldFirst).slice(0, ended.length - threshold)) add(pod, 'terminated')
  }
  for (const pod of all) {
    const nodeName = pod.spec?.nodeName ?? ''
    const terminating = pod.metadata.deletionTimestamp !== undefined
    if (nodeName === '') {
      if (terminating) add(pod, 'unscheduled')
      continue
    }
    const found = node(nodeName)
    const since = missingSince.get(nodeName)
    if (found === undefined && since !== undefined && now - since >= quarantineMs) add(pod, 'orphaned')
    if (terminating && found !== undefined && isOutOfService(found)) add(pod, 'out-of-service')
  }
  return [...garbage.values()]
}

function isOutOfService({ spec, status }: Node): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
  return !ready && (spec?.taints ?? []).some(({ key }) => key === 'node.kubernetes.io/out-of-service')
}

function evictedAndOldFirst(a: Pod, b: Pod): number {
  const evicted = ({ status }: Pod): boolean => status?.phase === 'Failed' && status.reason === 'Evicted'
  if (evicted(a) !== evicted(b)) return evicted(a) ? -1 : 1
  const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '']
  if (left !== right) return left < right ? -1 : 1
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1
}

export function startPodGarbageCollector(context: ControllerContext, threshold = 12_500): Running {
  const { env, informers } = context
  const [podInformer, nodeInformer] = [informers.of(pods), informers.of(nodes)]
  const missingSince = new Map<string, number>()
  const ready = Promise.all([podInformer.synced, nodeInformer.synced]).then(() => undefined)
  const deletions = env.metrics.counter('pod_gc_collector_force_delete_pods_total', 'Number of pods that are being forcefully deleted since the Pod GC Controller started.', ['namespace', 'reason'])
  const failures = env.metrics.counter('pod_gc_collector_force_delete_pod_errors_total', 'Number of errors encountered when forcefully deleting the pods since the Pod GC Controller started.', ['namespace', 'reason'])
  const task = env.tasks.go(podGarbageCollectorName, async (signal) => {
    await ready
    while (!signal.aborted) {
      const all = podInformer.list()
      await noteMissing(context, all, missingSince, signal)
      const garbage = findGarbage(all, (name) => nodeInformer.get(name), missingSince, threshold, env.clock.now())
      for (const { pod, reason } of garbage) {
        const labels = { namespace: pod.metadata.namespace ?? '', reason }
        try {
          await remove(context, pod, reason === 'orphaned', signal)
          deletions.inc(labels)
        } catch (error) {
          if (signal.aborted) return
          failures.inc(labels)
          env.log.warn('pod could not be removed', { pod: pod.metadata.name, error: String(error) })
        }
      }
      await env.clock.sleep(periodMs, signal).catch(() => undefined)
    }
  })
  return { ready, stop: () => task.stop() }
}

/** Notes nodes that pods name and that do not exist; whether they do is asked of the server, not of the cache. */
async function noteMissing({ client, informers, env }: ControllerContext, all: readonly Pod[], missingSince: Map<string, number>, signal: AbortSignal): Promise<void> {
  const names = new Set(all.map(({ spec }) => spec?.nodeName ?? '').filter((name) => name !== '' && informers.of(nodes).get(name) === undefined))
  for (const name of missingSince.keys()) if (!names.has(name)) missingSince.delete(name)
  for (const name of names) {
    try {
      await client.get(nodes, { name }, { signal })
      missingSince.delete(name)
    } catch (error) {
      if (isStatus(error, 'NotFound') && !missingSince.has(name)) missingSince.set(name, env.clock.now())
    }
  }
}

async function remove({ client, env }: ControllerContext, pod: Pod, orphaned: boolean, signal: AbortSignal): Promise<void> {
  const { namespace, name = '', uid } = pod.metadata
  try {
    if (pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed') {
      const condition = orphaned
        ? disruptedConditions(pod, 'DeletionByPodGC', 'PodGC: node no longer exists', formatTime(env.clock.now())).at(-1)
        : undefined
      const status = { phase: 'Failed', ...(condition === undefined ? {} : { conditions: [condition] }) }
      await client.patch(pods, { namespace, name }, 'strategic', { metadata: { uid }, status }, { subresource: 'status', signal })
    }
    await client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid }, signal })
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error
  }
}
