import type { PriorityClass } from '../../../api/generated/types/scheduling-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, boolean, integer, nameColumn, text } from '../columns.ts'

export const priorityClasses = builtin<PriorityClass>({
  group: 'scheduling.k8s.io', version: 'v1', resource: 'priorityclasses',
  unconditionalUpdate: true,
  // Upstream gives generation 1 and never counts on.
  generationFields: [],
  default(o) {
    o.preemptionPolicy ??= 'PreemptLowerPriority'
  },
  prepareForCreate(o) {
    o.metadata.generation = 1
  },
  columns: [
    nameColumn(), integer('Value', (o) => o.value), boolean('Global-Default', (o) => o.globalDefault ?? false), ageColumn(),
    text('PreemptionPolicy', (o) => o.preemptionPolicy ?? ''),
  ],
})
