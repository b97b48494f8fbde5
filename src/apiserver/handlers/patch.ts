/** JSON, merge and strategic merge patches, and apply. Upstream: endpoints/handlers/patch.go. */
import { applyPatch } from '../../api/apply/apply.ts'
import { goShape } from '../../api/codec/go-shape.ts'
import { badRequest, conflict, invalid, notFound, StatusError, unsupportedMediaType } from '../../api/meta/errors.ts'
import { fieldInvalid } from '../../api/meta/field-errors.ts'
import { compareText, goJSON, goValue } from '../../api/meta/go-text.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import { apiVersionOf } from '../../api/meta/object.ts'
import { applyJsonPatch, jsonPatchStrictErrors } from '../../api/patch/json-patch.ts'
import { applyMergePatch } from '../../api/patch/merge-patch.ts'
import { applyStrategicMergePatch } from '../../api/patch/strategic-merge-patch.ts'
import { strictDecodingText, unknownFieldTexts } from '../../api/schema/go-decode.ts'
import { notePatch } from '../audit/event.ts'
import type { ApiResponse, RequestBody } from '../handler.ts'
import { deepCopy } from '../registry/cached.ts'
import { patchNotRouted, patchOf } from '../http/body.ts'
import { storeOf, warn } from './context.ts'
import type { RequestContext } from './context.ts'
import { objectResponse } from './create.ts'
import { bodyKindOf, shape, toStored, wrongKind } from './decode.ts'
import type { BodyKind } from './decode.ts'
import { fieldsContext } from './managed-fields.ts'
import { checkName, checkNamespace } from './names.ts'
import type { WriteOptions } from './options.ts'
import { writeOptions } from './options.ts'
import { admitNext, completeWrite, updateContext } from './update.ts'

export const applyType = 'application/apply-patch+yaml'
const jsonPatch = 'application/json-patch+json'
const mergePatch = 'application/merge-patch+json'
const strategicMergePatch = 'application/strategic-merge-patch+json'

/** Patch types of a kind; the Go types' merge directives exist for built-in kinds alone. */
export function patchTypesOf(kind: BodyKind): string[] {
  return kind.schema.name === undefined
    ? [jsonPatch, mergePatch, applyType]
    : [jsonPatch, mergePatch, strategicMergePatch, applyType]
}

export async function handlePatch(context: RequestContext): Promise<ApiResponse> {
  const { request, served } = context
  const { info } = request
  const kind = bodyKindOf(served)
  const body = checkedPatch(context, kind)
  const options = writeOptions(request, 'PatchOptions')
  const apply = body.mediaType === applyType
  const written = await storeOf(context).update(info.namespace, info.name, {
    apply,
    async transform(old) {
      if (apply) return admitNext(context, await served.settled(() => applied(context, body, old, options)), old, options)
      if (old === undefined) throw notFound(served, info.name)
      const current = await served.settled(() => served.fromStored(old))
      const patched = patchedObject(context, kind, body, current, options)
      checkPatched(context, patched)
      return completeWrite(context, await served.settled(() => toStored(served, patched)), old, options)
    },
  }, updateContext(context, options))
  return objectResponse(context, written.entry, written.created ? 201 : 200)
}

/** The patch of the request. Throws 415 for a type that the kind does not take. */
export function checkedPatch(context: RequestContext, kind: BodyKind): RequestBody {
  const { body } = context.request
  const types = patchTypesOf(kind)
  if (body !== undefined && types.includes(body.mediaType)) {
    notePatch(context.request, body.value)
    return body
  }
  if (kind.schema.name === undefined) throw unsupportedMediaType(types)
  throw patchNotRouted()
}

/** A patched object must still be the one in the URL. */
export function checkPatched(context: RequestContext, object: KubeObject): void {
  checkNamespace(context, object)
  checkName(object, context.request.info.name)
}

/** The current object with the patch applied, read by the kind's schema; nothing is shared with the current one. */
export function patchedObject(context: RequestContext, kind: BodyKind, body: RequestBody, current: KubeObject, options: WriteOptions): KubeObject {
  const patch = patchOf(body)
  const strict = [...body.strictErrors]
  if (options.fieldValidation !== 'Ignore' && body.mediaType === jsonPatch) strict.push(...jsonPatchStrictErrors(patch))
  const patched = applyPatchTo(current, body, kind)
  const bad = () => body.mediaType === strategicMergePatch ? goValue(patch) : patchedText(patched, body)
  if (body.mediaType !== strategicMergePatch) checkPatchedKind(context, patched, kind, bad)
  const { object, unknown } = read(patched, kind, bad, body.mediaType === strategicMergePatch)
  const errors = [...strict, ...unknownFieldTexts(unknown)]
  if (errors.length > 0 && options.fieldValidation === 'Strict') {
    throw invalid({ kind: '' }, '', [fieldInvalid('patch', bad(), strictDecodingText(errors))])
  }
  if (options.fieldValidation === 'Warn') for (const error of errors) warn(context.request, error)
  return deepCopy(object)
}

function checkPatchedKind(context: RequestContext, patched: KubeObject, kind: BodyKind, bad: () => string): void {
  const apiVersion = apiVersionOf(kind)
  const { kind: newKind = '', apiVersion: newVersion = '' } = patched
  if (newKind === kind.kind && newVersion === apiVersion) return
  // Nothing at all is an object of the kind that has no name, as upstream's reader has it.
  if (kind.schema.name !== undefined && newKind === '' && newVersion === '') return
  const error = newKind === '' || newVersion === ''
    ? `Object '${newKind === '' ? 'Kind' : 'apiVersion'}' is missing in '${bad()}'`
    : wrongKind(newKind, newVersion, kind, context.deps.registry).message.replace(decodeHead, '')
  throw invalid({ kind: '' }, '', [fieldInvalid('patch', bad(), error)])
}

/** The patched document as upstream prints it: what the patch touched has become a map, and maps are sorted. */
function patchedText(patched: KubeObject, body: RequestBody): string {
  const touched = body.mediaType === mergePatch ? body.value : pathsOf(body.value)
  return goJSON(sortTouched(patched, touched))
}

/** The paths of a JSON patch as a tree. */
function pathsOf(patch: unknown): Record<string, unknown> {
  const tree: Record<string, unknown> = {}
  for (const { path = '' } of patch as { path?: string }[]) {
    let at = tree
    for (const step of path.split('/').slice(1, -1)) at = (at[step] ??= {}) as Record<string, unknown>
  }
  return tree
}

function sortTouched(value: unknown, touched: unknown): unknown {
  const isMap = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v)
  if (!isMap(value) || !isMap(touched)) return value
  return Object.fromEntries(Object.keys(value).toSorted(compareText).map((key) => [key, sortTouched(value[key], touched[key])]))
}

function applyPatchTo(current: KubeObject, body: RequestBody, kind: BodyKind): KubeObject {
  switch (body.mediaType) {
    case jsonPatch: return applyJsonPatch(current, body.value) as KubeObject
    case mergePatch: return applyMergePatch(current, body.value) as KubeObject
    case strategicMergePatch: return applyStrategicMergePatch(current, body.value, kind.schema) as KubeObject
    default: throw badRequest(`${body.mediaType}: unimplemented patch type`)
  }
}

/** What a decoding error of a whole body begins with. */
const decodeHead = /^.*? cannot be handled as a [^:]*: /

/** A strategic patch is read by another of upstream's readers, whose words for what is no struct are others. */
const restoreText = (text: string): string => text.replace(/^json: cannot unmarshal (\w+) into Go struct field \S+ of type (?:v\w+|\w+)\.[A-Z]\w+$/, (whole, from: string) => (from === 'object' ? whole : `cannot restore struct from: ${from === 'array' ? 'slice' : from}`))

function read(patched: KubeObject, kind: BodyKind, bad: () => string, strategic: boolean): ReturnType<typeof shape> {
  const { metadata } = patched as Partial<KubeObject>
  try {
    return shape(metadata === undefined || metadata === null ? { ...patched, metadata: {} } : patched, kind)
  } catch (error) {
    if (!(error instanceof StatusError) || error.code !== 400) throw error
    // Upstream tells of the patch what it would have told of a body.
    const text = error.message.replace(decodeHead, '')
    throw invalid({ kind: '' }, '', [fieldInvalid('patch', bad(), strategic ? restoreText(text) : text)])
  }
}

/** The object that an apply makes of the live one, with its managed fields. */
function applied(context: RequestContext, body: RequestBody, old: KubeObject | undefined, options: WriteOptions): KubeObject {
  const { served, request } = context
  const { object: merged, managedFields } = applyPatch({
    ...fieldsContext(context, options.fieldManager), patch: patchOf(body) as KubeObject, kind: served.kind,
    ...(old === undefined ? {} : { live: served.fromStored(old) }), force: options.force,
  })
  if (body.strictErrors.length > 0 && options.fieldValidation === 'Strict') {
    throw badRequest(`error strict decoding YAML: ${body.strictErrors.join('\n')}`)
  }
  if (options.fieldValidation === 'Warn') for (const error of body.strictErrors) warn(request, error)
  // Zero values that a configuration states are left out as everywhere, so that they count as no change.
  const object = goShape(deepCopy(shape(merged, bodyKindOf(served)).object))
  if (old === undefined && object.metadata.uid) throw missingUid(context, object)
  checkPatched(context, object)
  const stored = toStored(served, object)
  if (managedFields === undefined) delete stored.metadata.managedFields
  else stored.metadata.managedFields = managedFields
  return stored
}

/** An apply that names a uid speaks of an object that must exist. */
function missingUid(context: RequestContext, object: KubeObject): StatusError {
  return conflict(context.served, context.request.info.name,
    `uid mismatch: the provided object specified uid ${object.metadata.uid}, and no existing object was found`)
}
