/** The definitions as compact JSON: short keys, "#name" for a reference, no text for people. */
import { refOf, type Definitions, type OpenApiSchema } from './openapi.ts'

/** Compact form of a schema: a bare "#ref", a bare type with format ("integer:int32"), or an object of short keys. */
type Compact = string | { [key: string]: unknown }

/** [key in the data, extension of OpenAPI]; src/api/schema/builtin.ts reads them back. */
const MARKERS = [
  ['l', 'x-kubernetes-list-type'],
  ['k', 'x-kubernetes-list-map-keys'],
  ['m', 'x-kubernetes-map-type'],
  ['s', 'x-kubernetes-patch-strategy'],
  ['y', 'x-kubernetes-patch-merge-key'],
  ['u', 'x-kubernetes-unions'],
] as const

const COMMON = 'io.k8s.api.'

/** "core.v1.Pod" for the definitions of k8s.io/api, the full name for others. */
function shortName(name: string): string {
  return name.startsWith(COMMON) ? name.slice(COMMON.length) : name
}

function compact(schema: OpenApiSchema): Compact {
  const out: { [key: string]: unknown } = {}
  const ref = refOf(schema)
  if (ref !== undefined) out['r'] = shortName(ref)
  if (schema.type !== undefined) out['t'] = schema.type + (schema.format === undefined ? '' : `:${schema.format}`)
  if (schema.items) out['a'] = compact(schema.items)
  if (schema.additionalProperties) out['v'] = compact(schema.additionalProperties)
  if (schema.properties) {
    out['p'] = Object.fromEntries(Object.entries(schema.properties).map(([field, value]) => [field, compact(value)]))
    // A reference that nothing is said of stands by itself where others are wrapped to carry their description.
    const bare = Object.keys(schema.properties).filter((field) => schema.properties![field]!.$ref !== undefined)
    if (bare.length > 0) out['b'] = bare
  }
  if (schema.required) out['q'] = schema.required
  if (schema.default !== undefined) out['d'] = schema.default
  if (schema.enum) out['e'] = schema.enum
  for (const [key, marker] of MARKERS) if (schema[marker] !== undefined) out[key] = schema[marker]
  const kinds = schema['x-kubernetes-group-version-kind']
  if (kinds) out['g'] = kinds.map((k) => `${k.group}/${k.version}/${k.kind}`)
  const keys = Object.keys(out)
  if (keys.length === 1 && ref !== undefined) return `#${shortName(ref)}`
  if (keys.length === 1 && schema.type !== undefined && schema.type !== 'object') return String(out['t'])
  return out
}

/** JSON with one line per definition. */
export function renderSchemas(definitions: Definitions): string {
  const lines = [...definitions].map(([name, schema]) => `"${shortName(name)}":${JSON.stringify(compact(schema))}`)
  return `{\n${lines.join(',\n')}\n}\n`
}
