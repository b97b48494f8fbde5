import type { Namespace } from '../../../api/generated/types/core-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const namespaces = builtin<Namespace>({
  group: '', version: 'v1', resource: 'namespaces',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  nameFormat: 'dns-label',
  subresources: { status: statusSubresource(), finalize: { writes: ['spec'] } },
})
