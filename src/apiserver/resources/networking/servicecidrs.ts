import type { ServiceCIDR } from '../../../api/generated/types/networking-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { emptyStatus } from '../status.ts'
import { validateServiceCIDR, validateServiceCIDRUpdate } from './policy-validation.ts'

export const serviceCIDRs = builtin<ServiceCIDR>({
  group: 'networking.k8s.io', version: 'v1', resource: 'servicecidrs',
  unconditionalUpdate: true,
  generationFields: [],
  prepareForCreate: emptyStatus(),
  subresources: { status: statusSubresource({ keepsMetadata: true }) },
  validate: validateServiceCIDR,
  validateUpdate: validateServiceCIDRUpdate,
  columns: [nameColumn(), text('CIDRs', (o) => (o.spec?.cidrs ?? []).join(',')), ageColumn()],
})
