/** What kinds there are and what they look like: built-in ones by upstream's facts, others as the server describes them. */
import { discovery } from '../../api/generated/discovery.ts'
import type { GroupVersionKind } from '../../api/meta/object.ts'
import { gvkSchema } from '../../api/schema/builtin.ts'
import { type JSONSchemaProps, schemaFromJSON } from '../../api/schema/json-schema.ts'
import type { Schema } from '../../api/schema/schema.ts'
import type { Client } from '../../client/client.ts'
import type { ResourceTypes } from './type-check.ts'

interface ResourceList {
  readonly resources?: readonly { readonly name: string; readonly kind: string }[]
}

interface OpenApiDocument {
  readonly components?: { readonly schemas?: Readonly<Record<string, JSONSchemaProps & { 'x-kubernetes-group-version-kind'?: readonly GroupVersionKind[] }>> }
}

const isBuiltIn = (group: string, version: string): boolean =>
  discovery.some((g) => g.group === group && g.versions.some((v) => v.version === version))

/** Asks the server about the versions that are not built in. Versions that it does not know have no types. */
export async function typesOf(client: Client, versions: Iterable<{ group: string; version: string }>): Promise<ResourceTypes> {
  const kinds = new Map<string, string>()
  const schemas = new Map<string, Schema>()
  const asked = new Set<string>()
  for (const { group, version } of versions) {
    const path = `/apis/${group}/${version}`
    if (isBuiltIn(group, version) || asked.has(path)) continue
    asked.add(path)
    const list = await ask<ResourceList>(client, path)
    for (const { name, kind } of list?.resources ?? []) kinds.set(`${path}/${name}`, kind)
    const document = await ask<OpenApiDocument>(client, `/openapi/v3${path}`)
    for (const shown of Object.values(document?.components?.schemas ?? {})) {
      const of = shown['x-kubernetes-group-version-kind']?.find((kind) => kind.group === group && kind.version === version)
      if (of !== undefined) schemas.set(`${path} ${of.kind}`, schemaFromJSON(withoutMeta(shown)))
    }
  }
  return {
    kindOf: (group, version, resource) => builtInKind(group, version, resource) ?? kinds.get(`/apis/${group}/${version}/${resource}`),
    schemaOf: ({ group, version, kind }) => gvkSchema(group, version, kind) ?? schemas.get(`/apis/${group}/${version} ${kind}`),
  }
}

/** Metadata is a reference, and the same for all. */
function withoutMeta(schema: JSONSchemaProps): JSONSchemaProps {
  const { metadata: _, ...properties } = schema.properties ?? {}
  return { ...schema, properties }
}

function builtInKind(group: string, version: string, resource: string): string | undefined {
  const served = discovery.find((g) => g.group === group)?.versions.find((v) => v.version === version)
  return served?.resources.find((r) => r.resource === resource)?.kind
}

async function ask<T>(client: Client, path: string): Promise<T | undefined> {
  try {
    return await client.raw('GET', path) as T
  } catch {
    return undefined
  }
}
