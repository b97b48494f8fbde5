import type { Workload } from '../../../api/generated/types/scheduling-v1alpha2.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn } from '../columns.ts'

export const workloads = builtin<Workload>({
  group: 'scheduling.k8s.io', version: 'v1alpha2', resource: 'workloads',
  unconditionalUpdate: true,
  generationFields: [],
  columns: [nameColumn(), ageColumn()],
})
