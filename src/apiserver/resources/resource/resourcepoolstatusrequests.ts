import type { ResourcePoolStatusRequest } from '../../../api/generated/types/resource-v1alpha3.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const resourcePoolStatusRequests = builtin<ResourcePoolStatusRequest>({
  group: 'resource.k8s.io', version: 'v1alpha3', resource: 'resourcepoolstatusrequests',
  returnDeletedObject: true,
  subresources: { status: statusSubresource() },
})
