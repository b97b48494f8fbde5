import type { PodGroup } from '../../../api/generated/types/scheduling-v1alpha2.ts'
import { findCondition } from '../../../api/meta/conditions.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { dropDisabled } from './gates.ts'
import { declaredErrors } from '../validation/declared.ts'

function stateText({ status }: PodGroup): string {
  const disrupted = findCondition(status?.conditions, 'DisruptionTarget')
  if (disrupted !== undefined) return disrupted.reason
  const scheduled = findCondition(status?.conditions, 'PodGroupScheduled')
  return scheduled === undefined ? 'Pending' : scheduled.status === 'True' ? 'Scheduled' : 'Unschedulable'
}

export const podGroups = builtin<PodGroup>({
  group: 'scheduling.k8s.io', version: 'v1alpha2', resource: 'podgroups',
  unconditionalUpdate: true,
  generationFields: [],
  prepareForCreate(group, { feature }) {
    group.status = {}
    dropDisabled(group.spec, undefined, feature)
  },
  prepareForUpdate: (group, old, { feature }) => dropDisabled(group.spec, old.spec, feature),
  featureGate: 'GenericWorkload',
  validate: (group, context) => declaredErrors('scheduling.v1alpha2.PodGroup', group, undefined, context),
  validateUpdate: (group, old, context) => declaredErrors('scheduling.v1alpha2.PodGroup', group, old, context),
  subresources: { status: statusSubresource<PodGroup>({ validateUpdate: (group, old, context) => declaredErrors('scheduling.v1alpha2.PodGroup', group, old, context) }) },
  columns: [
    nameColumn(),
    text('Policy', (o) => (o.spec?.schedulingPolicy?.gang ? 'Gang' : 'Basic')),
    text('Workload', (o) => o.spec?.podGroupTemplateRef?.workload?.workloadName ?? '<none>'),
    text('Status', stateText),
    ageColumn(),
  ],
})
