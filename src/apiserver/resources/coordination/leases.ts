import type { Lease } from '../../../api/generated/types/coordination-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'

export const leases = builtin<Lease>({
  group: 'coordination.k8s.io', version: 'v1', resource: 'leases',
  createOnUpdate: true,
  generationFields: [],
  columns: [nameColumn(), text('Holder', (o) => o.spec?.holderIdentity ?? ''), ageColumn()],
})
