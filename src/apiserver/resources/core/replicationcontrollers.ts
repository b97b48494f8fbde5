import type { ReplicationController } from '../../../api/generated/types/core-v1.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { selectorText } from '../scale.ts'

const scaleSelector = (object: KubeObject): string =>
  selectorText({ matchLabels: (object as ReplicationController).spec?.selector })

export const replicationControllers = builtin<ReplicationController>({
  group: '', version: 'v1', resource: 'replicationcontrollers',
  unconditionalUpdate: true,
  scale: { specReplicas: 'spec.replicas', statusReplicas: 'status.replicas', selector: scaleSelector },
  storagePrefix: 'controllers',
  subresources: { status: statusSubresource() },
})
