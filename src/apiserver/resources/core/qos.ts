import type { Pod } from '../../../api/generated/types/core-v1.ts'
import { addQuantity, compareQuantity, formatQuantity, quantitySign } from '../../../api/meta/quantity.ts'

type Resources = Record<string, string>
const counted = ['cpu', 'memory'] as const

function add(total: Resources, list: Readonly<Resources> | undefined): void {
  for (const name of counted) {
    const value = list?.[name]
    if (value === undefined || quantitySign(value) <= 0) continue
    total[name] = total[name] === undefined ? value : formatQuantity(addQuantity(total[name], value))
  }
}

const hasBoth = (list: Readonly<Resources> | undefined): boolean =>
  counted.every((name) => list?.[name] !== undefined && quantitySign(list[name]) > 0)

/** The quality-of-service class of a pod (upstream: ComputePodQOS). Ephemeral containers do not count. */
export function podQOS({ spec }: Pod): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const holders = spec?.resources !== undefined ? [spec.resources]
    : [...spec?.containers ?? [], ...spec?.initContainers ?? []].map((c) => c.resources)
  const requests: Resources = {}
  const limits: Resources = {}
  for (const holder of holders) {
    add(requests, holder?.requests)
    add(limits, holder?.limits)
  }
  if (Object.keys(requests).length === 0 && Object.keys(limits).length === 0) return 'BestEffort'
  const complete = holders.every((holder) => hasBoth(holder?.limits))
  const equal = Object.keys(requests).length === Object.keys(limits).length &&
    Object.entries(requests).every(([name, value]) => limits[name] !== undefined && compareQuantity(limits[name], value) === 0)
  return complete && equal ? 'Guaranteed' : 'Burstable'
}
