/** A pod's quality-of-service class (pkg/apis/core/v1/helper/qos): made of CPU and memory only. */
import type { Pod } from '../generated/types/core-v1.ts'
import { addQuantity, compareQuantity, quantitySign } from '../meta/quantity.ts'
import type { ReadonlyResourceList, ResourceList } from './pod-resources.ts'

export type QOSClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

const counts = (name: string): boolean => name === 'cpu' || name === 'memory'

/** Adds what counts, and answers whether both CPU and memory were there. */
function collect(total: ResourceList, list: ReadonlyResourceList | undefined): boolean {
  let found = 0
  for (const name in list) {
    const amount = list[name]!
    if (!counts(name) || quantitySign(amount) <= 0) continue
    found++
    total[name] = total[name] === undefined ? amount : addQuantity(total[name], amount)
  }
  return found === 2
}

/** The class that follows from the spec. */
export function computeQOS(pod: Pod): QOSClass {
  const requests: ResourceList = {}
  const limits: ResourceList = {}
  let guaranteed = true
  const podLevel = pod.spec?.resources
  if (podLevel) {
    collect(requests, podLevel.requests)
    if (Object.keys(podLevel.limits ?? {}).length > 0) guaranteed = collect(limits, podLevel.limits)
  } else {
    for (const container of [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]) {
      collect(requests, container.resources?.requests)
      if (!collect(limits, container.resources?.limits)) guaranteed = false
    }
  }
  const names = Object.keys(requests)
  const limitCount = Object.keys(limits).length
  if (names.length === 0 && limitCount === 0) return 'BestEffort'
  const equal = names.every(
    (name) => limits[name] !== undefined && compareQuantity(limits[name], requests[name]!) === 0,
  )
  return guaranteed && equal && names.length === limitCount ? 'Guaranteed' : 'Burstable'
}

/** The class in the status, or the one that follows from the spec. */
export function podQOS(pod: Pod): QOSClass {
  const stated = pod.status?.qosClass
  return stated === 'Guaranteed' || stated === 'Burstable' || stated === 'BestEffort' ? stated : computeQOS(pod)
}
