import type { ResourceSlice } from '../../../api/generated/types/resource-v1.ts'
import { builtin } from '../builtin.ts'

export const resourceSlices = builtin<ResourceSlice>({
  group: 'resource.k8s.io', version: 'v1', resource: 'resourceslices',
  returnDeletedObject: true,
  unconditionalUpdate: true,
})
