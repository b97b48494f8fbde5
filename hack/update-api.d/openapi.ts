/** The definitions of api/openapi-spec/v3, joined over the group-versions that repeat them. */
import { moduleFiles, moduleText } from './modules.ts'

export interface OpenApiSchema {
  type?: string
  format?: string
  $ref?: string
  allOf?: OpenApiSchema[]
  oneOf?: OpenApiSchema[]
  properties?: Record<string, OpenApiSchema>
  required?: string[]
  items?: OpenApiSchema
  additionalProperties?: OpenApiSchema
  default?: unknown
  enum?: unknown[]
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[]
  'x-kubernetes-list-type'?: string
  'x-kubernetes-list-map-keys'?: string[]
  'x-kubernetes-map-type'?: string
  'x-kubernetes-patch-strategy'?: string
  'x-kubernetes-patch-merge-key'?: string
  'x-kubernetes-unions'?: unknown[]
}

export type Definitions = Map<string, OpenApiSchema>

const FOLDER = 'api/openapi-spec/v3'
const REF = '#/components/schemas/'

/** All definitions by name, sorted. Files that repeat one add only their group-version-kinds to it. */
export function readDefinitions(): Definitions {
  const all = new Map<string, OpenApiSchema>()
  for (const file of moduleFiles('k8s.io/kubernetes', FOLDER)) {
    const document = JSON.parse(moduleText('k8s.io/kubernetes', `${FOLDER}/${file}`)) as {
      components?: { schemas?: Record<string, OpenApiSchema> }
    }
    for (const [name, schema] of Object.entries(document.components?.schemas ?? {})) {
      const seen = all.get(name)
      if (seen) joinKinds(seen, schema)
      else all.set(name, schema)
    }
  }
  return new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)))
}

const GVK = 'x-kubernetes-group-version-kind'

function joinKinds(into: OpenApiSchema, from: OpenApiSchema): void {
  const known = new Set((into[GVK] ?? []).map((k) => JSON.stringify(k)))
  for (const kind of from[GVK] ?? []) if (!known.has(JSON.stringify(kind))) (into[GVK] ??= []).push(kind)
}

/** The definition that a schema points to, whether bare or wrapped in allOf beside a default. */
export function refOf(schema: OpenApiSchema): string | undefined {
  const ref = schema.$ref ?? (schema.allOf?.length === 1 ? schema.allOf[0]?.$ref : undefined)
  return ref?.slice(REF.length)
}
