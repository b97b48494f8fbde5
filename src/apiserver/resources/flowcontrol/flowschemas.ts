import type { FlowSchema } from '../../../api/generated/types/flowcontrol-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const flowSchemas = builtin<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io', version: 'v1', resource: 'flowschemas',
  unconditionalUpdate: true,
  subresources: { status: statusSubresource() },
})
