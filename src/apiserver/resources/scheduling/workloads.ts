import type { Workload } from '../../../api/generated/types/scheduling-v1alpha2.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import type { StrategyContext } from '../define.ts'
import { declaredErrors } from '../validation/declared.ts'
import { dropDisabled } from './gates.ts'

function dropAll({ spec }: Workload, old: Workload | undefined, { feature }: StrategyContext): void {
  for (const [i, template] of (spec?.podGroupTemplates ?? []).entries()) dropDisabled(template, old?.spec?.podGroupTemplates?.[i], feature)
}

export const workloads = builtin<Workload>({
  group: 'scheduling.k8s.io', version: 'v1alpha2', resource: 'workloads',
  unconditionalUpdate: true,
  generationFields: [],
  prepareForCreate: (workload, context) => dropAll(workload, undefined, context),
  prepareForUpdate: dropAll,
  featureGate: 'GenericWorkload',
  validate: (workload, context) => declaredErrors('scheduling.v1alpha2.Workload', workload, undefined, context),
  validateUpdate: (workload, old, context) => declaredErrors('scheduling.v1alpha2.Workload', workload, old, context),
  columns: [nameColumn(), ageColumn()],
})
