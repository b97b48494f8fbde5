import type { ResourceClaim } from '../../../api/generated/types/resource-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const resourceClaims = builtin<ResourceClaim>({
  group: 'resource.k8s.io', version: 'v1', resource: 'resourceclaims',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  subresources: { status: statusSubresource() },
})
