/** Resource names and amounts of containers, pods, quotas and ranges. */
import type { ResourceClaim, ResourceRequirements } from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldDuplicate, fieldForbidden, fieldInvalid, fieldNotFound, fieldNotSupported, fieldRequired, indexPath, keyPath } from '../../../api/meta/field-errors.ts'
import { isQualifiedName } from '../../../api/meta/names.ts'
import { compareQuantity, formatQuantity, parseQuantity, quantityMilliValue, quantityValue, type QuantityLike } from '../../../api/meta/quantity.ts'
import { dnsLabel, invalidAll, nonNegativeQuantity, type Errors } from './common.ts'

export const isHugePages = (name: string): boolean => name.startsWith('hugepages-')
const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/')
/** CPU and the like may be promised twice; whole devices and huge pages may not. */
export const allowsOvercommit = (name: string): boolean => isNative(name) && !isHugePages(name)
export const isExtended = (name: string): boolean =>
  !isNative(name) && !name.startsWith('requests.') && isQualifiedName(`requests.${name}`).length === 0

const counts = [
  'pods', 'resourcequotas', 'services', 'replicationcontrollers', 'secrets', 'configmaps', 'persistentvolumeclaims',
  'services.nodeports', 'services.loadbalancers',
]
const computeQuota = [
  'cpu', 'memory', 'ephemeral-storage', 'requests.cpu', 'requests.memory', 'requests.ephemeral-storage', 'limits.cpu',
  'limits.memory', 'limits.ephemeral-storage', 'requests.storage',
]
const ofQuota = (name: string): boolean => isHugePages(name) || name.startsWith('requests.hugepages-')

/** A known name, or one with a domain. */
export function* resourceName(path: string, name: string): Generator<FieldError> {
  const wrong = [...invalidAll(path, name, isQualifiedName(name))]
  yield* wrong
  const standard = [...counts, ...computeQuota, 'storage'].includes(name) || ofQuota(name)
  if (wrong.length === 0 && !name.includes('/') && !standard) yield fieldInvalid(path, name, 'must be a standard resource type or fully qualified')
}

export function* containerResourceName(path: string, name: string): Generator<FieldError> {
  yield* resourceName(path, name)
  if (!name.includes('/')) {
    if (!['cpu', 'memory', 'ephemeral-storage'].includes(name) && !isHugePages(name)) {
      yield fieldInvalid(path, name, 'must be a standard resource for containers')
    }
  } else if (!isNative(name) && !isExtended(name)) yield fieldInvalid(path, name, "doesn't follow extended resource name standard")
}

export const isStandardQuotaName = (name: string): boolean => [...counts, ...computeQuota].includes(name) || ofQuota(name)

export function* quotaResourceName(path: string, name: string): Generator<FieldError> {
  yield* resourceName(path, name)
  if (!name.includes('/') && !isStandardQuotaName(name)) {
    yield fieldInvalid(path, name, 'must be a standard resource for quota')
  }
}

export function* podResourceName(path: string, name: string): Generator<FieldError> {
  const wrong = [...resourceName(path, name)]
  yield* wrong
  if (wrong.length === 0 && name !== 'cpu' && name !== 'memory' && !isHugePages(name)) {
    yield fieldNotSupported(path, name, ['cpu', 'hugepages-', 'memory'])
  }
}

/** Not negative; a whole number where the resource has no parts. */
export function* resourceAmount(path: string, name: string, amount: QuantityLike): Generator<FieldError> {
  yield* nonNegativeQuantity(path, amount)
  if ((counts.includes(name) || isExtended(name)) && quantityMilliValue(amount) % 1000 !== 0) {
    yield fieldInvalid(path, formatQuantity(amount), 'must be an integer')
  }
}

function hugePageProblem(name: string, amount: QuantityLike): string | undefined {
  try {
    const page = quantityValue(parseQuantity(name.slice('hugepages-'.length)))
    if (page > 0 && quantityValue(amount) % page === 0) return undefined
  } catch {
    // Not a size: nothing is a multiple of it.
  }
  return `${formatQuantity(amount)} is not positive integer multiple of ${name}`
}

function* amountAt(path: string, name: string, amount: QuantityLike, check: NameCheck): Generator<FieldError> {
  yield* check(path, name)
  yield* resourceAmount(path, name, amount)
  const problem = isHugePages(name) ? hugePageProblem(name, amount) : undefined
  if (problem !== undefined) yield fieldInvalid(path, formatQuantity(amount), problem)
}

type NameCheck = (path: string, name: string) => Errors

function* claimNames(path: string, claims: readonly ResourceClaim[], known: ReadonlySet<string>): Generator<FieldError> {
  const seen = new Set<string>()
  for (const [i, { name, request }] of claims.entries()) {
    const at = indexPath(path, i)
    if (!name) {
      yield fieldRequired(at)
      continue
    }
    const key = request ? `${name}/${request}` : name
    if (request) yield* dnsLabel(`${at}.request`, request)
    if (seen.has(name) || seen.has(key)) yield fieldDuplicate(at, seen.has(name) ? name : key)
    else if (!request && [...seen].some((other) => other.startsWith(`${name}/`))) yield fieldDuplicate(at, name)
    seen.add(key)
    if (!known.has(name)) {
      const error = fieldNotFound(at, name)
      const names = known.size === 0 ? ' which is empty' : `: ${[...known].sort().join(', ')}`
      yield { ...error, message: `${error.message}: must be one of the names in pod.spec.resourceClaims${names}` }
    }
  }
}

/** Requests and limits together. `check` says which names the holder may have. */
export function* requirementErrors(
  path: string, requirements: ResourceRequirements | undefined, knownClaims: ReadonlySet<string>, check: NameCheck = containerResourceName,
): Generator<FieldError> {
  const { limits = {}, requests = {}, claims = [] } = requirements ?? {}
  for (const [name, amount] of Object.entries(limits)) yield* amountAt(keyPath(`${path}.limits`, name), name, amount, check)
  for (const [name, amount] of Object.entries(requests)) {
    const at = keyPath(`${path}.requests`, name)
    yield* check(at, name)
    yield* resourceAmount(at, name, amount)
    yield* requestAgainstLimit(path, name, amount, limits[name])
    const problem = isHugePages(name) ? hugePageProblem(name, amount) : undefined
    if (problem !== undefined) yield fieldInvalid(at, formatQuantity(amount), problem)
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)]
  if (names.some(isHugePages) && !names.some((name) => name === 'cpu' || name === 'memory')) {
    yield fieldForbidden(path, 'HugePages require cpu or memory')
  }
  yield* claimNames(`${path}.claims`, claims, knownClaims)
}

function* requestAgainstLimit(path: string, name: string, amount: QuantityLike, limit: QuantityLike | undefined): Generator<FieldError> {
  const overcommit = allowsOvercommit(name)
  if (limit === undefined) {
    if (!overcommit) yield fieldRequired(`${path}.limits`, 'Limit must be set for non overcommitable resources')
  } else if (!overcommit && compareQuantity(amount, limit) !== 0) {
    yield fieldInvalid(`${path}.requests`, formatQuantity(amount), `must be equal to ${name} limit of ${formatQuantity(limit)}`)
  } else if (compareQuantity(amount, limit) > 0) {
    yield fieldInvalid(`${path}.requests`, formatQuantity(amount), `must be less than or equal to ${name} limit of ${formatQuantity(limit)}`)
  }
}
