/**
 * Schemas of the built-in kinds, from the compact facts in api/generated/schemas.json (hack/update-api.d/schemas.ts
 * writes them). A definition is expanded when it is first asked for, with everything that it reaches, once: the same
 * object answers every time, and definitions that hold themselves are cycles in the graph.
 */
import data from '../generated/schemas.json' with { type: 'json' }
import type { GroupVersionKind } from '../meta/object.ts'
import type { Schema } from './schema.ts'

interface CompactObject {
  /** A reference, with the siblings that alter it. */
  readonly r?: string
  /** type, or type:format */
  readonly t?: string
  readonly a?: Compact
  readonly v?: Compact
  readonly p?: Readonly<Record<string, Compact>>
  readonly q?: readonly string[]
  readonly d?: unknown
  readonly e?: readonly unknown[]
  /** Fields that are references without a description. */
  readonly b?: readonly string[]
  readonly l?: 'atomic' | 'set' | 'map'
  readonly k?: readonly string[]
  readonly m?: 'atomic' | 'granular'
  readonly s?: string
  readonly y?: string
  readonly u?: readonly unknown[]
  readonly g?: readonly string[]
}

type Compact = string | CompactObject
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const facts = data as unknown as Readonly<Record<string, Compact>>
const built = new Map<string, Schema>()

const COMMON = 'io.k8s.api.'
const META = 'io.k8s.apimachinery.pkg.'
const EXTENSIONS = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.'

/** Definitions whose Go types have their own JSON form, which OpenAPI tells only in part. */
const SPECIAL: Readonly<Record<string, Schema>> = {
  [`${META}api.resource.Quantity`]: { quantity: true },
  [`${META}util.intstr.IntOrString`]: { intOrString: true, format: 'int-or-string' },
  [`${META}runtime.RawExtension`]: { type: 'object', preserveUnknownFields: true },
  [`${META}apis.meta.v1.FieldsV1`]: { type: 'object', preserveUnknownFields: true },
  [`${META}apis.meta.v1.Patch`]: { type: 'object', preserveUnknownFields: true },
  [`${EXTENSIONS}JSON`]: { preserveUnknownFields: true },
  [`${EXTENSIONS}JSONSchemaPropsOrArray`]: { preserveUnknownFields: true },
  [`${EXTENSIONS}JSONSchemaPropsOrBool`]: { preserveUnknownFields: true },
  [`${EXTENSIONS}JSONSchemaPropsOrStringArray`]: { preserveUnknownFields: true },
}

/** Variants of referenced definitions that wait until those are whole. */
let waiting: (() => void)[] = []
let depth = 0

/** The schema of a definition such as "io.k8s.api.core.v1.Pod". Throws when upstream has none of that name. */
export function schemaOf(name: string): Schema {
  const known = built.get(name)
  if (known) return known
  const fact = facts[name.startsWith(COMMON) ? name.slice(COMMON.length) : name]
  if (fact === undefined) throw new Error(`no built-in definition named ${name}`)
  const schema: Mutable<Schema> = { name }
  built.set(name, schema)
  depth++
  const special = SPECIAL[name]
  if (special) Object.assign(schema, special)
  // Time and its like are bare types in the facts.
  else if (typeof fact === 'string') setType(schema, fact)
  else fill(schema, fact)
  depth--
  if (depth === 0) {
    const fixes = waiting
    waiting = []
    for (const fix of fixes) fix()
  }
  return schema
}

function expand(compact: Compact): Schema {
  if (typeof compact === 'string') {
    if (compact.startsWith('#')) return schemaOf(fullName(compact.slice(1)))
    const schema: Mutable<Schema> = {}
    setType(schema, compact)
    return schema
  }
  const schema: Mutable<Schema> = {}
  if (compact.r === undefined) {
    fill(schema, compact)
    return schema
  }
  const target = schemaOf(fullName(compact.r))
  const variant = (): void => {
    Object.assign(schema, target)
    fill(schema, compact)
  }
  waiting.push(variant)
  return schema
}

function fullName(short: string): string {
  return short.startsWith('io.k8s.') ? short : COMMON + short
}

function setType(schema: Mutable<Schema>, text: string): void {
  const colon = text.indexOf(':')
  schema.type = (colon < 0 ? text : text.slice(0, colon)) as Exclude<Schema['type'], undefined>
  if (colon >= 0) schema.format = text.slice(colon + 1)
}

function fill(schema: Mutable<Schema>, fact: CompactObject): void {
  if (fact.t !== undefined) setType(schema, fact.t)
  if (fact.p) {
    const properties: Record<string, Schema> = {}
    schema.properties = properties
    for (const field in fact.p) properties[field] = expand(fact.p[field] as Compact)
  }
  if (fact.a !== undefined) schema.items = expand(fact.a)
  if (fact.v !== undefined) schema.additionalProperties = expand(fact.v)
  if (fact.q) schema.required = fact.q
  if (fact.d !== undefined) schema.default = fact.d
  if (fact.e) schema.enum = fact.e
  if (fact.b) schema.undescribed = fact.b
  if (fact.l !== undefined) schema.listType = fact.l
  if (fact.k) schema.listMapKeys = fact.k
  if (fact.m !== undefined) schema.mapType = fact.m
  if (fact.s !== undefined) schema.patchStrategy = fact.s
  if (fact.y !== undefined) schema.patchMergeKey = fact.y
  if (fact.u) schema.unions = fact.u
}

let names: readonly string[] | undefined

/** Every definition of upstream's OpenAPI, by full name, sorted. */
export function definitionNames(): readonly string[] {
  names ??= Object.keys(facts).map(fullName).sort()
  return names
}

const kindsIn = (fact: Compact | undefined): readonly string[] => (typeof fact === 'object' ? fact.g ?? [] : [])

let byKind: Map<string, string> | undefined

function kindIndex(): Map<string, string> {
  if (!byKind) {
    byKind = new Map()
    for (const short in facts) for (const kind of kindsIn(facts[short])) byKind.set(kind, fullName(short))
  }
  return byKind
}

/** The definition of a kind, such as "io.k8s.api.apps.v1.Deployment"; undefined when it is not built in. */
export function gvkDefinition(group: string, version: string, kind: string): string | undefined {
  return kindIndex().get(`${group}/${version}/${kind}`)
}

/** The schema of a kind; undefined when it is not built in. */
export function gvkSchema(group: string, version: string, kind: string): Schema | undefined {
  const name = gvkDefinition(group, version, kind)
  return name === undefined ? undefined : schemaOf(name)
}

/** The kinds that a definition describes: one for most, every group's for DeleteOptions, none for parts of kinds. */
export function kindsOf(name: string): GroupVersionKind[] {
  const kinds = kindsIn(facts[name.startsWith(COMMON) ? name.slice(COMMON.length) : name])
  return kinds.map((text) => {
    const [group = '', version = '', kind = ''] = text.split('/')
    return { group, version, kind }
  })
}
