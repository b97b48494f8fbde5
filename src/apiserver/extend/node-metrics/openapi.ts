/** How OpenAPI documents and `kubectl explain` show the group's kinds (upstream: k8s.io/metrics/pkg/apis/metrics/v1beta1). */
import type { Definitions, Json } from '../openapi-schemas.ts'

const prefix = 'io.k8s.metrics.pkg.apis.metrics.v1beta1'
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1'
const usage = 'Resource name to quantity, as of the interval. Memory is the working set.'

/** Makes the kind and its list part of the document; answers the names of both. undefined for kinds of other groups. */
export function metricsDefinitions(definitions: Definitions, group: string, version: string, kind: string): { kind: string; list: string } | undefined {
  if (group !== 'metrics.k8s.io' || version !== 'v1beta1') return undefined
  const names = { kind: `${prefix}.${kind}`, list: `${prefix}.${kind}List` }
  const at = definitions.version === 3 ? '#/components/schemas/' : '#/definitions/'
  const refer = (name: string, description: string): Json => {
    const ref = name.startsWith(prefix) ? { $ref: at + name } : definitions.ref(name)
    return definitions.version === 3 ? { description, allOf: [ref] } : { description, ...ref }
  }
  const resources: Json = { description: usage, type: 'object', additionalProperties: definitions.ref('io.k8s.apimachinery.pkg.api.resource.Quantity') }
  const typed = (of: string, description: string, required: string[], properties: Json): Json => ({
    description, type: 'object', required,
    properties: {
      apiVersion: { description: 'The version of the schema that this representation follows.', type: 'string' },
      kind: { description: 'The kind of the object.', type: 'string' }, ...properties,
    },
    'x-kubernetes-group-version-kind': [{ group: 'metrics.k8s.io', version: 'v1beta1', kind: of }],
  })
  const interval: Json = {
    metadata: refer(`${meta}.ObjectMeta`, 'The object\'s metadata: name, namespace and labels of what was measured.'),
    timestamp: refer(`${meta}.Time`, 'The end of the interval that usage was collected over.'),
    window: { description: 'The length of the interval, which ends at the timestamp.', type: 'string' },
  }
  const isNode = kind === 'NodeMetrics'
  definitions.add(names.kind, typed(kind, `Resource usage of a ${isNode ? 'node' : 'pod'}.`, ['timestamp', 'window', isNode ? 'usage' : 'containers'], {
    ...interval,
    ...(isNode ? { usage: resources } : {
      containers: {
        description: 'The usage of each container, all over the same interval.', type: 'array', 'x-kubernetes-list-type': 'atomic',
        items: { $ref: `${at}${prefix}.ContainerMetrics` },
      },
    }),
  }))
  if (!isNode) {
    definitions.add(`${prefix}.ContainerMetrics`, {
      description: 'Resource usage of a container.', type: 'object', required: ['name', 'usage'],
      properties: { name: { description: 'The container\'s name in the pod\'s spec.', type: 'string' }, usage: resources },
    })
  }
  definitions.add(names.list, typed(`${kind}List`, `A list of ${kind}.`, ['items'], {
    metadata: refer(`${meta}.ListMeta`, 'The list\'s metadata.'),
    items: { description: 'The usage of each.', type: 'array', items: { $ref: at + names.kind } },
  }))
  return names
}
