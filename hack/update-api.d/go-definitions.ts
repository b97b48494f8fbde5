/** Definitions of Go types that travel but that upstream's OpenAPI leaves out, such as AdmissionReview and Table. */
import type { GoExpr, GoField, GoType } from './go-types.ts'
import type { Definitions, OpenApiSchema } from './openapi.ts'
import { definitionPackage, type ApiPackages } from './packages.ts'

/** The packages whose kinds are of use though OpenAPI does not serve them. */
const PACKAGES = new Set([
  'io.k8s.api.admission.v1',
  'io.k8s.api.apidiscovery.v2',
  'io.k8s.api.core.v1',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1',
  'io.k8s.apimachinery.pkg.apis.meta.v1',
  'io.k8s.metrics.pkg.apis.metrics.v1beta1',
])

/** Types of Go's side only. */
const NOT_WIRE = new Set([
  'TypeMeta', 'InternalEvent', 'Timestamp', 'ApplyOptions', 'FieldsV1', 'Time', 'MicroTime', 'Duration',
])

const PLAIN: Record<string, OpenApiSchema> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer' },
  int64: { type: 'integer' },
  int: { type: 'integer' },
  float64: { type: 'number' },
  'interface{}': {},
  'k8s.io/apimachinery/pkg/apis/meta/v1.Duration': { type: 'string' },
}

const TYPE_META = 'k8s.io/apimachinery/pkg/apis/meta/v1.TypeMeta'

class GoDefinitions {
  private readonly packages: ApiPackages
  constructor(packages: ApiPackages) {
    this.packages = packages
  }

  private schema(type: GoExpr): OpenApiSchema {
    switch (type.kind) {
      case 'pointer': return this.schema(type.to)
      case 'slice':
        if (type.of.kind === 'name' && type.of.name === 'byte') return { type: 'string' }
        return { type: 'array', items: this.schema(type.of) }
      case 'map': return { type: 'object', additionalProperties: this.schema(type.value) }
      case 'name': return this.named(type.name)
    }
  }

  private named(name: string): OpenApiSchema {
    const plain = PLAIN[name]
    if (plain) return plain
    const type = this.packages.types.get(name)
    if (type?.same && !type.fields) return this.schema(type.same)
    const dot = name.lastIndexOf('.')
    return { $ref: `#/components/schemas/${definitionPackage(name.slice(0, dot))}${name.slice(dot)}` }
  }

  private addFields(fields: readonly GoField[], into: OpenApiSchema, home: string): void {
    for (const field of fields) {
      const [json = '', ...options] = (field.tags['json'] ?? '').split(',')
      if (options.includes('inline') && field.type.kind === 'name') {
        if (field.type.name === TYPE_META) {
          Object.assign(into.properties ?? {}, { apiVersion: PLAIN['string'], kind: PLAIN['string'] })
          into['x-kubernetes-group-version-kind'] = [{ group: '', version: '', kind: home }]
        } else this.addFields(this.packages.types.get(field.type.name)?.fields ?? [], into, home)
      } else if (json !== '' && json !== '-') {
        ;(into.properties ??= {})[json] = this.schema(field.type)
        if (!options.includes('omitempty') && field.type.kind !== 'pointer') (into.required ??= []).push(json)
      }
    }
  }

  struct(type: GoType): OpenApiSchema {
    const schema: OpenApiSchema = { type: 'object', properties: {} }
    this.addFields(type.fields ?? [], schema, type.name)
    return schema
  }
}

/** The definitions that `known` lacks. */
export function goDefinitions(packages: ApiPackages, known: Definitions): Definitions {
  const source = new GoDefinitions(packages)
  const added: Definitions = new Map()
  for (const pack of packages.all.filter((each) => PACKAGES.has(each.name))) {
    for (const type of pack.go.types.values()) {
      const name = `${pack.name}.${type.name}`
      if (known.has(name) || NOT_WIRE.has(type.name) || !type.fields) continue
      if (!type.fields.some((field) => field.tags['json'] !== undefined)) continue
      added.set(name, source.struct(type))
    }
  }
  return new Map([...added].sort(([a], [b]) => (a < b ? -1 : 1)))
}
