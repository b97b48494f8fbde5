import type { StatefulSet } from '../../../api/generated/types/apps-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, templateColumns, text } from '../columns.ts'
import { defaultClaimSpec, defaultPodTemplate } from '../core/pod-defaults.ts'
import { labelSelectorScale } from '../scale.ts'
import { dropDisabledTemplateFields } from '../core/pod-gates.ts'
import { validateStatefulSet, validateStatefulSetStatus, validateStatefulSetUpdate } from './statefulset-validation.ts'
import { templateWarnings } from '../validation/pod-warnings.ts'
import { claimSpecWarnings } from '../validation/quantity-warnings.ts'

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

function* statefulSetWarnings({ spec }: StatefulSet, old: StatefulSet | undefined): Generator<string> {
  yield* templateWarnings('spec.template', spec?.template, old === undefined ? undefined : { template: old.spec?.template })
  for (const [i, claim] of (spec?.volumeClaimTemplates ?? []).entries()) yield* claimSpecWarnings(`spec.volumeClaimTemplates[${i}]${old === undefined ? '' : '.Spec'}`, claim.spec)
  if ((spec?.revisionHistoryLimit ?? 0) < 0) yield 'spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended'
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
  warnings: statefulSetWarnings,
  columns: [
    nameColumn(),
    text('Ready', (o) => `${o.status?.readyReplicas ?? 0}/${o.spec?.replicas ?? 0}`),
    ageColumn(),
    ...templateColumns<StatefulSet>((o) => o.spec?.template),
  ],
})
