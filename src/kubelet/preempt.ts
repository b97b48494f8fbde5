/** Which pods make room for a critical one. Pure. Upstream: pkg/kubelet/preemption/preemption.go. */
import type { Pod } from '../api/generated/types/core-v1.ts'
import { podRequests } from '../api/helpers/pod-resources.ts'
import { podQOS } from '../api/helpers/qos.ts'
import { quantityMilliValue, quantityValue } from '../api/meta/quantity.ts'
import { isCriticalPod } from './pod.ts'

/** How much more of a resource is needed; cpu in thousandths. */
export interface Shortage {
  readonly resource: string
  readonly amount: number
}

export function requestOf(pod: Pod, resource: string): number {
  if (resource === 'pods') return 1
  const request = podRequests(pod)[resource] ?? 0
  return resource === 'cpu' ? quantityMilliValue(request) : quantityValue(request)
}

function isPreemptable(by: Pod, pod: Pod): boolean {
  if (isCriticalPod(by) && !isCriticalPod(pod)) return true
  const [own, other] = [by.spec!.priority, pod.spec!.priority]
  return own !== undefined && other !== undefined && own > other
}

function subtract(shortages: readonly Shortage[], pods: readonly Pod[]): Shortage[] {
  return shortages.flatMap(({ resource, amount }) => {
    const left = pods.reduce((rest, pod) => rest - requestOf(pod, resource), amount)
    return left > 0 ? [{ resource, amount: left }] : []
  })
}

const shown = (shortages: readonly Shortage[]): string => `[${shortages.map(({ resource, amount }) => `(res: ${resource}, q: ${amount}), `).join('')}]`

/** The pods to end, the least important class first. Throws Error with upstream's text when all together are not enough. */
export function podsToPreempt(by: Pod, pods: readonly Pod[], shortages: readonly Shortage[]): Pod[] {
  const candidates = pods.filter((pod) => isPreemptable(by, pod))
  const ofClass = (qos: string) => candidates.filter((pod) => podQOS(pod) === qos)
  const [bestEffort, burstable, guaranteed] = [ofClass('BestEffort'), ofClass('Burstable'), ofClass('Guaranteed')]
  const unmet = subtract(shortages, candidates)
  if (unmet.length > 0) throw new Error(`preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: ${shown(unmet)}`)
  // Of the better classes only what is needed when all of the worse are gone.
  const guaranteedGone = closest(guaranteed, subtract(shortages, [...bestEffort, ...burstable]))
  const burstableGone = closest(burstable, subtract(shortages, [...bestEffort, ...guaranteedGone]))
  return [...closest(bestEffort, subtract(shortages, [...burstableGone, ...guaranteedGone])), ...burstableGone, ...guaranteedGone]
}

/** One after the other the pod that comes nearest to what is still missing. */
function closest(pods: readonly Pod[], shortages: readonly Shortage[]): Pod[] {
  const left = [...pods]
  const chosen: Pod[] = []
  for (let missing = [...shortages]; missing.length > 0; missing = subtract(missing, [chosen.at(-1)!])) {
    const best = left.reduce((a, b) => {
      const [da, db] = [distance(missing, a), distance(missing, b)]
      return db < da || (db === da && isSmaller(b, a)) ? b : a
    })
    chosen.push(best)
    left.splice(left.indexOf(best), 1)
  }
  return chosen
}

function distance(shortages: readonly Shortage[], pod: Pod): number {
  return shortages.reduce((sum, { resource, amount }) => sum + (Math.max(0, amount - requestOf(pod, resource)) / amount) ** 2, 0)
}

function isSmaller(a: Pod, b: Pod): boolean {
  for (const resource of ['memory', 'cpu']) {
    const difference = requestOf(a, resource) - requestOf(b, resource)
    if (difference !== 0) return difference < 0
  }
  return true
}
