/** TypeScript types, one file per group-version, from the OpenAPI definitions. */
import { refOf, type Definitions, type OpenApiSchema } from './openapi.ts'

/** Definitions that the compiler sees as something simpler. */
const SIMPLE: Record<string, string> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': 'string',
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': 'Record<string, unknown>',
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': 'string',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': 'string',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Patch': 'unknown',
  'io.k8s.apimachinery.pkg.runtime.RawExtension': 'Record<string, unknown>',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': 'number | string',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON': 'unknown',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray':
    'JSONSchemaProps | JSONSchemaProps[]',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool': 'JSONSchemaProps | boolean',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray':
    'JSONSchemaProps | string[]',
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.'

/** Written by hand in src/api/meta/object.ts. */
const BY_HAND = [
  'KubeList', 'KubeObject', 'ListMeta', 'ManagedFieldsEntry', 'ObjectMeta', 'OwnerReference', 'WatchEvent',
]
const META_FILE = '../../meta/object.ts'

const FILES: Record<string, string> = { apiserverinternal: 'internal' }

/** "io.k8s.api.rbac.v1.Role" is Role in rbac-v1. */
export function homeOf(definition: string): { file: string; type: string } {
  if (definition === 'io.k8s.apimachinery.pkg.version.Info') return { file: 'meta-v1', type: 'VersionInfo' }
  const [type = '', version = '', pack = ''] = definition.split('.').reverse()
  return { file: `${FILES[pack] ?? pack}-${version}`, type }
}

class TypesFile {
  readonly name: string
  private readonly imports = new Map<string, Set<string>>()
  private readonly bodies: string[] = []

  constructor(name: string) {
    this.name = name
  }

  add(definition: string, schema: OpenApiSchema): void {
    const { type } = homeOf(definition)
    const isKind = schema['x-kubernetes-group-version-kind'] !== undefined && schema.properties?.['kind'] !== undefined
    const lines = [`export type ${type} = {`]
    for (const [field, value] of Object.entries(schema.properties ?? {})) {
      const meta = refOf(value)
      const always = schema.required?.includes(field) === true
        || (isKind && field === 'metadata' && (meta === `${META}ObjectMeta` || meta === `${META}ListMeta`))
      lines.push(`  ${/^\w+$/.test(field) ? field : `'${field}'`}${always ? '' : '?'}: ${this.typeOf(value)}`)
    }
    this.bodies.push(lines.length === 1 ? `export type ${type} = Record<string, never>` : [...lines, '}'].join('\n'))
  }

  private typeOf(schema: OpenApiSchema): string {
    const ref = refOf(schema)
    if (ref !== undefined) return SIMPLE[ref] === undefined ? this.use(ref) : SIMPLE[ref]
    switch (schema.type) {
      case 'array': {
        const item = this.typeOf(schema.items ?? {})
        return /^\w+$/.test(item) ? `${item}[]` : `(${item})[]`
      }
      case 'object':
        return `Record<string, ${schema.additionalProperties ? this.typeOf(schema.additionalProperties) : 'unknown'}>`
      case 'integer':
      case 'number':
        return 'number'
      case 'string':
      case 'boolean':
        return schema.type
      default:
        return 'unknown'
    }
  }


  private use(definition: string): string {
    const home = homeOf(definition)
    const byHand = definition.startsWith(META) && BY_HAND.includes(home.type)
    const path = byHand ? META_FILE : `./${home.file}.ts`
    if (home.file !== this.name || path.startsWith('..')) {
      const names = this.imports.get(path) ?? new Set()
      this.imports.set(path, names.add(home.type))
    }
    return home.type
  }

  /** Imports first, then the types. */
  text(): string {
    const imports = [...this.imports].sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, names]) => `import type { ${[...names].sort().join(', ')} } from '${path}'`)
    const reexport = this.name === 'meta-v1' ? [`export type { ${BY_HAND.join(', ')} } from '${META_FILE}'`] : []
    return [...imports, ...reexport, '', this.bodies.join('\n\n'), ''].join('\n')
  }
}

/** The files under types/: aliases of object types, so that they fit where KubeObject is expected. */
export function renderTypes(definitions: Definitions): Map<string, string> {
  const files = new Map<string, TypesFile>()
  for (const [name, schema] of definitions) {
    const { file, type } = homeOf(name)
    if (SIMPLE[name] !== undefined || (name.startsWith(META) && BY_HAND.includes(type))) continue
    let target = files.get(file)
    if (!target) files.set(file, (target = new TypesFile(file)))
    target.add(name, schema)
  }
  return new Map([...files].map(([name, file]) => [`types/${name}.ts`, file.text()]))
}
