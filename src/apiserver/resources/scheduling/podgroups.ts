import type { PodGroup } from '../../../api/generated/types/scheduling-v1alpha2.ts'
import { findCondition } from '../../../api/meta/conditions.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import type { StrategyContext } from '../define.ts'
import { dropDisabled } from './gates.ts'
import { declaredErrors } from '../validation/declared.ts'

function stateText({ status }: PodGroup): string {
  const disrupted = findCondition(status?.conditions, 'DisruptionTarget')
  if (disrupted !== undefined) return disrupted.reason
  const scheduled = findCondition(status?.conditions, 'PodGroupScheduled')
  return scheduled === undefined ? 'Pending' : scheduled.status === 'True' ? 'Scheduled' : 'Unschedulable'
}

/** Upstream reads back what it has dropped as its default: it is what is shown, and means nothing. */
function drop({ spec }: PodGroup, old: PodGroup | undefined, feature: (name: string) => boolean): void {
  dropDisabled(spec, old?.spec, feature)
  if (spec !== undefined) spec.disruptionMode ??= 'Pod'
}

function errorsOf(group: PodGroup, old: PodGroup | undefined, context: StrategyContext): Iterable<FieldError> {
  const preempts = context.feature('WorkloadAwarePreemption')
  const shown = (one: PodGroup): PodGroup => (preempts || one.spec?.disruptionMode !== 'Pod' ? one : { ...one, spec: { ...one.spec, disruptionMode: undefined } })
  return declaredErrors('scheduling.v1alpha2.PodGroup', shown(group), old === undefined ? undefined : shown(old), context)
}

export const podGroups = builtin<PodGroup>({
  group: 'scheduling.k8s.io', version: 'v1alpha2', resource: 'podgroups',
  unconditionalUpdate: true,
  generationFields: [],
  prepareForCreate(group, { feature }) {
    group.status = {}
    drop(group, undefined, feature)
  },
  prepareForUpdate: (group, old, { feature }) => drop(group, old, feature),
  featureGate: 'GenericWorkload',
  validate: (group, context) => errorsOf(group, undefined, context),
  validateUpdate: errorsOf,
  subresources: { status: statusSubresource<PodGroup>({ keepsMetadata: true, validateUpdate: (group, old, context) => declaredErrors('scheduling.v1alpha2.PodGroup', group, old, context) }) },
  columns: [
    nameColumn(),
    text('Policy', (o) => (o.spec?.schedulingPolicy?.gang ? 'Gang' : 'Basic')),
    text('Workload', (o) => o.spec?.podGroupTemplateRef?.workload?.workloadName ?? '<none>'),
    text('Status', stateText),
    ageColumn(),
  ],
})
