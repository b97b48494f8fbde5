/** Shares out concurrency among priority levels in proportion to what they ask for, within bounds (flowcontrol/conc_alloc.go). */

export interface Claim {
  readonly lower: number
  readonly upper: number
  /** Not below `lower`. */
  readonly target: number
}

export interface Allocation {
  readonly amounts: readonly number[]
  /** What part of its target everybody gets whom no bound holds. */
  readonly fairFraction: number
}

const minTarget = 0.001
const epsilon = 1e-7

/** Undefined when there is no solution: the bounds leave no room for the sum. */
export function allocate(sum: number, claims: readonly Claim[]): Allocation | undefined {
  const items = claims.map(({ lower, upper, target: wanted }) => {
    const target = Math.max(wanted, minTarget)
    return { lower, upper, target, relativeLower: lower / target, relativeUpper: upper / target }
  })
  const total = (of: (item: (typeof items)[number]) => number) => items.reduce((all, item) => all + of(item), 0)
  const [lowSum, highSum] = [total((item) => item.lower), total((item) => item.upper)]
  if (items.some(({ lower, upper, relativeLower }) => lower < 0 || upper < lower || relativeLower > 1)) return undefined
  if (sum < 0 || lowSum - sum > epsilon || sum - highSum > epsilon) return undefined
  if (sum === 0) return { amounts: items.map(() => 0), fairFraction: 0 }
  const lowest = Math.min(...items.map((item) => item.relativeLower))
  if (lowSum - sum > -epsilon) return { amounts: items.map((item) => item.lower), fairFraction: lowest }
  if (sum - highSum > -epsilon) {
    return { amounts: items.map((item) => item.upper), fairFraction: Math.max(...items.map((item) => item.relativeUpper)) }
  }
  const bounds = items.flatMap(({ target, relativeLower, relativeUpper }) => [
    { at: relativeLower, change: target }, { at: relativeUpper, change: -target },
  ]).sort((a, b) => a.at - b.at)
  // Raises the fraction from bound to bound; between two of them the sum grows with the targets that no bound holds.
  let fraction = lowest
  let soFar = lowSum
  let sensitive = 0
  for (let i = 0; i < bounds.length && soFar < sum; i++) {
    const { at, change } = bounds[i]!
    if (at > fraction) {
      const wanted = sensitive > 0 ? fraction + (sum - soFar) / sensitive : Infinity
      if (wanted <= at) {
        fraction = wanted
        break
      }
      soFar += (at - fraction) * sensitive
      fraction = at
    }
    sensitive += change
  }
  return { amounts: items.map(({ lower, upper, target }) => Math.max(lower, Math.min(upper, fraction * target))), fairFraction: fraction }
}
