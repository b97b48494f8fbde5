import type { StatefulSet } from '../../../api/generated/types/apps-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, templateColumns, text } from '../columns.ts'
import { defaultClaimSpec, defaultPodTemplate } from '../core/pod-defaults.ts'
import { labelSelectorScale } from '../scale.ts'
import { freshStatus } from '../status.ts'

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

export const statefulSets = builtin<StatefulSet>({
  group: 'apps', version: 'v1', resource: 'statefulsets',
  unconditionalUpdate: true,
  scale: labelSelectorScale,
  nameFormat: 'dns-label',
  default: setDefaults,
  prepareForCreate: freshStatus(() => ({ replicas: 0, availableReplicas: 0 })),
  subresources: { status: statusSubresource() },
  columns: [
    nameColumn(),
    text('Ready', (o) => `${o.status?.readyReplicas ?? 0}/${o.spec?.replicas ?? 0}`),
    ageColumn(),
    ...templateColumns<StatefulSet>((o) => o.spec?.template),
  ],
})
