import type { ResourceClaimTemplate } from '../../../api/generated/types/resource-v1.ts'
import { builtin } from '../builtin.ts'

export const resourceClaimTemplates = builtin<ResourceClaimTemplate>({
  group: 'resource.k8s.io', version: 'v1', resource: 'resourceclaimtemplates',
  returnDeletedObject: true,
  unconditionalUpdate: true,
})
