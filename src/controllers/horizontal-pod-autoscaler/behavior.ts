/** How fast a count may change, and how much of the past counts (upstream: podautoscaler/horizontal.go). Pure but for its memory. */
import type { HPAScalingRules, HorizontalPodAutoscaler } from '../../api/generated/types/autoscaling-v2.ts'

interface Recommendation {
  readonly replicas: number
  readonly at: number
}
interface Change {
  readonly by: number
  readonly at: number
}

/** What is remembered of one autoscaler. */
export class History {
  recommendations: Recommendation[]
  ups: Change[] = []
  downs: Change[] = []

  constructor(replicas: number, now: number) {
    this.recommendations = [{ replicas, at: now }]
  }

  /** Notes a change that was made, when rules of speed will want to know of it. */
  changed(behavior: Behavior | undefined, from: number, to: number, now: number): void {
    if (behavior === undefined) return
    const up = to > from
    const rules = up ? behavior.scaleUp : behavior.scaleDown
    const longestMs = Math.max(0, ...(rules?.policies ?? []).map(({ periodSeconds }) => periodSeconds * 1000))
    const kept = (up ? this.ups : this.downs).filter(({ at }) => at >= now - longestMs)
    kept.push({ by: Math.abs(to - from), at: now })
    if (up) this.ups = kept
    else this.downs = kept
  }
}

type Behavior = NonNullable<NonNullable<HorizontalPodAutoscaler['spec']>['behavior']>

export interface Bounds {
  readonly current: number
  readonly desired: number
  readonly min: number
  readonly max: number
}

interface Verdict {
  readonly reason: string
  readonly message: string
}
export interface Normalized {
  readonly replicas: number
  readonly ableToScale: Verdict
  readonly limited: Verdict & { readonly status: 'True' | 'False' }
}

const texts = {
  ScaleUpLimit: 'the desired replica count is increasing faster than the maximum scale rate',
  ScaleDownLimit: 'the desired replica count is decreasing faster than the maximum scale rate',
  TooManyReplicas: 'the desired replica count is more than the maximum replica count',
  TooFewReplicas: 'the desired replica count is less than the minimum replica count',
  DesiredWithinRange: 'the desired count is within the acceptable range',
  ScaleUpStabilized: 'recent recommendations were lower than current one, applying the lowest recent recommendation',
  ScaleDownStabilized: 'recent recommendations were higher than current one, applying the highest recent recommendation',
  ReadyForNewScale: 'recommended size matches current size',
} as const
type Reason = keyof typeof texts
const say = (reason: Reason): Verdict => ({ reason, message: texts[reason] })

/** The count that may be set now. `windowMs` is how long highs are remembered when there are no rules. */
export function normalize(history: History, behavior: Behavior | undefined, bounds: Bounds, windowMs: number, now: number): Normalized {
  const { scaleUp, scaleDown } = behavior ?? {}
  const ruled = scaleUp !== undefined && scaleDown !== undefined
  const steady = ruled ? steadyByRules(history, scaleUp, scaleDown, bounds, windowMs, now) : steadyByWindow(history, bounds.desired, windowMs, now)
  const isUp = bounds.desired >= bounds.current
  const [replicas, reason] = ruled
    ? limitByRules(history, scaleUp, scaleDown, { ...bounds, desired: steady }, now)
    : limit(steady, bounds.min, bounds.max, Math.max(2 * bounds.current, 4))
  return {
    replicas,
    ableToScale: say(steady === bounds.desired ? 'ReadyForNewScale' : ruled && isUp ? 'ScaleUpStabilized' : 'ScaleDownStabilized'),
    limited: { ...say(reason), status: replicas === steady ? 'False' : 'True' },
  }
}

/** The highest of what was recommended lately. */
function steadyByWindow(history: History, desired: number, windowMs: number, now: number): number {
  const recent = history.recommendations.filter(({ at }) => at >= now - windowMs)
  history.recommendations = [...recent, { replicas: desired, at: now }]
  return Math.max(desired, ...recent.map(({ replicas }) => replicas))
}

function steadyByRules(history: History, up: HPAScalingRules, down: HPAScalingRules, { current, desired }: Bounds, windowMs: number, now: number): number {
  const upCutoff = now - (up.stabilizationWindowSeconds ?? 0) * 1000
  const downCutoff = now - (down.stabilizationWindowSeconds === undefined ? windowMs : down.stabilizationWindowSeconds * 1000)
  const since = (cutoff: number): number[] => history.recommendations.filter(({ at }) => at > cutoff).map(({ replicas }) => replicas)
  const lowest = Math.min(desired, ...since(upCutoff))
  const highest = Math.max(desired, ...since(downCutoff))
  const kept = history.recommendations.filter(({ at }) => at >= upCutoff || at >= downCutoff)
  history.recommendations = [...kept, { replicas: desired, at: now }]
  return Math.min(Math.max(current, lowest), highest)
}

function limit(desired: number, min: number, max: number, upLimit: number): [number, Reason] {
  if (desired < min) return [min, 'TooFewReplicas']
  const most = Math.min(max, upLimit)
  if (desired > most) return [most, max > upLimit ? 'ScaleUpLimit' : 'TooManyReplicas']
  return [desired, 'DesiredWithinRange']
}

function limitByRules(history: History, up: HPAScalingRules, down: HPAScalingRules, { current, desired, min, max }: Bounds, now: number): [number, Reason] {
  if (desired > current) {
    const reach = Math.max(current, rateLimit(history, up, current, 1, now))
    const most = Math.min(max, reach)
    if (desired > most) return [most, max > reach ? 'ScaleUpLimit' : 'TooManyReplicas']
  } else if (desired < current) {
    const reach = Math.min(current, rateLimit(history, down, current, -1, now))
    const least = Math.max(min, reach)
    if (desired < least) return [least, min < reach ? 'ScaleDownLimit' : 'TooFewReplicas']
  }
  return [desired, 'DesiredWithinRange']
}

/** How far the policies let the count go, up (1) or down (-1). */
function rateLimit({ ups, downs }: History, { selectPolicy = 'Max', policies = [] }: HPAScalingRules, current: number, direction: 1 | -1, now: number): number {
  if (selectPolicy === 'Disabled') return current
  const within = (changes: readonly Change[], periodSeconds: number): number =>
    changes.filter(({ at }) => at > now - periodSeconds * 1000).reduce((sum, { by }) => sum + by, 0)
  const limits = policies.map(({ type, value, periodSeconds }) => {
    const start = current - within(ups, periodSeconds) + within(downs, periodSeconds)
    if (type === 'Pods') return start + direction * value
    const scaled = start * (1 + (direction * value) / 100)
    return direction > 0 ? Math.ceil(scaled) : Math.trunc(scaled)
  })
  return (selectPolicy === 'Min') === (direction > 0) ? Math.min(...limits) : Math.max(...limits)
}
