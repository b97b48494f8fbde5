import type { IPAddress } from '../../../api/generated/types/networking-v1.ts'
import { builtin } from '../builtin.ts'

export const ipAddresses = builtin<IPAddress>({
  group: 'networking.k8s.io', version: 'v1', resource: 'ipaddresses',
  unconditionalUpdate: true,
})
