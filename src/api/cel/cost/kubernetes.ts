/**
 * What calls cost when they run, with Kubernetes' libraries (apiserver/pkg/cel/library/cost.go: CallCost; cel-go
 * ext/sets.go and ext/lists.go for theirs).
 */
import { Buffer } from 'node:buffer'
import type { CallCost } from '../eval/plan.ts'
import { FormatValue } from '../library/formats.ts'
import { Opaque, adapt, isList, isMap, itemsOf, mapGet, mapKeys } from '../values.ts'
import { actualSize, standardCallCost, tenth } from './runtime.ts'

type Cost = (args: readonly unknown[], overload: string, result: unknown) => number | undefined

/** What reading a value whole costs. */
function traversal(value: unknown): number {
  if (typeof value === 'string') return Math.floor(Buffer.byteLength(value) * 0.1)
  if (value instanceof Uint8Array) return Math.floor(value.length * 0.1)
  if (isList(value)) return itemsOf(value).reduce<number>((sum, item) => sum + traversal(adapt(item)), 0)
  if (isMap(value)) return mapKeys(value).reduce<number>((sum, key) => sum + traversal(key) + traversal(mapGet(value, key)), 0)
  return 1
}

const one: Cost = () => 1
const read: Cost = ([text]) => tenth(actualSize(text))
const readTwice: Cost = ([text]) => tenth(actualSize(text) * 2)
const pattern = (text: unknown, size: number): number => tenth(1 + actualSize(text)) * Math.ceil(size * 0.25)

/** A selector: a list, and for every second character at most a requirement. */
export const selectorCost = (size: number): number => 10 + tenth(size) + Math.ceil(Math.ceil(size * 0.5) * 50)

/** A check of the authorizer: two of them fit into an expression. */
export const CHECK_COST = 350_000

const contained = (parsed: string, base: (size: number) => number): Cost => ([cidr, other], overload) =>
  base(actualSize(cidr)) + (overload === parsed ? tenth(actualSize(other)) : 0)

/** Names of several functions with one cost. */
const names = (list: string, cost: Cost): [string, Cost][] => list.split(' ').map((name) => [name, cost])

const costs: ReadonlyMap<string, Cost> = new Map([
  ...names('check', () => CHECK_COST),
  ...names('serviceAccount path group resource subresource namespace name allowed reason error errored', one),
  ...names('fieldSelector labelSelector', (args) => (args.length >= 2 ? selectorCost(actualSize(args[1])) : undefined)),
  ...names('isSorted sum max min indexOf lastIndexOf', ([list]) => traversal(list)),
  ...names('url lowerAscii upperAscii substring trim jsonpatch.escapeKey', read),
  ...names('replace split', readTwice),
  ...names('join', (_args, _overload, result) => tenth(actualSize(result) * 2)),
  ...names('find findAll', ([text, regex]) => pattern(text, actualSize(regex))),
  ...names('cidr isIP isCIDR', read),
  ...names('ip', (args, overload) => (overload === 'cidr_ip' ? 1 : tenth(actualSize(args[0])))),
  ...names('ip.isCanonical', readTwice),
  ...names('masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast', one),
  ...names('containsIP', contained('cidr_contains_ip_string', (size) => tenth(2 * size))),
  ...names('containsCIDR', contained('cidr_contains_cidr_string', (size) => tenth(2 * size) + tenth(size) + 1)),
  ...names('quantity isQuantity semver isSemver', read),
  ...names('validate', ([format, text]) => (format instanceof FormatValue ? pattern(text, format.patternSize) : undefined)),
  ...names('format.named', one),
  ...names('sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub major minor patch', one),
  ...names('getScheme getHostname getHost getPort getEscapedPath getQuery', one),
  ...names('_==_', ([left]) => (left instanceof Opaque ? 1 : undefined)),
])

/** Making a list of `size` times `factor` elements. */
const allocation = (factor: number, size: number): number => Math.floor(size * factor) + 11

function selfComparison(list: unknown): number {
  if (!isList(list)) return allocation(2, 1)
  const items = itemsOf(list)
  const [first] = items
  const factor = typeof first === 'string' || first instanceof Uint8Array ? 2.1 : 2
  return allocation(factor, items.length * items.length)
}

const setCost = (factor: number): Cost => ([a, b]) => 1 + Math.floor(actualSize(a) * actualSize(b) * factor)
const output: Cost = (_args, _overload, result) => allocation(1, actualSize(result))

/** Overloads whose libraries bring costs of their own. */
const overloadCosts: ReadonlyMap<string, Cost> = new Map([
  ['list_sets_contains_list', setCost(1)],
  ['list_sets_intersects_list', setCost(1)],
  ['list_sets_equivalent_list', setCost(2)],
  ['list_slice', output],
  ['lists_range', output],
  ['list_reverse', output],
  ['list_flatten', ([list]) => allocation(1, actualSize(list))],
  ['list_flatten_int', ([list, depth]) => allocation(Number(depth), actualSize(list))],
  ['list_distinct', ([list]) => selfComparison(list)],
])

const sorting = /^list_.+_(sort|sortByAssociatedKeys)$/

export const kubernetesCallCost: CallCost = (fn, overload, args, result) => {
  const own = overloadCosts.get(overload)?.(args, overload, result)
  if (own !== undefined) return own
  if (fn === 'sort' || fn === '@sortByAssociatedKeys') {
    if (sorting.test(overload)) return selfComparison(args[fn === 'sort' ? 0 : 1])
  }
  return costs.get(fn)?.(args, overload, result) ?? standardCallCost(fn, overload, args, result)
}
