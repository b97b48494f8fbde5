import type { ReplicationController } from '../../../api/generated/types/core-v1.ts'
import { nameIsLongName } from '../../../api/meta/names.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, formatLabels, integer, nameColumn, templateColumns, wide } from '../columns.ts'
import { mapSelectorScale } from '../scale.ts'
import { validateReplicaStatus, validateReplicationController } from '../apps/validation.ts'
import { defaultPodTemplate } from './pod-defaults.ts'
import { dropDisabledTemplateFields } from './pod-gates.ts'
import { workloadWarnings } from '../validation/pod-warnings.ts'

function setDefaults({ metadata, spec }: ReplicationController): void {
  if (spec === undefined) return
  const labels = spec.template?.metadata?.labels
  if (labels !== undefined) {
    if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels }
    if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels }
  }
  spec.replicas ??= 1
  defaultPodTemplate(spec.template)
}

export const replicationControllers = builtin<ReplicationController>({
  group: '', version: 'v1', resource: 'replicationcontrollers',
  unconditionalUpdate: true,
  scale: mapSelectorScale,
  storagePrefix: 'controllers',
  nameFormat: nameIsLongName,
  defaultDeletionPropagation: 'Orphan',
  default: setDefaults,
  prepareForCreate(controller, { feature }) {
    controller.status = { replicas: 0 }
    dropDisabledTemplateFields(controller.spec?.template, undefined, feature)
  },
  prepareForUpdate: (controller, old, { feature }) => dropDisabledTemplateFields(controller.spec?.template, old.spec?.template, feature),
  validate: validateReplicationController,
  validateUpdate: (controller, _old, context) => validateReplicationController(controller, context),
  subresources: { status: statusSubresource({ validateUpdate: validateReplicaStatus }) },
  selectableFields: { 'status.replicas': (o) => String(o.status?.replicas ?? 0) },
  warnings: workloadWarnings,
  columns: [
    nameColumn(),
    integer('Desired', (o) => o.spec?.replicas ?? 0),
    integer('Current', (o) => o.status?.replicas ?? 0),
    integer('Ready', (o) => o.status?.readyReplicas ?? 0),
    ageColumn(),
    ...templateColumns<ReplicationController>((o) => o.spec?.template),
    wide('Selector', (o) => formatLabels(o.spec?.selector)),
  ],
})
