import type { Node } from '../../../api/generated/types/core-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const nodes = builtin<Node>({
  group: '', version: 'v1', resource: 'nodes',
  unconditionalUpdate: true,
  storagePrefix: 'minions',
  subresources: { status: statusSubresource() },
})
