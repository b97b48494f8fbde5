import type { ResourceClaimTemplate } from '../../../api/generated/types/resource-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { templateAsks } from './claim-asks.ts'
import { validateTemplate, validateTemplateUpdate } from './claim-validation.ts'
import { templateConversions } from './conversion.ts'
import { defaultDeviceClaim } from './requests.ts'

export const resourceClaimTemplates = builtin<ResourceClaimTemplate>({
  group: 'resource.k8s.io', version: 'v1', resource: 'resourceclaimtemplates',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  generationFields: [],
  conversions: templateConversions,
  default: ({ spec }) => defaultDeviceClaim(spec?.spec?.devices),
  validate: (template, { feature }) => validateTemplate(template, feature('DRAConsumableCapacity')),
  validateUpdate: validateTemplateUpdate,
  asks: templateAsks,
  columns: [nameColumn(), ageColumn()],
})
