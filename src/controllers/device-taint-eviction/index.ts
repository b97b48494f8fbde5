/** Evicts pods from devices with NoExecute taints that their claims do not tolerate (upstream: pkg/controller/devicetainteviction). */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { ResourceSlice } from '../../api/generated/types/resource-v1.ts'
import type { DeviceTaintRule } from '../../api/generated/types/resource-v1beta2.ts'
import { deviceTaintRules, pods, resourceClaims, resourceSlices } from '../../api/generated/resources.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { formatTime, parseTime } from '../../api/meta/time.ts'
import { type KeyedContext, type KeyedController, type SyncResult, watch } from '../../client/controller.ts'
import { equalJson } from '../../client/copy.ts'
import type { Informers } from '../../client/informer.ts'
import { keyOf } from '../../client/lister.ts'
import { disruptedConditions } from '../taint-eviction/plan.ts'
import { claimsByPool, consumersOf, type Eviction, evictingRules, evictionOf } from './evictions.ts'
import { conditionOf, countDevices, countPending } from './rule-status.ts'

const name = 'device-taint-eviction-controller'
/** Shortest time between two looks at a rule's status. */
const statusPeriodMs = 10_000

export interface DeviceTaintOptions {
  /** Feature DRADeviceTaintRules. */
  readonly rules: boolean
  /** Feature DRAWorkloadResourceClaims. */
  readonly groups: boolean
}

interface Memory {
  /** Pods that are due, by key; their uid tells another of the same name. */
  readonly scheduled: Map<string, string | undefined>
  /** Pods that were evicted because of a rule, by the rule's uid. */
  readonly evicted: Map<string, number>
  /** Each rule's uid at its last look. */
  readonly known: Map<string, string | undefined>
}

/** Keys of pods begin with "pod:", those of rules with "rule:". */
const podKey = (pod: Pod): string => `pod:${keyOf(pod)}`
const taintsOf = ({ spec }: ResourceSlice): unknown => [spec.pool.generation, (spec.devices ?? []).filter(({ taints }) => taints !== undefined).map((device) => [device.name, device.taints])]

export function deviceTaintEvictionController(options: DeviceTaintOptions): KeyedController {
  const memory: Memory = { scheduled: new Map(), evicted: new Map(), known: new Map() }
  const consumers = (informers: Informers) => (claim: Parameters<typeof consumersOf>[0]): string[] => consumersOf(claim, informers, options.groups).map(podKey)
  const affected = (informers: Informers): string[] => informers.of(resourceClaims).list().filter(({ status }) => status?.allocation !== undefined).flatMap(consumers(informers))
  const rules = watch(deviceTaintRules, (rule, informers) => [`rule:${rule.metadata.name}`, ...affected(informers)], {
    changed: (rule, old) => !equalJson(rule.spec, old.spec) || rule.metadata.uid !== old.metadata.uid,
  })
  return {
    name,
    workers: 8,
    watches: [
      watch(pods, (pod) => (pod.spec?.resourceClaims === undefined ? [] : [podKey(pod)]), {
        changed: (pod, old) => pod.spec?.nodeName !== old.spec?.nodeName || !equalJson(pod.status?.resourceClaimStatuses, old.status?.resourceClaimStatuses),
      }),
      watch(resourceClaims, (claim, informers) => consumers(informers)(claim)),
      watch(resourceSlices, ({ spec }, informers) =>
        informers.of(resourceClaims).by(claimsByPool, `${spec.driver}/${spec.pool.name}`).flatMap(consumers(informers)), {
        changed: (slice, old) => !equalJson(taintsOf(slice), taintsOf(old)),
      }),
      ...(options.rules ? [rules] : []),
    ],
    sync(key, context) {
      const object = key.slice(key.indexOf(':') + 1)
      return key.startsWith('pod:') ? syncPod(object, context, memory, options) : syncRule(object, context, memory, options)
    },
  }
}

async function syncPod(key: string, context: KeyedContext, { scheduled, evicted }: Memory, options: DeviceTaintOptions): Promise<SyncResult | void> {
  const { informers, env, queue } = context
  const pod = informers.of(pods).get(key)
  if (pod === undefined) return void scheduled.delete(key)
  const rules = options.rules ? evictingRules(informers) : []
  const eviction = evictionOf(pod, { informers, rules, groups: options.groups })
  if (eviction === undefined) {
    if (scheduled.get(key) === pod.metadata.uid && scheduled.delete(key)) tell(pod, 'Cancelling deletion', context)
    return
  }
  scheduled.set(key, pod.metadata.uid)
  // More pods may follow: the status is not written for each of them.
  for (const rule of eviction.rules) queue.addAfter(`rule:${rule.metadata.name}`, statusPeriodMs)
  const leftMs = eviction.at - env.clock.now()
  if (leftMs > 0) return { requeueAfterMs: leftMs }
  if (pod.metadata.deletionTimestamp === undefined && await evict(pod, eviction, context)) {
    for (const { metadata: { uid = '' } } of eviction.rules) evicted.set(uid, (evicted.get(uid) ?? 0) + 1)
  }
  scheduled.delete(key)
}

function tell({ metadata }: Pod, message: string, { recorder }: KeyedContext): void {
  const about = { apiVersion: 'v1', kind: 'Pod', name: metadata.name, namespace: metadata.namespace, uid: metadata.uid }
  recorder(name).event(about, 'Normal', 'DeviceTaintManagerEviction', message)
}

/** True when the pod was there and is being deleted by us. */
async function evict(pod: Pod, eviction: Eviction, context: KeyedContext): Promise<boolean> {
  const { client, env, signal } = context
  const { namespace, name: podName = '', uid } = pod.metadata
  const key = { namespace, name: podName }
  try {
    const fresh = await client.get(pods, key, { signal })
    if (fresh.metadata.uid !== uid || fresh.metadata.deletionTimestamp !== undefined) return false
    tell(pod, 'Marking for deletion', context)
    const why = ['DeletionByDeviceTaintManager', 'Device Taint manager: deleting due to NoExecute taint'] as const
    const condition = disruptedConditions(fresh, ...why, formatTime(env.clock.now())).at(-1)
    await client.patch(pods, key, 'strategic', { metadata: { uid }, status: { conditions: [condition] } }, { subresource: 'status', signal })
    await client.delete(pods, key, { preconditions: { uid }, signal })
  } catch (error) {
    if (isStatus(error, 'NotFound')) return false
    throw error
  }
  const latency = (env.clock.now() - eviction.at) / 1000
  const { metrics } = env
  metrics.counter('device_taint_eviction_controller_pod_deletions_total', 'Total number of Pods deleted by DeviceTaintEvictionController since its start.').inc()
  metrics.histogram('device_taint_eviction_controller_pod_deletion_duration_seconds',
    'Latency, in seconds, between the time when a device taint effect has been activated and a Pod\'s deletion via DeviceTaintEvictionController.', durations).observe(latency)
  return true
}

const durations = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 60, 120, 180, 240]

async function syncRule(key: string, context: KeyedContext, memory: Memory, options: DeviceTaintOptions): Promise<SyncResult | void> {
  const { informers, client, env, signal } = context
  const rule = informers.of(deviceTaintRules).get(key)
  const last = memory.known.get(key)
  if (last !== undefined && last !== rule?.metadata.uid) memory.evicted.delete(last)
  if (rule === undefined) return void memory.known.delete(key)
  const { uid = '', generation } = rule.metadata
  memory.known.set(key, uid)
  const now = env.clock.now()
  const known = rule.status?.conditions?.find(({ type }) => type === 'EvictionInProgress')
  const sinceMs = now - (parseTime(known?.lastTransitionTime ?? '') ?? 0)
  if (known?.observedGeneration === generation && sinceMs < statusPeriodMs) return { requeueAfterMs: statusPeriodMs - sinceMs }
  const next = conditionOf(rule, { ...countsOf(rule, informers, options.groups), evictedPods: memory.evicted.get(uid) ?? 0 })
  const { lastTransitionTime: _, ...before } = known ?? { lastTransitionTime: '' }
  if (equalJson(before, next)) return
  const body = {
    apiVersion: 'resource.k8s.io/v1beta2', kind: 'DeviceTaintRule', metadata: { name: key, uid },
    status: { conditions: [{ ...next, lastTransitionTime: formatTime(now) }] },
  }
  await client.patch(deviceTaintRules, { name: key }, 'apply', body, { subresource: 'status', fieldManager: name, force: true, signal })
}

function countsOf(rule: DeviceTaintRule, informers: Informers, groups: boolean) {
  const { effect } = rule.spec.taint
  if (effect === 'NoExecute') return countPending(rule, evictingRules(informers), informers, groups)
  if (effect === 'None') return { ...countPending(rule, [rule], informers, groups), ...countDevices(rule, informers) }
  return { pendingPods: 0, pendingNamespaces: 0 }
}
