import type { Endpoints } from '../../../api/generated/types/core-v1.ts'
import { builtin } from '../builtin.ts'

export const endpoints = builtin<Endpoints>({
  group: '', version: 'v1', resource: 'endpoints',
  unconditionalUpdate: true,
  createOnUpdate: true,
  storagePrefix: 'services/endpoints',
})
