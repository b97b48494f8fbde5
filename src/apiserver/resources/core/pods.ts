import type { Pod } from '../../../api/generated/types/core-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const pods = builtin<Pod>({
  group: '', version: 'v1', resource: 'pods',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  subresources: { status: statusSubresource() },
})
