import type { Ingress } from '../../../api/generated/types/networking-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const ingresses = builtin<Ingress>({
  group: 'networking.k8s.io', version: 'v1', resource: 'ingresses',
  unconditionalUpdate: true,
  storagePrefix: 'ingress',
  subresources: { status: statusSubresource() },
})
