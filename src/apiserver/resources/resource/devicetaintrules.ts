import type { DeviceTaintRule } from '../../../api/generated/types/resource-v1beta2.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const deviceTaintRules = builtin<DeviceTaintRule>({
  group: 'resource.k8s.io', version: 'v1beta2', resource: 'devicetaintrules',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  subresources: { status: statusSubresource() },
})
