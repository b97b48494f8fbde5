import type { ReplicaSet } from '../../../api/generated/types/apps-v1.ts'
import { formatLabelSelector } from '../../../api/meta/selectors.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, integer, nameColumn, templateColumns, wide } from '../columns.ts'
import { defaultPodTemplate } from '../core/pod-defaults.ts'
import { labelSelectorScale } from '../scale.ts'
import { freshStatus } from '../status.ts'

function setDefaults({ spec }: ReplicaSet): void {
  if (spec === undefined) return
  spec.replicas ??= 1
  defaultPodTemplate(spec.template)
}

export const replicaSets = builtin<ReplicaSet>({
  group: 'apps', version: 'v1', resource: 'replicasets',
  unconditionalUpdate: true,
  scale: labelSelectorScale,
  default: setDefaults,
  prepareForCreate: freshStatus(() => ({ replicas: 0 })),
  subresources: { status: statusSubresource() },
  columns: [
    nameColumn(),
    integer('Desired', (o) => o.spec?.replicas ?? 0),
    integer('Current', (o) => o.status?.replicas ?? 0),
    integer('Ready', (o) => o.status?.readyReplicas ?? 0),
    ageColumn(),
    ...templateColumns<ReplicaSet>((o) => o.spec?.template),
    wide('Selector', (o) => formatLabelSelector(o.spec?.selector)),
  ],
})
