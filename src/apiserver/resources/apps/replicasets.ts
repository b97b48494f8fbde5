import type { ReplicaSet } from '../../../api/generated/types/apps-v1.ts'
import { formatLabelSelector } from '../../../api/meta/selectors.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, integer, nameColumn, templateColumns, wide } from '../columns.ts'
import { defaultPodTemplate } from '../core/pod-defaults.ts'
import { labelSelectorScale } from '../scale.ts'
import { dropDisabledTemplateFields } from '../core/pod-gates.ts'
import { validateReplicaSet, validateReplicaSetUpdate, validateReplicaStatus } from './validation.ts'
import { workloadWarnings } from '../validation/pod-warnings.ts'

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
  prepareForCreate(set, { feature }) {
    set.status = { replicas: 0 }
    dropDisabledTemplateFields(set.spec?.template, undefined, feature)
  },
  prepareForUpdate: (set, old, { feature }) => dropDisabledTemplateFields(set.spec?.template, old.spec?.template, feature),
  validate: validateReplicaSet,
  validateUpdate: validateReplicaSetUpdate,
  subresources: { status: statusSubresource({ validateUpdate: validateReplicaStatus }) },
  warnings: workloadWarnings,
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
