/** How many replicas a metric asks for (upstream: pkg/controller/podautoscaler/replica_calculator.go). Pure. */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { isPodReady, podCondition } from '../../api/helpers/pod-conditions.ts'
import { hasPodLevelRequests, isRestartableInit, podRequests } from '../../api/helpers/pod-resources.ts'
import { quantityMilliValue } from '../../api/meta/quantity.ts'
import { parseTime } from '../../api/meta/time.ts'

export interface Tolerances {
  readonly up: number
  readonly down: number
}

export interface PodMetric {
  /** In thousandths. */
  readonly value: number
  readonly at: number
  readonly windowMs: number
}
export type PodMetrics = ReadonlyMap<string, PodMetric>

export interface Proposal {
  readonly replicas: number
  /** The average, or what the object has, in thousandths. */
  readonly usage: number
  /** Percent of what was requested; of resource metrics with a target of that kind. */
  readonly utilization?: number
}

export interface CalculatorOptions {
  readonly now: number
  /** So long after its start a pod's use of CPU says little. */
  readonly cpuInitializationMs: number
  /** A pod that became unready within this of its start has never been ready. */
  readonly initialReadinessMs: number
}

const maxInt32 = 2_147_483_647
const isWithin = (ratio: number, { up, down }: Tolerances): boolean => 1 - down <= ratio && ratio <= 1 + up

interface Groups {
  readonly ready: number
  readonly unready: ReadonlySet<string>
  readonly missing: ReadonlySet<string>
  readonly ignored: ReadonlySet<string>
}

/** Which pods count for the metric. */
export function groupPods(pods: readonly Pod[], metrics: PodMetrics, resource: string, options: CalculatorOptions): Groups {
  const [unready, missing, ignored] = [new Set<string>(), new Set<string>(), new Set<string>()]
  let ready = 0
  for (const pod of pods) {
    const { name = '', deletionTimestamp } = pod.metadata
    const metric = metrics.get(name)
    if (deletionTimestamp !== undefined || pod.status?.phase === 'Failed') ignored.add(name)
    else if (pod.status?.phase === 'Pending') unready.add(name)
    else if (metric === undefined) missing.add(name)
    else if (resource === 'cpu' && isStarting(pod, metric, options)) unready.add(name)
    else ready++
  }
  return { ready, unready, missing, ignored }
}

function isStarting(pod: Pod, metric: PodMetric, { now, cpuInitializationMs, initialReadinessMs }: CalculatorOptions): boolean {
  const condition = podCondition(pod, 'Ready')
  const start = parseTime(pod.status?.startTime ?? '')
  if (condition === undefined || start === undefined) return true
  const since = parseTime(condition.lastTransitionTime ?? '') ?? 0
  if (start + cpuInitializationMs > now) return condition.status === 'False' || metric.at < since + metric.windowMs
  return condition.status === 'False' && start + initialReadinessMs > since
}

type Ratio = (metrics: PodMetrics) => { ratio: number; usage: number; utilization?: number }

/**
 * The common part: pods without a metric count as using nothing when there is to be more, and their target (or all they
 * asked for) when there is to be less; what would turn the direction round is dropped.
 */
function propose(
  pods: readonly Pod[], metrics: PodMetrics, resource: string, current: number, tolerances: Tolerances, options: CalculatorOptions,
  ratioOf: Ratio, fallback: (pod: string) => number,
): Proposal {
  if (pods.length === 0) throw new Error('no pods returned by selector while calculating replica count')
  const { ready, unready, missing, ignored } = groupPods(pods, metrics, resource, options)
  const counted = new Map([...metrics].filter(([name]) => !ignored.has(name) && !unready.has(name)))
  if (counted.size === 0) throw new Error('did not receive metrics for targeted pods (pods might be unready)')
  const { ratio, ...figures } = ratioOf(counted)
  const stay = { replicas: current, ...figures }
  const upWithUnready = unready.size > 0 && ratio > 1
  if (!upWithUnready && missing.size === 0) {
    return isWithin(ratio, tolerances) ? stay : { ...figures, replicas: ceil(ratio * ready) }
  }
  const assume = (name: string, value: number): void => void counted.set(name, { value, at: 0, windowMs: 0 })
  for (const name of missing) if (ratio !== 1) assume(name, ratio < 1 ? fallback(name) : 0)
  if (upWithUnready) for (const name of unready) assume(name, 0)
  const next = ratioOf(counted).ratio
  if (isWithin(next, tolerances) || (ratio < 1 && next > 1) || (ratio > 1 && next < 1)) return stay
  const replicas = ceil(next * counted.size)
  const turned = (next < 1 && replicas > current) || (next > 1 && replicas < current)
  return turned ? stay : { ...figures, replicas }
}

const ceil = (value: number): number => Math.min(maxInt32, Math.ceil(value))

/** A target in percent of the requests. */
export function resourceReplicas(
  pods: readonly Pod[], metrics: PodMetrics, resource: string, container: string, current: number, target: number,
  tolerances: Tolerances, options: CalculatorOptions,
): Proposal {
  const requests = new Map<string, number>()
  const requestOf = (name: string): number | undefined => requests.get(name)
  return propose(pods, metrics, resource, current, tolerances, options, (counted) => {
    if (requests.size === 0) for (const pod of pods) requests.set(pod.metadata.name ?? '', request(pod, container, resource))
    let [used, asked, count] = [0, 0, 0]
    for (const [name, { value }] of counted) {
      const own = requestOf(name)
      if (own === undefined) continue
      used += value
      asked += own
      count++
    }
    if (asked === 0) throw new Error('no metrics returned matched known pods')
    const utilization = Math.trunc((used * 100) / asked)
    return { ratio: utilization / target, utilization, usage: Math.trunc(used / count) }
  }, (name) => Math.trunc(((requestOf(name) ?? 0) * Math.max(100, target)) / 100))
}

/** A target for the average of all pods, in thousandths. `resource` is '' for metrics that are no resources. */
export function averageReplicas(
  pods: readonly Pod[], metrics: PodMetrics, resource: string, current: number, target: number, tolerances: Tolerances, options: CalculatorOptions,
): Proposal {
  return propose(pods, metrics, resource, current, tolerances, options, (counted) => {
    const total = [...counted.values()].reduce((sum, { value }) => sum + value, 0)
    const usage = Math.trunc(total / counted.size)
    return { ratio: usage / target, usage }
  }, () => target)
}

/** A target for one value that all pods share. */
export function valueReplicas(pods: readonly Pod[], usage: number, current: number, target: number, tolerances: Tolerances): Proposal {
  const ratio = usage / target
  if (current === 0) return { replicas: ceil(ratio), usage }
  if (isWithin(ratio, tolerances)) return { replicas: current, usage }
  if (pods.length === 0) throw new Error('unable to calculate ready pods: no pods returned by selector while calculating replica count')
  const ready = pods.filter((pod) => pod.status?.phase === 'Running' && isPodReady(pod)).length
  return { replicas: ceil(ratio * ready), usage }
}

/** A target for one value divided by the number of pods. */
export function perPodReplicas(usage: number, statusReplicas: number, target: number, tolerances: Tolerances): Proposal {
  const ratio = usage / (target * statusReplicas)
  const replicas = isWithin(ratio, tolerances) ? statusReplicas : ceil(usage / target)
  return { replicas, usage: Math.ceil(usage / statusReplicas) }
}

function request(pod: Pod, container: string, resource: string): number {
  const { name } = pod.metadata
  if (container === '' && hasPodLevelRequests(pod)) {
    const own = podRequests(pod)[resource]
    if (own === undefined) throw new Error(`missing pod-level request for ${resource} in Pod ${name}`)
    return quantityMilliValue(own)
  }
  let sum = 0
  for (const one of [...pod.spec!.containers, ...(pod.spec!.initContainers ?? []).filter(isRestartableInit)]) {
    if (container !== '' && one.name !== container) continue
    const own = one.resources?.requests?.[resource]
    if (own === undefined) throw new Error(`missing request for ${resource} in container ${one.name} of Pod ${name}`)
    sum += quantityMilliValue(own)
    if (container !== '') return sum
  }
  if (container !== '') throw new Error(`container ${container} not found in Pod ${name}`)
  return sum
}
