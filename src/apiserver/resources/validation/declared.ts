/**
 * Validation that upstream's types state as +k8s: tags (apimachinery/pkg/api/validate, KEP-5073), for kinds whose
 * strategies enforce it. Tags under "alpha:" are upstream's trial beside checks written by hand: they are not done here.
 */
import { validationTags } from '../../../api/generated/validation-tags.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import {
  fieldDuplicate, fieldForbidden, fieldInvalid, fieldRequired, fieldTooMany, indexPath,
} from '../../../api/meta/field-errors.ts'
import { isDNS1123Label, isDNS1123Subdomain, isDNS1123SubdomainCaseless, isPathSegmentName, isQualifiedName } from '../../../api/meta/names.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import { schemaOf } from '../../../api/schema/builtin.ts'
import type { Schema } from '../../../api/schema/schema.ts'
import type { StrategyContext } from '../define.ts'
import { semanticEqual } from './common.ts'

type Fields = Readonly<Record<string, unknown>>

const prefix = 'io.k8s.api.'
const tagsOf = (schema: Schema): Readonly<Record<string, readonly string[]>> =>
  schema.name?.startsWith(prefix) === true ? validationTags[schema.name.slice(prefix.length)] ?? {} : {}

const formats: Readonly<Record<string, (value: string) => readonly string[]>> = {
  'k8s-short-name': isDNS1123Label, 'k8s-long-name': isDNS1123Subdomain, 'k8s-long-name-caseless': isDNS1123SubdomainCaseless,
  'k8s-label-key': isQualifiedName, 'k8s-path-segment-name': isPathSegmentName, 'k8s-resource-pool-name': poolName,
}

function poolName(value: string): string[] {
  return value.split('/').flatMap((segment, i) => (segment === '' ? [`segment ${i}: must not be empty`] : isDNS1123Subdomain(segment).map((message) => `segment ${i}: ${message}`)))
}

/** What the tags of the definition (such as "scheduling.v1alpha2.PodGroup") say against the object; `old`: it is an update. */
export function* declaredErrors(definition: string, object: KubeObject, old: KubeObject | undefined, context: StrategyContext): Generator<FieldError> {
  yield* typeErrors('', schemaOf(prefix + definition), object as unknown as Fields, old as unknown as Fields | undefined, context)
}

function* typeErrors(path: string, schema: Schema, value: Fields, old: Fields | undefined, context: StrategyContext): Generator<FieldError> {
  const tags = tagsOf(schema)
  const members = Object.keys(tags).filter((field) => tags[field]!.includes('unionMember'))
  if (members.length > 0) yield* unionErrors(path, members.filter((field) => isSet(value[field])), members)
  for (const [field, property] of Object.entries(schema.properties ?? {})) {
    const at = path === '' ? field : `${path}.${field}`
    // What is as it was is not looked at again.
    if (old !== undefined && semanticEqual(value[field], old[field])) continue
    yield* fieldErrors(at, property, tags[field] ?? [], value[field], old === undefined ? undefined : { value: old[field] }, context)
  }
}

function* unionErrors(path: string, set: readonly string[], members: readonly string[]): Generator<FieldError> {
  const all = members.map((field) => `\`${field}\``).join(', ')
  if (set.length === 0) yield fieldInvalid(path, '', `must specify one of: ${all}`)
  else if (set.length > 1) yield fieldInvalid(path, `{${set.join(', ')}}`, `must specify exactly one of: ${all}`)
}

const isSet = (value: unknown): boolean => value !== undefined && value !== null
const isZero = (value: unknown): boolean => !isSet(value) || value === '' || value === 0 || value === false || (Array.isArray(value) && value.length === 0)

/** A tag as it counts under the gates: "ifEnabled(Gate):required" is "required" or nothing. */
function effective(tag: string, { feature }: StrategyContext): string | undefined {
  if (tag.startsWith('alpha:')) return undefined
  const match = /^if(Enabled|Disabled)\("?([^")]+)"?\):(.*)$/.exec(tag)
  if (match === null) return tag
  return feature(match[2]!) === (match[1] === 'Enabled') ? match[3] : undefined
}

function* fieldErrors(
  path: string, schema: Schema, stated: readonly string[], value: unknown, old: { readonly value: unknown } | undefined, context: StrategyContext,
): Generator<FieldError> {
  const tags = stated.map((tag) => effective(tag, context)).filter((tag) => tag !== undefined)
  const argument = (name: string): string | undefined => tags.find((tag) => tag.startsWith(`${name}=`))?.slice(name.length + 1)
  if (tags.includes('immutable') && old !== undefined) {
    yield fieldInvalid(path, null, 'field is immutable')
    return
  }
  if (tags.includes('forbidden') && !isZero(value)) {
    yield fieldForbidden(path, '')
    return
  }
  // A nought that is said differs from none where upstream's type has a pointer: such fields have no default.
  if (isZero(value) && !(value === 0 && schema.default === undefined)) {
    if (tags.includes('required')) yield fieldRequired(path)
    if (!isSet(value) || tags.includes('required') || !tags.includes('optional') || Array.isArray(value)) return
  }
  const max = argument('maxItems')
  if (Array.isArray(value) && max !== undefined && value.length > Number(max)) {
    yield fieldTooMany(path, value.length, Number(max))
    return
  }
  if (Array.isArray(value)) yield* itemErrors(path, schema, value, Array.isArray(old?.value) ? old.value : undefined, context, tags)
  else if (typeof value === 'object') yield* typeErrors(path, schema, value as Fields, old?.value as Fields | undefined, context)
  else yield* scalarErrors(path, value as string | number, argument)
}

function* itemErrors(
  path: string, schema: Schema, value: readonly unknown[], old: readonly unknown[] | undefined, context: StrategyContext, tags: readonly string[],
): Generator<FieldError> {
  const keys = tags.includes('listType=map') ? tags.filter((tag) => tag.startsWith('listMapKey=')).map((tag) => tag.slice('listMapKey='.length)) : []
  const keyOf = (item: unknown): string => JSON.stringify(keys.map((key) => (item as Fields)[key]))
  const seen = new Set<string>()
  for (const [i, item] of value.entries()) {
    const at = indexPath(path, i)
    if (keys.length > 0 && seen.has(keyOf(item))) yield fieldDuplicate(at, item)
    if (keys.length > 0) seen.add(keyOf(item))
    const before = keys.length > 0 ? old?.find((other) => keyOf(other) === keyOf(item)) : old?.find((other) => semanticEqual(other, item))
    if (before !== undefined && semanticEqual(before, item)) continue
    if (schema.items !== undefined && typeof item === 'object' && item !== null) yield* typeErrors(at, schema.items, item as Fields, before as Fields | undefined, context)
  }
}

function* scalarErrors(path: string, value: string | number, argument: (name: string) => string | undefined): Generator<FieldError> {
  const [least, most, format] = [argument('minimum'), argument('maximum'), argument('format')]
  if (least !== undefined && Number(value) < Number(least)) yield fieldInvalid(path, value, `must be greater than or equal to ${least}`)
  if (most !== undefined && Number(value) > Number(most)) yield fieldInvalid(path, value, `must be less than or equal to ${most}`)
  for (const message of format === undefined ? [] : formats[format]?.(String(value)) ?? []) yield fieldInvalid(path, value, message)
}
