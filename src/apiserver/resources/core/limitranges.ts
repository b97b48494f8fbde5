import type { LimitRange } from '../../../api/generated/types/core-v1.ts'
import { builtin } from '../builtin.ts'

export const limitRanges = builtin<LimitRange>({
  group: '', version: 'v1', resource: 'limitranges',
  unconditionalUpdate: true,
  createOnUpdate: true,
})
