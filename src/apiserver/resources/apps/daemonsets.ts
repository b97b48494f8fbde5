import type { DaemonSet } from '../../../api/generated/types/apps-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const daemonSets = builtin<DaemonSet>({
  group: 'apps', version: 'v1', resource: 'daemonsets',
  unconditionalUpdate: true,
  subresources: { status: statusSubresource() },
})
