import type { ServiceCIDR } from '../../../api/generated/types/networking-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const serviceCIDRs = builtin<ServiceCIDR>({
  group: 'networking.k8s.io', version: 'v1', resource: 'servicecidrs',
  unconditionalUpdate: true,
  subresources: { status: statusSubresource() },
})
