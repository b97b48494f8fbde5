import type { ResourceQuota } from '../../../api/generated/types/core-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { emptyStatus } from '../status.ts'
import { validateResourceQuota, validateResourceQuotaStatus, validateResourceQuotaUpdate } from './limits-validation.ts'
import { defaultResourceList } from './pod-defaults.ts'
import { quotaWarnings } from '../validation/kind-warnings.ts'

function usage({ status }: ResourceQuota, limits: boolean): string {
  return Object.keys(status?.hard ?? {}).filter((name) => name.startsWith('limits.') === limits).sort()
    .map((name) => `${name}: ${status?.used?.[name] ?? '0'}/${status?.hard?.[name]}`).join(', ')
}

export const resourceQuotas = builtin<ResourceQuota>({
  group: '', version: 'v1', resource: 'resourcequotas',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  generationFields: [],
  default({ spec, status }) {
    defaultResourceList(spec?.hard)
    defaultResourceList(status?.hard)
    defaultResourceList(status?.used)
  },
  prepareForCreate: emptyStatus(),
  validate: validateResourceQuota,
  validateUpdate: validateResourceQuotaUpdate,
  subresources: { status: statusSubresource({ validateUpdate: validateResourceQuotaStatus }) },
  warnings: quotaWarnings,
  columns: [nameColumn(), text('Request', (o) => usage(o, false)), text('Limit', (o) => usage(o, true)), ageColumn()],
})
