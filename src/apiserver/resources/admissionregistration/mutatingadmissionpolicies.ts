import type { MutatingAdmissionPolicy } from '../../../api/generated/types/admissionregistration-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, integer, nameColumn, text } from '../columns.ts'
import { defaultMatchResources, paramKindText } from './common.ts'
import { policyAsks } from './param-asks.ts'
import { validateMutatingPolicy } from './policy-validation.ts'

export const mutatingAdmissionPolicies = builtin<MutatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io', version: 'v1', resource: 'mutatingadmissionpolicies',
  anyFinalizers: true,
  default({ spec }) {
    if (spec === undefined) return
    spec.failurePolicy ??= 'Fail'
    defaultMatchResources(spec.matchConstraints)
  },
  validate: (policy) => validateMutatingPolicy(policy),
  validateUpdate: (policy, old) => validateMutatingPolicy(policy, old),
  asks: policyAsks,
  columns: [
    nameColumn(), integer('Mutations', (o) => o.spec?.mutations?.length ?? 0),
    text('ParamKind', (o) => paramKindText(o.spec?.paramKind)), ageColumn(),
  ],
})
