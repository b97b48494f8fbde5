/**
 * When pods have to leave devices with NoExecute taints, and because of which taints (upstream:
 * pkg/controller/devicetainteviction). Pure: everything is asked of the caches when it is needed.
 */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { Device, DeviceRequestAllocationResult, DeviceTaint, DeviceToleration, ResourceClaim, ResourceSlice } from '../../api/generated/types/resource-v1.ts'
import type { DeviceTaintRule } from '../../api/generated/types/resource-v1beta2.ts'
import { deviceTaintRules, pods, resourceClaims, resourceSlices } from '../../api/generated/resources.ts'
import { tolerates } from '../../api/helpers/taints.ts'
import { controllerOf } from '../../api/meta/owner-references.ts'
import { parseTime } from '../../api/meta/time.ts'
import type { Informers } from '../../client/informer.ts'
import { defineIndex, type Index } from '../../client/lister.ts'

/** A pod's last moment, in ms, and the rules that have a part in it. */
export interface Eviction {
  readonly at: number
  readonly rules: readonly DeviceTaintRule[]
}

/** What the judgement is made from; `rules` are those that evict. */
export interface TaintWorld {
  readonly informers: Informers
  readonly rules: readonly DeviceTaintRule[]
  /** Whether claims may be reserved for groups of pods (feature DRAWorkloadResourceClaims). */
  readonly groups: boolean
}

export const slicesByPool: Index<ResourceSlice> = defineIndex('pool', ({ spec }) => [`${spec.driver}/${spec.pool.name}`])
export const claimsByPool: Index<ResourceClaim> = defineIndex('allocated pools', ({ status }) =>
  new Set((status?.allocation?.devices?.results ?? []).map(({ driver, pool }) => `${driver}/${pool}`)))
export const podsByGroup: Index<Pod> = defineIndex('scheduling group', ({ metadata, spec }) => {
  const name = spec?.schedulingGroup?.podGroupName
  return name === undefined ? [] : [`${metadata.namespace}/${name}`]
})

/** The pods that hold the claim. */
export function consumersOf({ metadata, status }: ResourceClaim, informers: Informers, groups: boolean): Pod[] {
  return (status?.reservedFor ?? []).flatMap(({ apiGroup = '', resource, name, uid }) => {
    if (apiGroup === '' && resource === 'pods') {
      const pod = informers.of(pods).get({ namespace: metadata.namespace, name })
      return pod?.metadata.uid === uid ? [pod] : []
    }
    if (!groups || apiGroup !== 'scheduling.k8s.io' || resource !== 'podgroups') return []
    return informers.of(pods).by(podsByGroup, `${metadata.namespace}/${name}`)
  })
}

/** The rules that evict, of those in the cache. */
export const evictingRules = (informers: Informers): DeviceTaintRule[] =>
  informers.of(deviceTaintRules).list().filter(({ spec }) => spec.taint.effect === 'NoExecute')

export function ruleSelects({ spec }: DeviceTaintRule, { driver, pool, device }: { driver: string; pool: string; device: string }): boolean {
  const selector = spec.deviceSelector
  if (selector === undefined) return false
  return (selector.driver ?? driver) === driver && (selector.pool ?? pool) === pool && (selector.device ?? device) === device
}

/** The devices of the pool that are current: those of its newest generation. */
export function devicesOf(driver: string, pool: string, informers: Informers): Device[] {
  const slices = informers.of(resourceSlices).by(slicesByPool, `${driver}/${pool}`)
  const newest = Math.max(...slices.map(({ spec }) => spec.pool.generation))
  return slices.filter(({ spec }) => spec.pool.generation === newest).flatMap(({ spec }) => spec.devices ?? [])
}

/** When the pod has to go; undefined: it may stay. */
export function evictionOf(pod: Pod, world: TaintWorld): Eviction | undefined {
  if (!pod.spec?.nodeName) return undefined
  const all = (pod.spec.resourceClaims ?? []).flatMap(({ name, resourceClaimName, resourceClaimTemplateName }) => {
    const made = resourceClaimTemplateName === undefined ? undefined : pod.status?.resourceClaimStatuses?.find((status) => status.name === name)?.resourceClaimName
    const claimName = resourceClaimName ?? made
    const claim = claimName === undefined ? undefined : world.informers.of(resourceClaims).get({ namespace: pod.metadata.namespace, name: claimName })
    if (claim?.status?.allocation === undefined) return []
    if (resourceClaimName === undefined && !isOwnedFor(claim, pod, world.groups)) return []
    return isReservedFor(claim, pod, world.groups) ? claimEviction(claim, world) ?? [] : []
  })
  if (all.length === 0) return undefined
  return { at: Math.min(...all.map(({ at }) => at)), rules: [...new Set(all.flatMap(({ rules }) => rules))] }
}

function isOwnedFor(claim: ResourceClaim, pod: Pod, groups: boolean): boolean {
  const owner = controllerOf(claim)
  if (owner?.uid === pod.metadata.uid) return true
  return groups && owner?.kind === 'PodGroup' && owner.apiVersion.startsWith('scheduling.k8s.io/') && owner.name === pod.spec?.schedulingGroup?.podGroupName
}

function isReservedFor({ status }: ResourceClaim, pod: Pod, groups: boolean): boolean {
  const group = groups ? pod.spec?.schedulingGroup?.podGroupName : undefined
  return (status?.reservedFor ?? []).some(({ uid, apiGroup, resource, name }) =>
    uid === pod.metadata.uid || (group !== undefined && apiGroup === 'scheduling.k8s.io' && resource === 'podgroups' && name === group))
}

function claimEviction({ status }: ResourceClaim, { informers, rules }: TaintWorld): Eviction | undefined {
  let at = Infinity
  const reasons = new Set<DeviceTaintRule>()
  for (const result of status?.allocation?.devices?.results ?? []) {
    for (const taint of devicesOf(result.driver, result.pool, informers).find(({ name }) => name === result.device)?.taints ?? []) {
      if (taint.effect === 'NoExecute') at = Math.min(at, endOf(taint, result))
    }
    for (const rule of rules) {
      if (!ruleSelects(rule, result)) continue
      // Rules that are only tried out have another effect: their taint is judged as if it evicted.
      const end = endOf({ ...rule.spec.taint, effect: 'NoExecute' }, result)
      if (end === Infinity) continue
      at = Math.min(at, end)
      reasons.add(rule)
    }
  }
  return at === Infinity ? undefined : { at, rules: [...reasons] }
}

/** When the taint's time is over; Infinity: it is tolerated. The shortest of the tolerations that name a time decides. */
function endOf(taint: DeviceTaint, { tolerations = [] }: DeviceRequestAllocationResult): number {
  const matching = tolerations.filter((toleration) => toleration.effect === 'NoExecute' && toleratesDevice(toleration, taint))
  if (matching.some(({ tolerationSeconds }) => tolerationSeconds === undefined)) return Infinity
  const graceSeconds = matching.length === 0 ? 0 : Math.max(0, Math.min(...matching.map(({ tolerationSeconds = 0 }) => tolerationSeconds)))
  return (parseTime(taint.timeAdded ?? '') ?? 0) + graceSeconds * 1000
}

const toleratesDevice = (toleration: DeviceToleration, taint: DeviceTaint): boolean => tolerates(toleration, taint, { comparisonOperators: false })
