/** Ranges of sizes and costs, in uint64 that does not overflow (cel-go checker/cost.go). */
export interface Range {
  readonly min: bigint
  readonly max: bigint
}

export const MAX = 2n ** 64n - 1n
const limit = (value: bigint): bigint => (value > MAX ? MAX : value)
const lesser = (a: bigint, b: bigint): bigint => (a < b ? a : b)
const greater = (a: bigint, b: bigint): bigint => (a > b ? a : b)

export const range = (min: bigint, max: bigint): Range => ({ min, max })
export const fixed = (value: bigint | number): Range => ({ min: BigInt(value), max: BigInt(value) })
export const UNKNOWN = range(0n, MAX)
export const NOTHING = fixed(0)
export const ONE = fixed(1)

export const plus = (...all: readonly Range[]): Range =>
  all.reduce((a, b) => range(limit(a.min + b.min), limit(a.max + b.max)), NOTHING)

export const times = (a: Range, b: Range): Range => range(limit(a.min * b.min), limit(a.max * b.max))

/** What holds for either. */
export const union = (a: Range, b: Range): Range => range(lesser(a.min, b.min), greater(a.max, b.max))

/** The cost of a size, rounded up. */
export const scaled = (size: Range, factor: number): Range => range(scale(size.min, factor), scale(size.max, factor))

function scale(value: bigint, factor: number): bigint {
  const product = Math.ceil(Number(value) * factor)
  return product >= 2 ** 64 ? MAX : BigInt(product)
}
