/**
 * What Go's types say beyond OpenAPI (api/generated/wire.json, made by hack/update-api.d/wire.ts): the order of fields
 * in JSON, which are pointers, which are left out when empty, and their protobuf numbers.
 */
import data from '../generated/wire.json' with { type: 'json' }

/**
 * What a field holds: s string, b bool, i int32, l int64, d double, y bytes, t Time, u MicroTime, D Duration,
 * q Quantity, n IntOrString, r RawExtension, f FieldsV1, j JSON of apiextensions, A/O/S JSONSchemaProps or an array, a
 * bool or strings, w a list of strings that is a message, m a message, x anything (JSON only).
 */
export type WireKind =
  | 's' | 'b' | 'i' | 'l' | 'd' | 'y' | 't' | 'u' | 'D' | 'q' | 'n' | 'r' | 'f' | 'j' | 'A' | 'O' | 'S' | 'w' | 'm'
  | 'x'

export interface WireField {
  /** Empty for an inlined struct. */
  readonly json: string
  /** 0: not in protobuf. */
  readonly number: number
  readonly kind: WireKind
  readonly repeated: boolean
  readonly map: boolean
  readonly pointer: boolean
  readonly omitEmpty: boolean
  readonly omitZero: boolean
  readonly inline: boolean
  /** The full definition name of a message. */
  readonly type?: string
}

export interface WireType {
  /** "io.k8s.api.core.v1.Pod" */
  readonly name: string
  /** Has apiVersion and kind of its own. */
  readonly typeMeta: boolean
  /** In the order of Go's struct. */
  readonly fields: readonly WireField[]
}

interface Facts {
  readonly groups: Readonly<Record<string, string>>
  readonly types: Readonly<Record<string, Readonly<Record<string, string>>>>
}

const facts = data as Facts
const COMMON = 'io.k8s.api.'
const META = 'io.k8s.apimachinery.pkg.apis.meta.v1'

const parsed = new Map<string, WireType>()

/** The facts of a Go type by its definition name; undefined when upstream has none of that name. */
export function wireType(name: string): WireType | undefined {
  let type = parsed.get(name)
  if (!type) {
    const dot = name.lastIndexOf('.')
    const pack = name.slice(0, dot)
    const text = facts.types[pack]?.[name.slice(dot + 1)]
    if (text === undefined) return undefined
    if (text.startsWith('=')) type = wireType(fullName(pack, text.slice(1)))
    else type = parseType(name, pack, text)
    if (type) parsed.set(name, type)
  }
  return type
}

function fullName(home: string, ref: string): string {
  if (ref.startsWith('io.k8s.')) return ref
  return ref.includes('.') ? COMMON + ref : `${home}.${ref}`
}

function parseType(name: string, pack: string, text: string): WireType {
  const tokens = text === '' ? [] : text.split(';').map((token) => token.split(','))
  return {
    name,
    typeMeta: tokens.some(([, , code]) => code === 'T'),
    fields: tokens.filter(([, , code]) => code !== 'T').map(([json = '', number, code = '', ref]) => ({
      json,
      number: Number(number),
      kind: code[0] as WireKind,
      repeated: code.includes('R'),
      map: code.includes('M'),
      pointer: code.includes('p'),
      omitEmpty: code.includes('o'),
      omitZero: code.includes('z'),
      inline: code.includes('I'),
      ...(ref !== undefined && { type: fullName(pack, ref) }),
    })),
  }
}

/** Kinds of meta/v1 that every group-version knows. */
const EVERYWHERE = new Set([
  'ListOptions', 'GetOptions', 'DeleteOptions', 'CreateOptions', 'UpdateOptions', 'PatchOptions', 'WatchEvent',
])
/** Kinds of meta/v1 that only v1 knows. */
const UNVERSIONED = new Set(['Status', 'APIVersions', 'APIGroupList', 'APIGroup', 'APIResourceList'])

let packages: Map<string, string> | undefined
const kinds = new Map<string, WireType | null>()

/** The facts of a kind; undefined when it is not built in. */
export function wireTypeOfKind(apiVersion: string, kind: string): WireType | undefined {
  const key = `${apiVersion}/${kind}`
  let type = kinds.get(key)
  if (type === undefined) {
    type = findKind(apiVersion, kind) ?? null
    // Names from outside must not fill the memory.
    if (type) kinds.set(key, type)
  }
  return type ?? undefined
}

function findKind(apiVersion: string, kind: string): WireType | undefined {
  if (!packages) {
    packages = new Map()
    for (const [pack, group] of Object.entries(facts.groups)) {
      const version = pack.slice(pack.lastIndexOf('.') + 1)
      packages.set(group === '' ? version : `${group}/${version}`, pack)
    }
  }
  const pack = packages.get(apiVersion)
  const own = pack === undefined ? undefined : wireType(`${pack}.${kind}`)
  if (own?.typeMeta) return own
  if (EVERYWHERE.has(kind) || (apiVersion === 'v1' && UNVERSIONED.has(kind))) return wireType(`${META}.${kind}`)
  return undefined
}

/** Every kind with a Go type of its own package, as [apiVersion, kind]. For tests over all of them. */
export function wireKinds(): [apiVersion: string, kind: string][] {
  return Object.entries(facts.types).flatMap(([pack, types]) => {
    const group = facts.groups[pack] ?? ''
    const version = pack.slice(pack.lastIndexOf('.') + 1)
    const apiVersion = group === '' ? version : `${group}/${version}`
    return Object.keys(types).filter((name) => wireType(`${pack}.${name}`)?.typeMeta)
      .map((name): [string, string] => [apiVersion, name])
  })
}
