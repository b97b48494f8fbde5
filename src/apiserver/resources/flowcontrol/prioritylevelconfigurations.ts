import type { PriorityLevelConfiguration } from '../../../api/generated/types/flowcontrol-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const priorityLevelConfigurations = builtin<PriorityLevelConfiguration>({
  group: 'flowcontrol.apiserver.k8s.io', version: 'v1', resource: 'prioritylevelconfigurations',
  unconditionalUpdate: true,
  subresources: { status: statusSubresource() },
})
