import type { Pod } from '../api/generated/types/core-v1.ts'
import { podRequests } from '../api/helpers/pod-resources.ts'
import { type QuantityLike, quantityMilliValue, quantityValue } from '../api/meta/quantity.ts'

/**
 * Resource names as small integers, so that requests and capacities are flat vectors. CPU counts in thousandths, the rest
 * in whole units. The four standard ones have fixed places; extended ones are numbered as they are met.
 */
export const cpu = 0
export const ephemeralStorage = 2
export const podCount = 3

const names: string[] = ['cpu', 'memory', 'ephemeral-storage', 'pods']
const columns = new Map(names.map((name, column) => [name, column]))

export function columnOf(name: string): number {
  let column = columns.get(name)
  if (column === undefined) {
    column = names.length
    names.push(name)
    columns.set(name, column)
  }
  return column
}

export function resourceName(column: number): string {
  return names[column]!
}

/** Amounts by column; columns past the end are 0. */
export type ResourceVector = number[]

export function vectorOf(list: Readonly<Record<string, QuantityLike>> | undefined): ResourceVector {
  const vector: ResourceVector = [0, 0, 0, 0]
  for (const [name, amount] of Object.entries(list ?? {})) setAmount(vector, name, amount)
  return vector
}

function setAmount(vector: ResourceVector, name: string, amount: QuantityLike): void {
  const column = columnOf(name)
  while (vector.length <= column) vector.push(0)
  vector[column] = column === cpu ? quantityMilliValue(amount) : quantityValue(amount)
}

export function addTo(target: ResourceVector, amounts: ResourceVector, sign: 1 | -1): void {
  while (target.length < amounts.length) target.push(0)
  for (let i = 0; i < amounts.length; i++) target[i]! += sign * amounts[i]!
}

/** What a container counts for when it requests nothing (upstream: scheduler/util/pod_resources.go). */
const defaultMilliCpu = 100
const defaultMemory = 200 * 1024 * 1024

export interface PodResources {
  readonly requests: ResourceVector
  /** With the defaults for containers that state no CPU or memory, for scoring. */
  readonly nonZero: ResourceVector
}

export function resourcesOf(pod: Pod): PodResources {
  return {
    requests: vectorOf(podRequests(pod, { useStatus: true })),
    nonZero: vectorOf(podRequests(pod, { useStatus: true, nonMissing: { cpu: `${defaultMilliCpu}m`, memory: String(defaultMemory) } })),
  }
}

export { isExtendedResource } from '../api/helpers/pod-resources.ts'
