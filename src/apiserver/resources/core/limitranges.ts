import type { LimitRange, LimitRangeItem } from '../../../api/generated/types/core-v1.ts'
import { builtin } from '../builtin.ts'
import { validateLimitRange } from './limits-validation.ts'
import { defaultResourceList } from './pod-defaults.ts'

function defaultItem(item: LimitRangeItem): void {
  if (item.type === 'Container') {
    item.default = { ...item.max, ...item.default }
    item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest }
  }
  for (const list of [item.max, item.min, item.default, item.defaultRequest, item.maxLimitRequestRatio]) defaultResourceList(list)
}

export const limitRanges = builtin<LimitRange>({
  group: '', version: 'v1', resource: 'limitranges',
  unconditionalUpdate: true,
  createOnUpdate: true,
  generationFields: [],
  prepareForCreate(range, { user: _ }) {
    if (!range.metadata.name) range.metadata.name = range.metadata.uid
  },
  default: ({ spec }) => spec?.limits?.forEach(defaultItem),
  validate: validateLimitRange,
  validateUpdate: validateLimitRange,
})
