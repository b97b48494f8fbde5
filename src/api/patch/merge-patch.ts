/** JSON merge patch (RFC 7386) as evanphx/json-patch does it. Inputs are never changed; unchanged parts are shared. */
import { badRequest } from '../meta/errors.ts'
import { setOwn } from '../codec/set-own.ts'
import { isFields } from '../meta/json-equal.ts'
import type { Fields } from '../meta/json-equal.ts'
import { jsonKind } from '../schema/go-decode.ts'


/** The document with the patch merged in; throws a 400 StatusError when the patch is no object. */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (!isFields(patch)) {
    if (patch === null || patch === undefined) throw badRequest('Invalid JSON Patch')
    throw badRequest(`error decoding patch: json: cannot unmarshal ${jsonKind(patch)} into Go value of type map[string]interface {}`)
  }
  return isFields(document) ? mergeFields(document, patch) : withoutNulls(patch)
}

function mergeFields(document: Fields, patch: Fields): Fields {
  let out: Record<string, unknown> | undefined
  for (const key of Object.keys(patch)) {
    const value = patch[key]
    const current = Object.hasOwn(document, key) ? document[key] : undefined
    if (value === null || value === undefined) {
      if (!Object.hasOwn(document, key)) continue
      out ??= { ...document }
      delete out[key]
      continue
    }
    const next = mergeValue(current, value)
    if (next === current) continue
    out ??= { ...document }
    setOwn(out, key, next)
  }
  return out ?? document
}

function mergeValue(current: unknown, value: unknown): unknown {
  if (!isFields(current)) return withoutNulls(value)
  return isFields(value) ? mergeFields(current, value) : value
}

/** Nulls in new objects say nothing; those that are elements of lists stay. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.some((item) => withoutNulls(item) !== item) ? value.map(withoutNulls) : value
  }
  if (!isFields(value)) return value
  let out: Record<string, unknown> | undefined
  for (const key of Object.keys(value)) {
    const item = value[key]
    if (item === null) {
      out ??= { ...value }
      delete out[key]
      continue
    }
    const next = withoutNulls(item)
    if (next === item) continue
    out ??= { ...value }
    setOwn(out, key, next)
  }
  return out ?? value
}

/** The merge patch that leads from one document to another. */
export function createMergePatch(from: unknown, to: unknown): Fields {
  return isFields(from) && isFields(to) ? diffFields(from, to) : (to as Fields)
}

function diffFields(from: Fields, to: Fields): Fields {
  const patch: Record<string, unknown> = {}
  for (const key of Object.keys(from)) if (!Object.hasOwn(to, key)) setOwn(patch, key, null)
  for (const key of Object.keys(to)) {
    const before = Object.hasOwn(from, key) ? from[key] : undefined
    const after = to[key]
    if (isFields(before) && isFields(after)) {
      const inner = diffFields(before, after)
      if (Object.keys(inner).length > 0) setOwn(patch, key, inner)
    } else if (JSON.stringify(before) !== JSON.stringify(after)) setOwn(patch, key, after)
  }
  return patch
}
