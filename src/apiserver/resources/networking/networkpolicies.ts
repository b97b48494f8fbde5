import type { NetworkPolicy } from '../../../api/generated/types/networking-v1.ts'
import { builtin } from '../builtin.ts'

export const networkPolicies = builtin<NetworkPolicy>({
  group: 'networking.k8s.io', version: 'v1', resource: 'networkpolicies',
  unconditionalUpdate: true,
})
