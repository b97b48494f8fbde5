/** What a schema says of the sizes of values (apiextensions-apiserver schema/cel/compilation.go: sizeEstimator). */
import type { SizeOf } from '../cost/estimate.ts'
import { range } from '../cost/range.ts'
import type { Declaration } from './declare.ts'

/** Sizes for estimateCost() of expressions whose variables are of the declaration's type. */
export const schemaSizes = (root: Declaration): SizeOf => (path) => {
  let at: Declaration | undefined = root
  for (const name of path.slice(1)) {
    // Keys of maps are texts without a known length.
    if (name === '@keys') return at.fields || !isMap(at) ? undefined : range(0n, 0n)
    at = name === '@items' || name === '@values' ? at.element : at.fields?.get(name)?.declaration
    if (!at) return undefined
  }
  return range(0n, BigInt(at.maxElements ?? 0))
}

const isMap = (declaration: Declaration): boolean => declaration.type.kind === 'map'
