import type { EndpointSlice } from '../../../api/generated/types/discovery-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, listWithMore, nameColumn, text } from '../columns.ts'
import { endpointSliceWarnings, validateEndpointSlice, validateEndpointSliceUpdate } from './validation.ts'

function setDefaults({ ports }: EndpointSlice): void {
  for (const port of ports ?? []) {
    port.name ??= ''
    port.protocol ??= 'TCP'
  }
}

/** v1 has no topology: an endpoint's node stands in nodeName. */
function dropTopology(slice: EndpointSlice): void {
  for (const endpoint of slice.endpoints ?? []) delete endpoint.deprecatedTopology
}

export const endpointSlices = builtin<EndpointSlice>({
  group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices',
  unconditionalUpdate: true,
  generationFields: ['addressType', 'endpoints', 'ports', 'metadata.labels'],
  default: setDefaults,
  prepareForCreate: dropTopology,
  prepareForUpdate: dropTopology,
  validate: validateEndpointSlice,
  validateUpdate: validateEndpointSliceUpdate,
  warnings: endpointSliceWarnings,
  columns: [
    nameColumn(),
    text('AddressType', (o) => o.addressType),
    text('Ports', (o) => listWithMore((o.ports ?? []).map((p) => String(p.port ?? p.name ?? '*')), 3, '<unset>')),
    text('Endpoints', (o) => listWithMore((o.endpoints ?? []).flatMap((e) => e.addresses), 3, '<unset>')),
    ageColumn(),
  ],
})
