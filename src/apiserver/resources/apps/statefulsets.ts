import type { StatefulSet } from '../../../api/generated/types/apps-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, templateColumns, text } from '../columns.ts'
import { defaultClaimSpec, defaultPodTemplate } from '../core/pod-defaults.ts'
import { labelSelectorScale } from '../scale.ts'
import { dropDisabledTemplateFields } from '../core/pod-gates.ts'
import { validateStatefulSet, validateStatefulSetStatus, validateStatefulSetUpdate } from './statefulset-validation.ts'

function defaultStrategy(spec: NonNullable<StatefulSet['spec']>): void {
  const strategy = (spec.updateStrategy ??= {})
  if (!strategy.type) {
    strategy.type = 'RollingUpdate'
    strategy.rollingUpdate ??= {}
  }
  if (strategy.type === 'RollingUpdate' && strategy.rollingUpdate !== undefined) {
    strategy.rollingUpdate.partition ??= 0
  }
}

function setDefaults({ spec }: StatefulSet): void {
  if (spec === undefined) return
  spec.podManagementPolicy ||= 'OrderedReady'
  defaultStrategy(spec)
  const retention = (spec.persistentVolumeClaimRetentionPolicy ??= {})
  retention.whenDeleted ||= 'Retain'
  retention.whenScaled ||= 'Retain'
  spec.replicas ??= 1
  spec.revisionHistoryLimit ??= 10
  defaultPodTemplate(spec.template)
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.apiVersion ||= 'v1'
    claim.kind ||= 'PersistentVolumeClaim'
    claim.status ??= {}
    claim.status.phase ||= 'Pending'
    defaultClaimSpec(claim.spec)
  }
}

const rollingUpdateOf = (set: StatefulSet | undefined): { maxUnavailable?: number | string } | undefined => set?.spec?.updateStrategy?.rollingUpdate

function dropMaxUnavailable(set: StatefulSet, old: StatefulSet | undefined, feature: (name: string) => boolean): void {
  if (!feature('MaxUnavailableStatefulSet') && rollingUpdateOf(old)?.maxUnavailable === undefined) delete rollingUpdateOf(set)?.maxUnavailable
}

export const statefulSets = builtin<StatefulSet>({
  group: 'apps', version: 'v1', resource: 'statefulsets',
  unconditionalUpdate: true,
  scale: labelSelectorScale,
  nameFormat: 'dns-label',
  default: setDefaults,
  prepareForCreate(set, { feature }) {
    set.status = { replicas: 0, availableReplicas: 0 }
    dropDisabledTemplateFields(set.spec?.template, undefined, feature)
    dropMaxUnavailable(set, undefined, feature)
  },
  prepareForUpdate(set, old, { feature }) {
    dropDisabledTemplateFields(set.spec?.template, old.spec?.template, feature)
    dropMaxUnavailable(set, old, feature)
  },
  validate: validateStatefulSet,
  validateUpdate: validateStatefulSetUpdate,
  subresources: { status: statusSubresource({ validateUpdate: validateStatefulSetStatus }) },
  columns: [
    nameColumn(),
    text('Ready', (o) => `${o.status?.readyReplicas ?? 0}/${o.spec?.replicas ?? 0}`),
    ageColumn(),
    ...templateColumns<StatefulSet>((o) => o.spec?.template),
  ],
})
