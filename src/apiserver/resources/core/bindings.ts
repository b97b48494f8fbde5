import type { Binding } from '../../../api/generated/types/core-v1.ts'
import { builtin } from '../builtin.ts'

export const bindings = builtin<Binding>({
  group: '', version: 'v1', resource: 'bindings',
  virtual: true,
})
