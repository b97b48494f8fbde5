/** What a DeviceTaintRule's status tells about its work. Pure. */
import type { DeviceTaintRule } from '../../api/generated/types/resource-v1beta2.ts'
import type { Condition } from '../../api/generated/types/meta-v1.ts'
import { pods, resourceClaims, resourceSlices } from '../../api/generated/resources.ts'
import type { Informers } from '../../client/informer.ts'
import { evictionOf, devicesOf, ruleSelects } from './evictions.ts'

export interface RuleCounts {
  readonly pendingPods: number
  readonly pendingNamespaces: number
  /** Counted for rules without effect only. */
  readonly published?: number
  readonly allocated?: number
  readonly evictedPods: number
}

/** Pods that the rule evicts, or would evict if it had that effect. */
export function countPending(rule: DeviceTaintRule, rules: readonly DeviceTaintRule[], informers: Informers, groups: boolean): Pick<RuleCounts, 'pendingPods' | 'pendingNamespaces'> {
  const pending = informers.of(pods).list().filter((pod) => pod.metadata.deletionTimestamp === undefined
    && evictionOf(pod, { informers, rules, groups })?.rules.some(({ metadata }) => metadata.uid === rule.metadata.uid) === true)
  return { pendingPods: pending.length, pendingNamespaces: new Set(pending.map(({ metadata }) => metadata.namespace)).size }
}

/** Devices that the rule selects: published ones, and uses of devices in claims. */
export function countDevices(rule: DeviceTaintRule, informers: Informers): Pick<Required<RuleCounts>, 'published' | 'allocated'> {
  const names = new Set(informers.of(resourceSlices).list().map(({ spec }) => JSON.stringify([spec.driver, spec.pool.name])))
  const published = [...names].reduce((sum, key) => {
    const [driver, pool] = JSON.parse(key) as [string, string]
    return sum + devicesOf(driver, pool, informers).filter(({ name }) => ruleSelects(rule, { driver, pool, device: name })).length
  }, 0)
  const results = informers.of(resourceClaims).list().flatMap(({ status }) => status?.allocation?.devices?.results ?? [])
  return { published, allocated: results.filter((result) => ruleSelects(rule, result)).length }
}

/** The condition without its time. */
export function conditionOf({ metadata, spec }: DeviceTaintRule, counts: RuleCounts): Omit<Condition, 'lastTransitionTime'> {
  const { pendingPods, evictedPods } = counts
  const base = { type: 'EvictionInProgress', status: 'False', observedGeneration: metadata.generation }
  const evicted = evictedPods === 0 ? [] : [`${some(evictedPods, 'pod', 'pods')} evicted since starting the controller.`]
  const places = some(counts.pendingNamespaces, 'namespace', 'different namespaces')
  const { effect } = spec.taint
  if (effect === 'NoExecute') {
    if (pendingPods > 0) {
      const pending = `${some(pendingPods, 'pod needs', 'pods need')} to be evicted in ${places}.`
      return { ...base, status: 'True', reason: 'PodsPendingEviction', message: [pending, ...evicted].join(' ') }
    }
    return { ...base, reason: evictedPods > 0 ? 'Completed' : 'NotStarted', message: evicted.join(' ') }
  }
  if (effect === 'None') {
    const devices = `${some(counts.published ?? 0, 'published device', 'published devices')} selected. ${some(counts.allocated ?? 0, 'allocated device', 'allocated devices')} selected. `
    const would = `${some(pendingPods, 'pod', 'pods')} would be evicted in ${places} if the effect was NoExecute. `
    const rest = 'This information will not be updated again. Recreate the DeviceTaintRule to trigger an update.'
    return { ...base, reason: 'NoEffect', message: [devices + would + rest, ...evicted].join(' ') }
  }
  return { ...base, reason: 'OtherEffect', message: ['Eviction only happens for the NoExecute effect.', ...evicted].join(' ') }
}

const some = (count: number, one: string, many: string): string => (count === 1 ? `1 ${one}` : `${count} ${many}`)
