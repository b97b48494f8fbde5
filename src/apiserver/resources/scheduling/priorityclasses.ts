import type { PriorityClass } from '../../../api/generated/types/scheduling-v1.ts'
import { builtin } from '../builtin.ts'

export const priorityClasses = builtin<PriorityClass>({
  group: 'scheduling.k8s.io', version: 'v1', resource: 'priorityclasses',
  unconditionalUpdate: true,
})
