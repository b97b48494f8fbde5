import type { StatefulSet } from '../../../api/generated/types/apps-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { scaleSelector } from '../scale.ts'

export const statefulSets = builtin<StatefulSet>({
  group: 'apps', version: 'v1', resource: 'statefulsets',
  unconditionalUpdate: true,
  scale: { specReplicas: 'spec.replicas', statusReplicas: 'status.replicas', selector: scaleSelector },
  nameFormat: 'dns-label',
  subresources: { status: statusSubresource() },
})
