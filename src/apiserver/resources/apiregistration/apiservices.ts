import type { APIService } from '../../../api/generated/types/apiregistration-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const apiServices = builtin<APIService>({
  group: 'apiregistration.k8s.io', version: 'v1', resource: 'apiservices',
  subresources: { status: statusSubresource() },
})
