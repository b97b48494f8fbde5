/** Small checks that every kind's validation is made of. */
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired } from '../../../api/meta/field-errors.ts'
import { isDNS1123Label, isDNS1123Subdomain, isPortName, isPortNumber, isQualifiedName, nameIsDNSLabel } from '../../../api/meta/names.ts'
import { compareQuantity, formatQuantity, type QuantityLike } from '../../../api/meta/quantity.ts'

export type Errors = Iterable<FieldError>

/** One invalid value per message. */
export function* invalidAll(path: string, value: unknown, messages: readonly string[]): Generator<FieldError> {
  for (const message of messages) yield fieldInvalid(path, value, message)
}

export const dnsLabel = (path: string, value: string): Errors => invalidAll(path, value, isDNS1123Label(value))
export const dnsSubdomain = (path: string, value: string): Errors => invalidAll(path, value, isDNS1123Subdomain(value))
export const namespaceName = (path: string, value: string): Errors => invalidAll(path, value, nameIsDNSLabel(value, false))
export const qualifiedName = (path: string, value: string): Errors => invalidAll(path, value, isQualifiedName(value))

export function* required(path: string, value: unknown, detail = ''): Generator<FieldError> {
  if (value === undefined || value === null || value === '') yield fieldRequired(path, detail)
}

export function* nonNegative(path: string, value: number | undefined): Generator<FieldError> {
  if ((value ?? 0) < 0) yield fieldInvalid(path, value, 'must be greater than or equal to 0')
}

export function* positive(path: string, value: number): Generator<FieldError> {
  if (value <= 0) yield fieldInvalid(path, value, 'must be greater than zero')
}

export function* nonNegativeQuantity(path: string, value: QuantityLike): Generator<FieldError> {
  if (compareQuantity(value, '0') < 0) yield fieldInvalid(path, formatQuantity(value), 'must be greater than or equal to 0')
}

export function* positiveQuantity(path: string, value: QuantityLike): Generator<FieldError> {
  if (compareQuantity(value, '0') <= 0) yield fieldInvalid(path, formatQuantity(value), 'must be greater than zero')
}

/** One of `supported`, which is printed in the order given; an empty value is missing. */
export function* oneOf(path: string, value: string | undefined, supported: readonly string[]): Generator<FieldError> {
  if (!value) yield fieldRequired(path)
  else if (!supported.includes(value)) yield fieldNotSupported(path, value, supported)
}

/** The same for a value that may be absent. */
export function* optionalOneOf(path: string, value: string | undefined, supported: readonly string[]): Generator<FieldError> {
  if (value !== undefined && !supported.includes(value)) yield fieldNotSupported(path, value, supported)
}

/** "acme.io/foo": a domain, a slash and a path. */
export function* domainPrefixedPath(path: string, value: string): Generator<FieldError> {
  if (value === '') {
    yield fieldRequired(path)
    return
  }
  const slash = value.indexOf('/')
  if (slash <= 0 || slash === value.length - 1) {
    yield fieldInvalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')
    return
  }
  yield* dnsSubdomain(path, value.slice(0, slash))
  const rest = value.slice(slash + 1)
  if (!httpPath.test(rest)) yield fieldInvalid(path, rest, `Invalid path (regex used for validation is '${httpPathFormat}')`)
}

const httpPathFormat = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"
const httpPath = new RegExp(`^${httpPathFormat}$`)

/** A port by number or by name. */
export function* portNumberOrName(path: string, port: number | string): Generator<FieldError> {
  yield* invalidAll(path, port, typeof port === 'number' ? isPortNumber(port) : isPortName(port))
}

/** A relative path that stays below where it starts. */
export function* localDescendingPath(path: string, target: string): Generator<FieldError> {
  if (target.startsWith('/')) yield fieldInvalid(path, target, 'must be a relative path')
  yield* noBacksteps(path, target)
}

export function* noBacksteps(path: string, target: string): Generator<FieldError> {
  if (target.split('/').includes('..')) yield fieldInvalid(path, target, "must not contain '..'")
}

/** A path for a file in a volume that the kubelet writes: nothing that starts with two dots. */
export function* localNonReservedPath(path: string, target: string): Generator<FieldError> {
  yield* localDescendingPath(path, target)
  if (target.startsWith('..') && !target.startsWith('../')) yield fieldInvalid(path, target, "must not start with '..'")
}

/** Permission bits. */
export function* fileMode(path: string, mode: number | undefined): Generator<FieldError> {
  if (mode !== undefined && (mode > 0o777 || mode < 0)) yield fieldInvalid(path, mode, 'must be a number between 0 and 0777 (octal), both inclusive')
}

/** The first of several sources is checked; each further one is one too many. */
export function* onlyOne(
  path: string, sources: readonly (readonly [name: string, value: unknown, check: (() => Errors) | undefined])[], tooMany: string,
): Generator<FieldError, number> {
  let count = 0
  for (const [name, value, check] of sources) {
    if (value === undefined) continue
    if (count > 0) yield fieldForbidden(`${path}.${name}`, tooMany)
    else if (check !== undefined) yield* check()
    count++
  }
  return count
}

export const size = (value: object | undefined | null): number => Object.keys(value ?? {}).length

const sameJson = (a: unknown, b: unknown): boolean => JSON.stringify(sortKeys(a)) === JSON.stringify(sortKeys(b))

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(sortKeys)
  if (typeof value !== 'object' || value === null) return value ?? undefined
  const entries = Object.entries(value).map(([key, item]) => [key, sortKeys(item)] as const).filter(([, item]) => item !== undefined)
  return entries.length === 0 ? {} : Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Equal as upstream's semantic equality: order of keys does not count, absent and empty collections are the same. */
export const semanticEqual = sameJson

export function* immutable(path: string, value: unknown, old: unknown): Generator<FieldError> {
  if (!semanticEqual(value, old)) yield fieldInvalid(path, value ?? null, 'field is immutable')
}
