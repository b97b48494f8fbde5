/**
 * The catalogue of wire errors: the Status object, one constructor per reason, with upstream's codes and texts
 * (apimachinery pkg/api/errors). Clients match on them, so texts are data of the protocol.
 */
export type StatusReason =
  | '' | 'Unauthorized' | 'Forbidden' | 'NotFound' | 'AlreadyExists' | 'Conflict' | 'Gone' | 'Invalid' | 'ServerTimeout'
  | 'StoreReadError' | 'Timeout' | 'TooManyRequests' | 'BadRequest' | 'MethodNotAllowed' | 'NotAcceptable'
  | 'RequestEntityTooLarge' | 'UnsupportedMediaType' | 'InternalError' | 'Expired' | 'ServiceUnavailable'

export interface StatusCause {
  reason?: string
  message?: string
  field?: string
}

export interface StatusDetails {
  name?: string
  group?: string
  kind?: string
  uid?: string
  causes?: StatusCause[]
  retryAfterSeconds?: number
}

/** The Status object of meta/v1. */
export interface Status {
  kind: 'Status'
  apiVersion: 'v1'
  metadata: { resourceVersion?: string; continue?: string; remainingItemCount?: number }
  status?: 'Success' | 'Failure'
  message?: string
  reason?: StatusReason
  details?: StatusDetails
  code?: number
}

/** A failure that the API answers with its Status. */
export class StatusError extends Error {
  readonly status: Status
  constructor(status: Status) {
    super(status.message ?? status.reason ?? 'unknown')
    this.name = 'StatusError'
    this.status = status
  }
  get code(): number {
    return this.status.code ?? 500
  }
  get reason(): StatusReason {
    return this.status.reason ?? ''
  }
}

/** The authorizer's own refusal. Unlike others with its status, its answer carries a header against browsers that guess at types. */
export class AuthorizationError extends StatusError {}

/** True for a StatusError with that reason: `isStatus(error, 'NotFound')`. */
export function isStatus(error: unknown, reason: StatusReason): error is StatusError {
  return error instanceof StatusError && error.reason === reason
}

interface Named {
  group?: string
  resource: string
}

function failure(code: number, reason: StatusReason, message: string, details?: StatusDetails): StatusError {
  return new StatusError({
    kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, ...(reason === '' ? {} : { reason }),
    ...(details === undefined ? {} : { details: dropEmpty(details) }), code,
  })
}

function dropEmpty(details: StatusDetails): StatusDetails {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined && value !== ''))
}

/** "deployments.apps", or "pods" for the core group. */
export function qualifiedResource({ group, resource }: Named): string {
  return group === undefined || group === '' ? resource : `${resource}.${group}`
}

export const notFound = (r: Named, name: string): StatusError =>
  failure(404, 'NotFound', `${qualifiedResource(r)} ${JSON.stringify(name)} not found`, { name, group: r.group, kind: r.resource })

export const alreadyExists = (r: Named, name: string): StatusError =>
  failure(409, 'AlreadyExists', `${qualifiedResource(r)} ${JSON.stringify(name)} already exists`, { name, group: r.group, kind: r.resource })

export const generateNameConflict = (r: Named, name: string): StatusError =>
  failure(409, 'AlreadyExists', `${qualifiedResource(r)} ${JSON.stringify(name)} already exists, the server was not able to generate a unique name for the object`, { name, group: r.group, kind: r.resource })

export const conflict = (r: Named, name: string, why: string): StatusError =>
  failure(409, 'Conflict', `Operation cannot be fulfilled on ${qualifiedResource(r)} ${JSON.stringify(name)}: ${why}`, { name, group: r.group, kind: r.resource })

/** The text of every optimistic lock failure. */
export const optimisticLockText = 'the object has been modified; please apply your changes to the latest version and try again'

export const unauthorized = (message = 'Unauthorized'): StatusError => failure(401, 'Unauthorized', message)

export const forbidden = (r: Named, name: string, why: string): StatusError => {
  const what = r.resource === '' ? 'forbidden' : name === '' ? `${qualifiedResource(r)} is forbidden` : `${qualifiedResource(r)} ${JSON.stringify(name)} is forbidden`
  return failure(403, 'Forbidden', `${what}: ${why}`, { name, group: r.group, kind: r.resource })
}

export const badRequest = (message: string): StatusError => failure(400, 'BadRequest', message)

export const methodNotSupported = (r: Named, action: string): StatusError =>
  failure(405, 'MethodNotAllowed', `${action} is not supported on resources of kind ${JSON.stringify(qualifiedResource(r))}`, { group: r.group, kind: r.resource })

/** A path that exists with another verb: upstream's router answers with the bare sentence. */
export const methodNotAllowed = (): StatusError =>
  failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})

export const resourceExpired = (message: string): StatusError => failure(410, 'Expired', message)

/** What a watch and a list say when their resourceVersion is older than the history kept. */
export const tooOldResourceVersion = (requested: number, oldest: number): StatusError =>
  resourceExpired(`too old resource version: ${requested} (${oldest})`)

export const tooLargeResourceVersion = (requested: number, current: number, retryAfterSeconds = 1): StatusError =>
  failure(504, 'Timeout', `Timeout: Too large resource version: ${requested}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }], retryAfterSeconds,
  })

export const notAcceptable = (accepted: readonly string[]): StatusError =>
  failure(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`)

export const unsupportedMediaType = (accepted: readonly string[]): StatusError =>
  failure(415, 'UnsupportedMediaType', `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`)

export const requestEntityTooLarge = (message: string): StatusError => failure(413, 'RequestEntityTooLarge', message)

export const internalError = (why: string): StatusError =>
  failure(500, 'InternalError', `Internal error occurred: ${why}`, { causes: [{ message: why }] })

export const timeoutError = (message: string, retryAfterSeconds?: number): StatusError =>
  failure(504, 'Timeout', `Timeout: ${message}`, { retryAfterSeconds })

export const tooManyRequests = (message: string, retryAfterSeconds: number): StatusError =>
  failure(429, 'TooManyRequests', message, { retryAfterSeconds })

export const serviceUnavailable = (message: string): StatusError => failure(503, 'ServiceUnavailable', message)

/** The 422 for a patch that cannot be applied: upstream keeps what was wrong to itself. */
export const rejectedRequest = (cause: string): StatusError => {
  const error = failure(422, 'Invalid', 'the server rejected our request due to an error in our request', {})
  error.cause = cause
  return error
}

/** A failure that upstream has no reason for: 500 with the bare text. */
export const unknownError = (message: string): StatusError => failure(500, '', message)

/** A 404 for a path that no resource serves. */
export const pathNotFound = (): StatusError =>
  failure(404, 'NotFound', 'the server could not find the requested resource', {})

/** One refused field. `type` and texts follow apimachinery pkg/util/validation/field. */
export type FieldErrorType =
  | 'FieldValueNotFound' | 'FieldValueRequired' | 'FieldValueDuplicate' | 'FieldValueInvalid' | 'FieldValueNotSupported'
  | 'FieldValueForbidden' | 'FieldValueTooLong' | 'FieldValueTooMany' | 'InternalError' | 'FieldValueTypeInvalid' | 'FieldValueTooShort' | 'FieldValueTooFew'

export interface FieldError {
  readonly type: FieldErrorType
  /** "spec.containers[0].image". */
  readonly field: string
  /** The message after "field: ", as upstream's ErrorBody prints it. */
  readonly message: string
}

/** 422 with all refused fields. */
export function invalid(kind: { group?: string; kind: string }, name: string, errors: readonly FieldError[]): StatusError {
  const lines = errors.map((e) => `${e.field}: ${e.message}`)
  const unique = [...new Set(lines)]
  const text = unique.length === 0 ? '' : unique.length === 1 ? unique[0]! : `[${unique.join(', ')}]`
  const qualified = kind.group === undefined || kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`
  return failure(422, 'Invalid', `${qualified} ${JSON.stringify(name)} is invalid${text === '' ? '' : `: ${text}`}`, {
    name, group: kind.group, kind: kind.kind,
    causes: errors.map((e) => ({ reason: e.type, message: e.message, field: e.field })),
  })
}

/** The success Status that a delete answers with. */
export function successStatus(details?: StatusDetails): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', ...(details === undefined ? {} : { details: dropEmpty(details) }) }
}
