import type { IngressClass } from '../../../api/generated/types/networking-v1.ts'
import { builtin } from '../builtin.ts'

export const ingressClasses = builtin<IngressClass>({
  group: 'networking.k8s.io', version: 'v1', resource: 'ingressclasses',
  unconditionalUpdate: true,
})
