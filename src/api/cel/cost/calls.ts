/**
 * What calls of Kubernetes' libraries may cost (apiserver/pkg/cel/library/cost.go: EstimateCallCost; cel-go ext/sets.go and
 * ext/lists.go for theirs).
 */
import type { CallEstimate, CostNode, SizeOf } from './estimate.ts'
import { CHECK_COST } from './kubernetes.ts'
import { MAX, NOTHING, ONE, type Range, UNKNOWN, fixed, plus, range, scaled, times } from './range.ts'

/** The call; sizes of nodes are what is computed or, failing that, what schemas say. */
interface Call {
  readonly overload: string
  readonly target: CostNode | undefined
  readonly args: readonly CostNode[]
  readonly size: (node: CostNode) => Range
  readonly sizeOf: SizeOf
}

type Estimate = (call: Call) => CallEstimate | undefined

const one: Estimate = () => ({ cost: ONE })
const traversal = (size: Range): Range => scaled(size, 0.1)

const ofFirst = (factor: number, keeps: boolean): Estimate => ({ args: [first], size }) => {
  if (!first) return undefined
  const length = size(first)
  return keeps ? { cost: scaled(length, factor), size: length } : { cost: scaled(length, factor) }
}

const ofTarget: Estimate = ({ target, size }) =>
  target && { cost: traversal(size(target)), size: size(target) }

/** The elements of a list, as far as types tell; of a text there are none. */
function elements({ path, type }: CostNode): CostNode | undefined {
  const [element] = type.params
  if (!element) return undefined
  return { path: path.length > 0 ? [...path, '@items'] : [], type: element, expr: undefined, size: undefined }
}

const overList: Estimate = ({ target, size }) => {
  if (!target) return undefined
  const element = elements(target)
  if (!element) return { cost: traversal(size(target)) }
  const long = element.type.kind === 'string' || element.type.kind === 'bytes'
  return { cost: times(size(target), long ? plus(ONE, traversal(size(element))) : ONE) }
}

const replace: Estimate = ({ target, args: [old, by], size }) => {
  if (!target || !old || !by) return undefined
  const [text, from, to] = [size(target), size(old), size(by)]
  const most = longest(text.max, from.min, to.max)
  const least = shortest(text.min, from.max, to.min)
  const count = range(least.count, most.count)
  return { cost: scaled(text, 0.2), size: plus(times(count, to), range(least.kept, most.kept)) }
}

interface Replaced { readonly count: bigint; readonly kept: bigint }

const divided = (a: bigint, b: bigint): bigint => {
  const quotient = Math.ceil(Number(a) / Number(b))
  return quotient >= 2 ** 64 ? MAX : BigInt(quotient)
}
const next = (value: bigint): bigint => (value < MAX ? value + 1n : value)

/** How often at most, by the longest text, the shortest part and the longest replacement. */
function longest(text: bigint, from: bigint, to: bigint): Replaced {
  if (from === 0n) return { count: next(text), kept: text }
  return to <= from ? { count: 0n, kept: text } : { count: divided(text, from), kept: 0n }
}

function shortest(text: bigint, from: bigint, to: bigint): Replaced {
  if (from === 0n) return { count: next(text), kept: text }
  return from <= to ? { count: 0n, kept: text } : { count: divided(text, from), kept: 0n }
}

const split: Estimate = ({ target, args, size }) => {
  if (!target) return undefined
  const limit = literalInt(args[1])
  const max = limit === undefined ? size(target).max : BigInt.asUintN(64, limit)
  return { cost: scaled(size(target), 0.2), size: range(0n, max) }
}

const join: Estimate = ({ target, args: [separator], size }) => {
  if (!target) return undefined
  const count = size(target)
  const element = elements(target)
  const texts = element ? times(count, size(element)) : NOTHING
  const less = (value: bigint): bigint => (value > 0n ? value - 1n : 0n)
  const marks = separator ? times(size(separator), range(less(count.min), less(count.max))) : NOTHING
  const length = plus(texts, marks)
  return { cost: traversal(length), size: length }
}

const find: Estimate = ({ target, args: [pattern], size }) => {
  if (!target || !pattern) return undefined
  const cost = times(traversal(plus(size(target), ONE)), scaled(size(pattern), 0.25))
  return { cost, size: range(0n, size(target).max) }
}

const address = range(4n, 16n)

const contains = (parsed: string, cost: Range): Estimate => ({ overload, args: [other], size }) =>
  other && { cost: overload === parsed ? plus(cost, traversal(size(other))) : cost }

/** The longest pattern of the formats that names have. */
const namePattern = 128 * 0.25
const maxFormat = 64n

const validate: Estimate = ({ args: [text], size }) =>
  text && { cost: scaled(traversal(size(text)), namePattern) }

/** A selector: a list, and for every second character at most a requirement. */
const selector: Estimate = ({ args, size }) => {
  const [text] = args
  if (!text || args.length !== 1) return undefined
  return { cost: plus(fixed(10), traversal(size(text)), scaled(scaled(size(text), 0.5), 50)) }
}

const cheap = new Set([
  'net.IP', 'net.CIDR', 'kubernetes.Quantity', 'kubernetes.Semver', 'kubernetes.authorization.Authorizer',
  'kubernetes.authorization.PathCheck', 'kubernetes.authorization.GroupCheck',
  'kubernetes.authorization.ResourceCheck', 'kubernetes.authorization.Decision',
])

const equality: Estimate = ({ args: [left, right] }) => {
  if (!left || !right || String(left.type) !== String(right.type)) return undefined
  const { name } = left.type
  if (cheap.has(name)) return { cost: ONE }
  if (name === 'kubernetes.NamedFormat') return { cost: traversal(range(1n, maxFormat)) }
  if (name === 'kubernetes.URL') return { cost: traversal(range(1n, right.size?.max ?? 1n)) }
  return undefined
}

const names = (list: string, estimate: Estimate): [string, Estimate][] => list.split(' ').map((name) => [name, estimate])

const estimates: ReadonlyMap<string, Estimate> = new Map([
  ...names('check', () => ({ cost: fixed(CHECK_COST) })),
  ...names('serviceAccount path group resource subresource namespace name allowed reason error errored', one),
  ...names('fieldSelector labelSelector', selector),
  ...names('isSorted sum max min indexOf lastIndexOf', overList),
  ...names('url jsonpatch.escapeKey', ofFirst(0.1, true)),
  ...names('lowerAscii upperAscii substring trim', ofTarget),
  ...names('replace', replace),
  ...names('split', split),
  ...names('join', join),
  ...names('find findAll', find),
  ...names('cidr isIP isCIDR quantity isQuantity semver isSemver', ofFirst(0.1, false)),
  ...names('ip', (call) => (call.overload === 'cidr_ip' ? { cost: ONE } : ofFirst(0.1, false)(call))),
  ...names('ip.isCanonical', ofFirst(0.2, false)),
  ...names('masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast', one),
  ...names('containsIP', contains('cidr_contains_ip_string', traversal(plus(address, address)))),
  ...names('containsCIDR', contains('cidr_contains_cidr_string', plus(traversal(plus(address, address)), traversal(address), ONE))),
  ...names('validate', validate),
  ...names('format.named', one),
  ...names('sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub major minor patch', one),
  ...names('getScheme getHostname getHost getPort getEscapedPath getQuery', one),
  ...names('_==_', equality),
])

function literalInt(node: CostNode | undefined): bigint | undefined {
  const value = node?.expr?.kind === 'literal' ? node.expr.value : undefined
  return typeof value === 'number' || typeof value === 'bigint' ? BigInt(value) : undefined
}

/** A constant, or what stands for one that is not known. */
function constant(node: CostNode | undefined, otherwise: bigint): bigint {
  const value = literalInt(node)
  return value === undefined ? otherwise : value < 0n ? 0n : value
}

const allocation = (factor: number, size: Range): CallEstimate => ({ cost: plus(scaled(size, factor), fixed(11)), size })

const setsCost = (factor: number): Estimate => ({ args: [a, b], size }) =>
  a && b && { cost: plus(scaled(times(size(a), size(b)), factor), ONE) }

const slice: Estimate = ({ target, args: [start, end], size }) => {
  if (!target) return undefined
  return allocation(1, fixed(BigInt.asUintN(64, constant(end, size(target).max) - constant(start, 0n))))
}

const flatten: Estimate = ({ target, args: [depth], size }) =>
  target && allocation(depth ? Number(constant(depth, MAX)) : 1, size(target))

const selfComparison = (node: CostNode | undefined, factor: number, size: Call['size']): CallEstimate | undefined =>
  node && allocation(factor, times(size(node), size(node)))

/** Overloads whose libraries bring estimates of their own. */
const overloadEstimates: ReadonlyMap<string, Estimate> = new Map([
  ['list_sets_contains_list', setsCost(1)],
  ['list_sets_intersects_list', setsCost(1)],
  ['list_sets_equivalent_list', setsCost(2)],
  ['list_slice', slice],
  ['lists_range', ({ args: [count] }: Call) => allocation(1, fixed(constant(count, MAX)))],
  ['list_reverse', ({ target, size }: Call) => target && allocation(1, size(target))],
  ['list_flatten', flatten],
  ['list_flatten_int', flatten],
  ['list_distinct', ({ target, size }: Call) => selfComparison(target, 2, size)],
])

function sortEstimate({ overload, target, args: [keys], size }: Call): CallEstimate | undefined {
  const factor = /^list_(?:string|bytes)_/.test(overload) ? 2.1 : 2
  return selfComparison(overload.endsWith('_sort') ? target : keys, factor, size)
}

/** The estimate of a call without its arguments' costs; undefined when the standard one holds. */
export function estimateCall(
  fn: string, overload: string, target: CostNode | undefined, args: readonly CostNode[], sizeOf: SizeOf,
): CallEstimate | undefined {
  const size = (node: CostNode): Range => node.size ?? (node.path.length > 0 ? sizeOf(node.path) : undefined) ?? UNKNOWN
  const call: Call = { overload, target, args, size, sizeOf }
  if (/^list_.+_(?:sort|sortByAssociatedKeys)$/.test(overload)) return sortEstimate(call)
  return overloadEstimates.get(overload)?.(call) ?? estimates.get(fn)?.(call)
}
