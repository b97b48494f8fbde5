import type { EndpointSlice } from '../../../api/generated/types/discovery-v1.ts'
import { builtin } from '../builtin.ts'

export const endpointSlices = builtin<EndpointSlice>({
  group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices',
  unconditionalUpdate: true,
})
