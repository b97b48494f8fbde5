/**
 * What a running server says of its definitions beyond api/openapi-spec/v3: the values of enumerations, which the generated
 * Go code holds, and the group-versions that options and events of watches are known in, which version 2 lists in full.
 */
import type { Definitions, OpenApiSchema } from './openapi.ts'
import { moduleText } from './modules.ts'

const GVK = 'x-kubernetes-group-version-kind'

/** Adds both to the definitions. */
export function addServed(definitions: Definitions): void {
  const names = new Map([...definitions.keys()].map((name) => [functionName(name), name]))
  let definition: OpenApiSchema | undefined
  let field: OpenApiSchema | undefined
  for (const line of moduleText('k8s.io/kubernetes', 'pkg/generated/openapi/zz_generated.openapi.go').split('\n')) {
    const func = /^func schema_(\w+)\(/.exec(line)
    if (func !== null) definition = definitions.get(names.get(func[1]!) ?? '')
    const property = /^\t{5}"(\w+)": \{$/.exec(line)
    if (property !== null) field = definition?.properties?.[property[1]!]
    if (field === undefined) continue
    // Values of lists and maps stand within theirs.
    if (/^\t+Items: &spec/.test(line)) field = field.items
    else if (/^\t+AdditionalProperties: &spec/.test(line)) field = field.additionalProperties
    const values = /^\t+Enum: +\[\]interface\{\}\{(.*)\},$/.exec(line)
    if (values !== null && field !== undefined) field.enum = JSON.parse(`[${values[1]!}]`) as unknown[]
  }
  const whole = JSON.parse(moduleText('k8s.io/kubernetes', 'api/openapi-spec/swagger.json')) as { definitions: Record<string, OpenApiSchema> }
  for (const [name, schema] of definitions) {
    const kinds = whole.definitions[name]?.[GVK]
    if (kinds !== undefined) schema[GVK] = kinds
  }
}

/** "io.k8s.api.core.v1.Pod" -> "k8sio_api_core_v1_Pod"; of other modules the path within the module. */
function functionName(name: string): string {
  if (name.startsWith('io.k8s.api.')) return `k8sio_${name.slice('io.k8s.'.length).replaceAll('.', '_')}`
  return name.replace(/^io\.k8s\.[^.]+\./, '').replaceAll('.', '_')
}
