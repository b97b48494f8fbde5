import type { PriorityClass } from '../../../api/generated/types/scheduling-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, boolean, integer, nameColumn, text } from '../columns.ts'
import { immutable, oneOf } from '../validation/common.ts'
import { fieldForbidden } from '../../../api/meta/field-errors.ts'

const systemClasses: Readonly<Record<string, number>> = { 'system-node-critical': 2_000_001_000, 'system-cluster-critical': 2_000_000_000 }

/** Why a class with the system's prefix is not one of the system's. */
function systemClassProblem(name: string, value: number, globalDefault: boolean): string | undefined {
  const expected = systemClasses[name]
  if (expected === undefined) return `${name} is not a known system priority class`
  if (value !== expected) return `value of ${name} PriorityClass must be ${expected}`
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined
}

export const priorityClasses = builtin<PriorityClass>({
  group: 'scheduling.k8s.io', version: 'v1', resource: 'priorityclasses',
  unconditionalUpdate: true,
  // Upstream gives generation 1 and never counts on.
  generationFields: [],
  default(o) {
    o.preemptionPolicy ??= 'PreemptLowerPriority'
  },
  prepareForCreate(o) {
    o.metadata.generation = 1
  },
  *validate(o) {
    const { name = '' } = o.metadata
    if (name.startsWith('system-')) {
      const problem = systemClassProblem(name, o.value ?? 0, o.globalDefault ?? false)
      if (problem !== undefined) {
        yield fieldForbidden('metadata.name', `priority class names with 'system-' prefix are reserved for system use only. error: ${problem}`)
      }
    } else if ((o.value ?? 0) > 1_000_000_000) yield fieldForbidden('value', 'maximum allowed value of a user defined priority is 1000000000')
    yield* oneOf('preemptionPolicy', o.preemptionPolicy, ['PreemptLowerPriority', 'Never'])
  },
  *validateUpdate(o, old) {
    if ((o.value ?? 0) !== (old.value ?? 0)) yield fieldForbidden('value', 'may not be changed in an update.')
    yield* immutable('preemptionPolicy', o.preemptionPolicy, old.preemptionPolicy)
  },
  columns: [
    nameColumn(), integer('Value', (o) => o.value), boolean('Global-Default', (o) => o.globalDefault ?? false), ageColumn(),
    text('PreemptionPolicy', (o) => o.preemptionPolicy ?? ''),
  ],
})
