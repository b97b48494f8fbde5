import type { Secret } from '../../../api/generated/types/core-v1.ts'
import { builtin } from '../builtin.ts'

export const secrets = builtin<Secret>({
  group: '', version: 'v1', resource: 'secrets',
  unconditionalUpdate: true,
})
