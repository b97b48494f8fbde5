/** Custom kinds in OpenAPI: their schema with the fields that every object has (upstream: apiextensions-apiserver/pkg/controller/openapi/builder). */
import type { ResourceDefinition } from '../resources/define.ts'
import type { Definitions, Json } from './openapi-schemas.ts'

const objectMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
const listMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta'

const texts = {
  apiVersion: 'APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources',
  kind: 'Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds',
  metadata: 'Standard object\'s metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata',
} as const

/** Adds the definitions of a custom kind and its list; answers their names. */
export function customDefinitions(definition: ResourceDefinition, version: string, definitions: Definitions): { kind: string; list: string } {
  const { group, kind } = definition
  const base = `${group.split('.').reverse().join('.')}.${version}`
  const names = { kind: `${base}.${kind}`, list: `${base}.${definition.listKind ?? `${kind}List`}` }
  const schema = version === definition.version ? definition.schema : definition.versions?.[version]?.schema ?? definition.schema
  const shown = schema.preserveUnknownFields === true && definitions.version === 2 ? { type: 'object' } : definitions.show(schema)
  definitions.add(names.kind, {
    ...shown, type: 'object', properties: { ...(shown['properties'] as Json | undefined), ...objectFields(definitions, objectMeta) },
    'x-kubernetes-group-version-kind': [{ group, version, kind }],
  })
  const items: Json = { type: 'array', items: reference(definitions, names.kind) }
  definitions.add(names.list, {
    type: 'object', required: ['items'], properties: { ...objectFields(definitions, listMeta), items },
    'x-kubernetes-group-version-kind': [{ group, version, kind: definition.listKind ?? `${kind}List` }],
  })
  return names
}

function reference({ version }: Definitions, name: string): Json {
  return { $ref: `${version === 3 ? '#/components/schemas/' : '#/definitions/'}${name}` }
}

function objectFields(definitions: Definitions, metaType: string): Json {
  const ref = definitions.ref(metaType)
  return {
    apiVersion: { description: texts.apiVersion, type: 'string' }, kind: { description: texts.kind, type: 'string' },
    metadata: definitions.version === 3 ? { description: texts.metadata, allOf: [ref] } : { description: texts.metadata, ...ref },
  }
}
