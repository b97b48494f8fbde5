import type { Service } from '../../../api/generated/types/core-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const services = builtin<Service>({
  group: '', version: 'v1', resource: 'services',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  createOnUpdate: true,
  storagePrefix: 'services/specs',
  nameFormat: 'dns-label',
  subresources: { status: statusSubresource() },
})
