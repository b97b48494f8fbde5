import type { CustomResourceDefinition } from '../../../api/generated/types/apiextensions-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const customResourceDefinitions = builtin<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io', version: 'v1', resource: 'customresourcedefinitions',
  subresources: { status: statusSubresource() },
})
