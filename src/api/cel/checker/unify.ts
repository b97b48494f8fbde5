/**
 * Whether a value of one type may stand where another is wanted, finding out what type parameters are on the way
 * (cel-go checker/types.go and mapping.go).
 */
import { type CelType, DYN, isDyn, listType, mapType, opaqueType, sameType, typeType } from '../types.ts'

/** What is known of type parameters, by name. */
export type Substitutions = ReadonlyMap<string, CelType>
type Mutable = Map<string, CelType>

const isWild = (type: CelType): boolean => isDyn(type) || type.kind === 'error'

/** The substitutions with what follows when every type fits; undefined when one does not. */
export function assignAll(
  known: Substitutions, from: readonly CelType[], to: readonly CelType[],
): Substitutions | undefined {
  const copy = new Map(known)
  return assignableList(copy, from, to) ? copy : undefined
}

export const assign = (known: Substitutions, from: CelType, to: CelType): Substitutions | undefined =>
  assignAll(known, [from], [to])

function assignableList(known: Mutable, from: readonly CelType[], to: readonly CelType[]): boolean {
  return from.length === to.length && from.every((type, index) => assignable(known, type, to[index] as CelType))
}

function assignable(known: Mutable, from: CelType, to: CelType): boolean {
  if (to.kind === 'param') {
    const { valid, bound } = validSubstitution(known, from, to)
    if (valid) return true
    if (bound) return false
  }
  if (from.kind === 'param') return validSubstitution(known, to, from).valid
  if (isWild(from) || isWild(to)) return true
  if (from.kind === 'null') return acceptsNull(to)
  if (to.kind === 'null') return acceptsNull(from)
  switch (from.kind) {
    case 'type': return to.kind === 'type'
    case 'opaque':
    case 'list':
    case 'map':
      return from.kind === to.kind && from.name === to.name && assignableList(known, from.params, to.params)
    default: return from.kind === to.kind && from.name === to.name
  }
}

const nullableKinds: ReadonlySet<string> = new Set(['opaque', 'struct', 'any', 'duration', 'timestamp', 'null'])
const acceptsNull = (type: CelType): boolean => type.nullable || nullableKinds.has(type.kind)

function validSubstitution(known: Mutable, type: CelType, param: CelType): { valid: boolean; bound: boolean } {
  if (type.kind === param.kind && sameType(type, param)) return { valid: true, bound: true }
  const bound = known.get(param.name)
  if (bound) {
    if (type.kind === bound.kind && sameType(type, bound)) return { valid: true, bound: true }
    if (!assignable(known, type, bound)) return { valid: false, bound: true }
    const general = mostGeneral(type, bound)
    if (!occursIn(known, param, general)) known.set(param.name, general)
    return { valid: true, bound: true }
  }
  if (occursIn(known, param, type)) return { valid: false, bound: false }
  known.set(param.name, type)
  return { valid: true, bound: false }
}

function occursIn(known: Substitutions, param: CelType, within: CelType): boolean {
  if (sameType(param, within)) return true
  switch (within.kind) {
    case 'param': {
      const bound = known.get(within.name)
      return bound !== undefined && occursIn(known, param, bound)
    }
    case 'opaque':
    case 'list':
    case 'map':
    case 'type': return within.params.some((inner) => occursIn(known, param, inner))
    default: return false
  }
}

export const mostGeneral = (a: CelType, b: CelType): CelType => (lessSpecific(a, b) ? a : b)

function lessSpecific(a: CelType, b: CelType): boolean {
  if (isDyn(a) || a.kind === 'param') return true
  if (isDyn(b) || b.kind === 'param') return false
  if (a.kind !== b.kind) return false
  switch (a.kind) {
    case 'opaque':
    case 'list':
    case 'map':
      return (
        a.name === b.name &&
        a.params.length === b.params.length &&
        a.params.every((inner, index) => lessSpecific(inner, b.params[index] as CelType))
      )
    case 'type': return true
    default: return sameType(a, b)
  }
}

/** The type with its known parameters put in; unknown ones become dyn when `close` says so. */
export function substitute(known: Substitutions, type: CelType, close: boolean): CelType {
  if (type.kind === 'param') {
    const bound = known.get(type.name)
    if (bound) return substitute(known, bound, close)
    return close ? DYN : type
  }
  if (type.params.length === 0) return type
  const params = type.params.map((inner) => substitute(known, inner, close))
  if (params.every((inner, index) => inner === type.params[index])) return type
  const [first = DYN, second = DYN] = params
  switch (type.kind) {
    case 'list': return listType(first)
    case 'map': return mapType(first, second)
    case 'type': return typeType(first)
    default: return opaqueType(type.name, ...params)
  }
}
