/** Query parameters as options, checked as upstream checks them (apimachinery meta/v1/validation, internalversion). */
import { badRequest, invalid } from '../../api/meta/errors.ts'
import type { FieldError } from '../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired } from '../../api/meta/field-errors.ts'
import { goQuote } from '../../api/meta/go-text.ts'
import { validateFieldManager } from '../../api/meta/metadata-validation.ts'
import { schemaOf } from '../../api/schema/builtin.ts'
import { decodeValue } from '../../api/schema/decode.ts'
import { noteRequestObject } from '../audit/event.ts'
import type { ApiRequest } from '../handler.ts'
import type { DeleteOptions } from '../registry/deletion.ts'
import { scheme } from './scheme.ts'

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict'

export interface WriteOptions {
  readonly dryRun: boolean
  readonly fieldManager: string
  readonly fieldValidation: FieldValidation
  readonly force?: boolean
  /** CreateOptions, UpdateOptions or PatchOptions as an object, for admission. */
  readonly object: Readonly<Record<string, unknown>>
}

export type OptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions'

const metaGroup = 'meta.k8s.io'

/** Throws 422 with all that is wrong. */
export function writeOptions(request: ApiRequest, kind: OptionsKind): WriteOptions {
  const { query } = request
  const dryRun = query.getAll('dryRun')
  const fieldManager = query.get('fieldManager') ?? ''
  const fieldValidation = query.get('fieldValidation') ?? ''
  const force = kind === 'PatchOptions' && query.has('force') ? parseBoolean(query.get('force')!) : undefined
  const errors: FieldError[] = []
  if (kind === 'PatchOptions') errors.push(...patchErrors(request, fieldManager, force))
  errors.push(...validateFieldManager(fieldManager, 'fieldManager'), ...dryRunErrors(dryRun), ...fieldValidationErrors(fieldValidation))
  if (errors.length > 0) throw invalid({ group: metaGroup, kind }, '', errors)
  return {
    dryRun: dryRun.length > 0,
    fieldManager,
    fieldValidation: fieldValidation === '' ? 'Warn' : fieldValidation as FieldValidation,
    force,
    object: {
      kind, apiVersion: 'meta.k8s.io/v1',
      ...(dryRun.length > 0 ? { dryRun } : {}), ...(force === undefined ? {} : { force }),
      ...(fieldManager === '' ? {} : { fieldManager }), ...(fieldValidation === '' ? {} : { fieldValidation }),
    },
  }
}

/** The same options as they are shown to admission for an object that a patch or update creates or changes. */
export function optionsAs(options: WriteOptions, kind: OptionsKind): Readonly<Record<string, unknown>> {
  const { force: _, ...rest } = options.object
  return { ...rest, kind }
}

function* patchErrors(request: ApiRequest, fieldManager: string, force: boolean | undefined): Iterable<FieldError> {
  if (request.body?.mediaType === 'application/apply-patch+yaml') {
    if (fieldManager === '') yield fieldRequired('fieldManager', 'is required for apply patch')
  } else if (force !== undefined) {
    yield fieldForbidden('force', 'may not be specified for non-apply patch')
  }
}

function* dryRunErrors(values: readonly string[]): Iterable<FieldError> {
  if (values.some((value) => value !== 'All')) yield fieldNotSupported('dryRun', values, ['All'])
}

function* fieldValidationErrors(value: string): Iterable<FieldError> {
  const supported = ['', 'Ignore', 'Strict', 'Warn']
  if (!supported.includes(value)) yield fieldNotSupported('fieldValidation', value, supported)
}

/** Go's conversion of a query parameter: everything but '', '0' and 'false' is true. */
export function parseBoolean(value: string): boolean {
  return value !== '' && value !== '0' && value.toLowerCase() !== 'false'
}

function parseInteger(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${goQuote(text)}: invalid syntax`)
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw badRequest(`strconv.ParseInt: parsing ${goQuote(text)}: value out of range`)
  return value
}

function optionalInteger(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  return text === null || text === '' ? undefined : parseInteger(text)
}

export interface ListOptions {
  readonly labelSelector: string
  readonly fieldSelector: string
  readonly resourceVersion: string
  readonly resourceVersionMatch: string
  readonly limit: number
  readonly continue: string
  readonly timeoutSeconds?: number
  readonly allowWatchBookmarks: boolean
  readonly sendInitialEvents?: boolean
}

/** Throws 400 for what cannot be read and 422 for what does not go together. */
export function listOptions(query: URLSearchParams, watch: boolean): ListOptions {
  const sendInitialEvents = query.get('sendInitialEvents')
  let options: ListOptions = {
    labelSelector: query.get('labelSelector') ?? '', fieldSelector: query.get('fieldSelector') ?? '',
    resourceVersion: query.get('resourceVersion') ?? '', resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
    limit: optionalInteger(query, 'limit') ?? 0, continue: query.get('continue') ?? '',
    timeoutSeconds: optionalInteger(query, 'timeoutSeconds'),
    allowWatchBookmarks: parseBoolean(query.get('allowWatchBookmarks') ?? ''),
    sendInitialEvents: sendInitialEvents === null ? undefined : parseBoolean(sendInitialEvents),
  }
  const legacy = options.resourceVersion === '' || options.resourceVersion === '0'
  if (watch && legacy && options.sendInitialEvents === undefined && options.resourceVersionMatch === '') {
    // A watch from anywhere begins with what is there.
    options = { ...options, sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }
  }
  const errors = [...(watch ? watchErrors(options) : listErrors(options))]
  if (errors.length > 0) throw invalid({ group: metaGroup, kind: 'ListOptions' }, '', errors)
  return options
}

function* listErrors(o: ListOptions): Iterable<FieldError> {
  const match = o.resourceVersionMatch
  const path = 'resourceVersionMatch'
  if (match !== '') {
    if (o.resourceVersion === '') yield fieldForbidden(path, 'resourceVersionMatch is forbidden unless resourceVersion is provided')
    if (o.continue !== '') yield fieldForbidden(path, 'resourceVersionMatch is forbidden when continue is provided')
    if (match !== 'Exact' && match !== 'NotOlderThan') yield fieldNotSupported(path, match, ['Exact', 'NotOlderThan', ''])
    if (match === 'Exact' && o.resourceVersion === '0') {
      yield fieldForbidden(path, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
    }
  }
  if (o.sendInitialEvents !== undefined) yield fieldForbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list')
}

function* watchErrors(o: ListOptions): Iterable<FieldError> {
  const match = o.resourceVersionMatch
  const path = 'resourceVersionMatch'
  if (o.sendInitialEvents !== undefined && match !== 'NotOlderThan') {
    yield fieldForbidden(path, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
  }
  if (match === '') return
  if (o.sendInitialEvents === undefined) {
    yield fieldForbidden(path, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')
  }
  if (match !== 'NotOlderThan') yield fieldNotSupported(path, match, ['NotOlderThan'])
  if (o.continue !== '') yield fieldForbidden(path, 'resourceVersionMatch is forbidden when continue is provided')
}

/** What upstream says of a resourceVersion that is no number. */
export function resourceVersionText(text: string): string {
  return `resourceVersion: Invalid value: ${goQuote(text)}: strconv.ParseUint: parsing ${goQuote(text)}: invalid syntax`
}

/** A resourceVersion as a number; throws 400 for anything else. */
export function parseResourceVersion(text: string): number {
  if (text === '') return 0
  if (!/^\d+$/.test(text)) throw badRequest(`invalid resource version: ${resourceVersionText(text)}`)
  const value = Number(text)
  // Larger than any revision this store will see; comparing is all that is done with it.
  return Number.isSafeInteger(value) ? value : Number.MAX_SAFE_INTEGER
}

export interface ParsedDeleteOptions extends DeleteOptions {
  readonly dryRun: boolean
  readonly object: Readonly<Record<string, unknown>>
}

/** From the body, or from the query when there is none. */
export function deleteOptions(request: ApiRequest): ParsedDeleteOptions {
  const value = request.body?.value
  const options = checked(value === undefined || value === null ? fromQuery(request.query) : fromBody(value))
  if (value !== undefined && value !== null) noteRequestObject(request, options.object)
  return options
}

/** The delete options inside another body (an eviction's). */
export function parseDeleteOptions(value: unknown): ParsedDeleteOptions {
  return checked(fromBody(value))
}

function checked(object: RawDeleteOptions): ParsedDeleteOptions {
  const errors: FieldError[] = []
  const { propagationPolicy, orphanDependents, dryRun = [] } = object
  if (orphanDependents !== undefined && propagationPolicy !== undefined) {
    errors.push(fieldInvalid('propagationPolicy', propagationPolicy, 'orphanDependents and deletionPropagation cannot be both set'))
  }
  if (propagationPolicy !== undefined && !propagationPolicies.includes(propagationPolicy)) {
    errors.push(fieldNotSupported('propagationPolicy', propagationPolicy, [...propagationPolicies, 'nil']))
  }
  errors.push(...dryRunErrors(dryRun))
  if (errors.length > 0) throw invalid({ group: metaGroup, kind: 'DeleteOptions' }, '', errors)
  return { ...object, dryRun: dryRun.length > 0, object: { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1', ...object } }
}

const propagationPolicies = ['Foreground', 'Background', 'Orphan']

type RawDeleteOptions = DeleteOptions & { readonly dryRun?: readonly string[] }

function fromQuery(query: URLSearchParams): RawDeleteOptions {
  const grace = optionalInteger(query, 'gracePeriodSeconds')
  const dryRun = query.getAll('dryRun')
  const policy = query.get('propagationPolicy')
  const orphan = query.get('orphanDependents')
  return {
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
    ...(policy === null ? {} : { propagationPolicy: policy }),
    ...(orphan === null ? {} : { orphanDependents: parseBoolean(orphan) }),
    ...(dryRun.length === 0 ? {} : { dryRun }),
  }
}

function fromBody(value: unknown): RawDeleteOptions {
  const { kind, apiVersion: version } = value as { kind?: unknown; apiVersion?: unknown }
  if (kind !== undefined && kind !== '' && kind !== 'DeleteOptions') {
    throw badRequest(`no kind ${goQuote(String(kind as string))} is registered for version ${goQuote(version === undefined || version === '' ? 'meta.k8s.io/v1' : String(version as string))} in scheme ${goQuote(scheme)}`)
  }
  const { value: read, error } = decodeValue(value, schemaOf('io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions'))
  if (error !== undefined) throw badRequest(error)
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions, dryRun } = read as RawDeleteOptions
  return {
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(orphanDependents === undefined ? {} : { orphanDependents }),
    ...(preconditions === undefined ? {} : { preconditions }),
    ...(dryRun === undefined || dryRun.length === 0 ? {} : { dryRun }),
  }
}
