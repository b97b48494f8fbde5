import type { PodGroup } from '../../../api/generated/types/scheduling-v1alpha2.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const podGroups = builtin<PodGroup>({
  group: 'scheduling.k8s.io', version: 'v1alpha2', resource: 'podgroups',
  unconditionalUpdate: true,
  subresources: { status: statusSubresource() },
})
