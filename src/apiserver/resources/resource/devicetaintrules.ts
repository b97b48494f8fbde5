import type { DeviceTaintRule } from '../../../api/generated/types/resource-v1beta2.ts'
import { ageOf, formatTime } from '../../../api/meta/time.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { validateTaintRule, validateTaintRuleStatus } from './slice-validation.ts'

function stamp({ spec }: DeviceTaintRule, now: Date): void {
  if (spec?.taint !== undefined && !spec.taint.timeAdded) spec.taint = { ...spec.taint, timeAdded: formatTime(now) }
}

export const deviceTaintRules = builtin<DeviceTaintRule>({
  group: 'resource.k8s.io', version: 'v1beta2', resource: 'devicetaintrules',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  defaultNow: stamp,
  prepareForCreate(rule, { now }) {
    rule.status = {}
    stamp(rule, now)
  },
  prepareForUpdate: (rule, _old, { now }) => stamp(rule, now),
  validate: (rule) => validateTaintRule(rule),
  validateUpdate: validateTaintRule,
  subresources: { status: statusSubresource({ keepsMetadata: true, validateUpdate: validateTaintRuleStatus }) },
  columns: [
    nameColumn(),
    text('Key', (o) => o.spec?.taint?.key),
    text('Value', (o) => o.spec?.taint?.value ?? ''),
    text('Effect', (o) => o.spec?.taint?.effect),
    text('TimeAdded', (o, now) => (o.spec?.taint?.timeAdded ? ageOf(o.spec.taint.timeAdded, now) : '')),
    ageColumn(),
  ],
})
