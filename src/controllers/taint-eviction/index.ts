/** Evicts pods from nodes with NoExecute taints that they do not tolerate (upstream: pkg/controller/tainteviction). */
import type { Node, Pod } from '../../api/generated/types/core-v1.ts'
import { nodes, pods } from '../../api/generated/resources.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { formatTime } from '../../api/meta/time.ts'
import { type KeyedContext, type KeyedController, type SyncResult, watch } from '../../client/controller.ts'
import { equalJson } from '../../client/copy.ts'
import type { Informers } from '../../client/informer.ts'
import { keyOf } from '../../client/lister.ts'
import { podsByNode } from '../node-lifecycle/index.ts'
import { disruptedConditions, noExecuteTaints, toleratedMs } from './plan.ts'

const name = 'taint-eviction-controller'

/** A pod whose time on its node is running. */
interface Scheduled {
  readonly uid: string | undefined
  readonly since: number
}

export function taintEvictionController(): KeyedController {
  const scheduled = new Map<string, Scheduled>()
  return {
    name,
    workers: 8,
    watches: [
      watch(nodes, podsOn, { deleted: false, changed: (node, old) => !equalJson(noExecuteTaints(node.spec?.taints), noExecuteTaints(old.spec?.taints)) }),
      watch(pods, (pod) => [keyOf(pod)], {
        changed: (pod, old) => pod.spec?.nodeName !== old.spec?.nodeName || !equalJson(pod.spec?.tolerations, old.spec?.tolerations),
      }),
    ],
    sync: (key, context) => syncPod(key, context, scheduled),
  }
}

function podsOn(node: Node, informers: Informers): string[] {
  return informers.of(pods).by(podsByNode, node.metadata.name ?? '').map(keyOf)
}

async function syncPod(key: string, context: KeyedContext, scheduled: Map<string, Scheduled>): Promise<SyncResult | void> {
  const { informers, env } = context
  const pod = informers.of(pods).get(key)
  const node = pod?.spec?.nodeName === undefined ? undefined : informers.of(nodes).get(pod.spec.nodeName)
  const taints = noExecuteTaints(node?.spec?.taints)
  if (pod === undefined || taints.length === 0) {
    if (scheduled.delete(key) && pod !== undefined) cancel(pod, context)
    return
  }
  const allowed = toleratedMs(taints, pod.spec?.tolerations)
  if (allowed === Infinity) {
    if (scheduled.delete(key)) cancel(pod, context)
    return
  }
  const known = scheduled.get(key)
  const now = env.clock.now()
  const since = known !== undefined && known.uid === pod.metadata.uid ? known.since : now
  scheduled.set(key, { uid: pod.metadata.uid, since })
  const left = allowed === 0 ? 0 : since + allowed - now
  if (left > 0) return { requeueAfterMs: left }
  if (await evict(pod, context)) deleted(env, (env.clock.now() - since - allowed) / 1000)
  scheduled.delete(key)
}

function cancel(pod: Pod, context: KeyedContext): void {
  if (pod.metadata.deletionTimestamp !== undefined) return
  context.recorder(name).event(reference(pod), 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${keyOf(pod)}`)
}

const reference = ({ metadata }: Pod) => ({ apiVersion: 'v1', kind: 'Pod', name: metadata.name, namespace: metadata.namespace, uid: metadata.uid })

const latencies = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 60, 120, 180, 240]

function deleted({ metrics }: KeyedContext['env'], seconds: number): void {
  metrics.counter('taint_eviction_controller_pod_deletions_total', 'Total number of Pods deleted by TaintEvictionController since its start.').inc()
  metrics.histogram('taint_eviction_controller_pod_deletion_duration_seconds',
    'Latency, in seconds, between the time when a taint effect has been activated for the Pod and its deletion via TaintEvictionController.', latencies).observe(Math.max(0, seconds))
}

/** Whether it deleted the pod. */
async function evict(pod: Pod, { client, env, recorder, signal }: KeyedContext): Promise<boolean> {
  const { namespace, name: podName = '', uid } = pod.metadata
  if (pod.metadata.deletionTimestamp !== undefined) return false
  recorder(name).event(reference(pod), 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${keyOf(pod)}`)
  const conditions = disruptedConditions(pod, 'DeletionByTaintManager', 'Taint manager: deleting due to NoExecute taint', formatTime(env.clock.now()))
  const condition = conditions.at(-1)
  try {
    await client.patch(pods, { namespace, name: podName }, 'strategic', { metadata: { uid }, status: { conditions: [condition] } }, { subresource: 'status', signal })
    await client.delete(pods, { namespace, name: podName }, { preconditions: { uid }, signal })
    return true
  } catch (error) {
    // Another pod of that name, or none: nothing of ours is left there.
    if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error
    if (isStatus(error, 'Conflict')) throw error
    return false
  }
}
