import type { PodTemplate } from '../../../api/generated/types/core-v1.ts'
import { builtin } from '../builtin.ts'

export const podTemplates = builtin<PodTemplate>({
  group: '', version: 'v1', resource: 'podtemplates',
  returnDeletedObject: true,
  unconditionalUpdate: true,
})
