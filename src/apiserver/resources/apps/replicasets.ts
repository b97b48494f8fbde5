import type { ReplicaSet } from '../../../api/generated/types/apps-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { scaleSelector } from '../scale.ts'

export const replicaSets = builtin<ReplicaSet>({
  group: 'apps', version: 'v1', resource: 'replicasets',
  unconditionalUpdate: true,
  scale: { specReplicas: 'spec.replicas', statusReplicas: 'status.replicas', selector: scaleSelector },
  subresources: { status: statusSubresource() },
})
