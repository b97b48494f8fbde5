import type { ResourceQuota } from '../../../api/generated/types/core-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const resourceQuotas = builtin<ResourceQuota>({
  group: '', version: 'v1', resource: 'resourcequotas',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  subresources: { status: statusSubresource() },
})
