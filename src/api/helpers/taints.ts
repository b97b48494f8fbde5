/** Taints and what tolerates them (k8s.io/api core/v1 toleration, component-helpers scheduling). */
import type { Taint, Toleration } from '../generated/types/core-v1.ts'
import { isDecimalInteger } from '../meta/names.ts'

export interface TaintLike {
  readonly key?: string
  readonly value?: string
  readonly effect?: string
}

export interface TaintOptions {
  /** The operators Lt and Gt count (feature TaintTolerationComparisonOperators). */
  readonly comparisonOperators?: boolean
}

function compare(toleration: string, taint: string, operator: string): boolean {
  if (isDecimalInteger(toleration).length > 0 || isDecimalInteger(taint).length > 0) return false
  return operator === 'Lt' ? BigInt(taint) < BigInt(toleration) : BigInt(taint) > BigInt(toleration)
}

export function tolerates(
  toleration: Toleration, taint: TaintLike, options: TaintOptions = { comparisonOperators: true },
): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false
  if (toleration.key && toleration.key !== taint.key) return false
  switch (toleration.operator ?? '') {
    case '': case 'Equal':
      return (toleration.value ?? '') === (taint.value ?? '')
    case 'Exists':
      return true
    case 'Lt': case 'Gt':
      return options.comparisonOperators === true
        && compare(toleration.value ?? '', taint.value ?? '', toleration.operator!)
    default:
      return false
  }
}

/** Whether any of the tolerations tolerates the taint. */
export function toleratesTaint(
  tolerations: readonly Toleration[] | undefined, taint: TaintLike, options?: TaintOptions,
): boolean {
  if (tolerations === undefined) return false
  for (const toleration of tolerations) if (tolerates(toleration, taint, options)) return true
  return false
}

/** The first taint with one of `effects` (all without) that nothing tolerates. */
export function findUntoleratedTaint(
  taints: readonly Taint[] | undefined, tolerations: readonly Toleration[] | undefined,
  effects?: readonly string[], options?: TaintOptions,
): Taint | undefined {
  for (const taint of taints ?? []) {
    if (effects !== undefined && !effects.includes(taint.effect)) continue
    if (!toleratesTaint(tolerations, taint, options)) return taint
  }
  return undefined
}

/** Taints are one when key and effect are. */
export function sameTaint(a: TaintLike, b: TaintLike): boolean {
  return a.key === b.key && a.effect === b.effect
}

export function hasTaint(taints: readonly Taint[] | undefined, taint: TaintLike): boolean {
  return taints?.some((t) => sameTaint(t, taint)) ?? false
}
