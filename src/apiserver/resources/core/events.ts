import type { Event } from '../../../api/generated/types/core-v1.ts'
import { builtin } from '../builtin.ts'

export const events = builtin<Event>({
  group: '', version: 'v1', resource: 'events',
  unconditionalUpdate: true,
  createOnUpdate: true,
  generationFields: [],
  ttlSeconds: () => 3600,
  defaultDeletionPropagation: 'Unsupported',
})
