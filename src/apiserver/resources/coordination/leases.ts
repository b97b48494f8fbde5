import type { Lease } from '../../../api/generated/types/coordination-v1.ts'
import { builtin } from '../builtin.ts'

export const leases = builtin<Lease>({
  group: 'coordination.k8s.io', version: 'v1', resource: 'leases',
  createOnUpdate: true,
})
