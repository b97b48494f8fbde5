import type { ValidatingAdmissionPolicy } from '../../../api/generated/types/admissionregistration-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, integer, nameColumn, text } from '../columns.ts'
import { emptyStatus } from '../status.ts'
import { defaultMatchResources, paramKindText } from './common.ts'
import { policyAsks } from './param-asks.ts'
import { validateValidatingPolicy, validatePolicyStatus } from './policy-validation.ts'

export const validatingAdmissionPolicies = builtin<ValidatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io', version: 'v1', resource: 'validatingadmissionpolicies',
  anyFinalizers: true,
  default({ spec }) {
    if (spec === undefined) return
    spec.failurePolicy ??= 'Fail'
    defaultMatchResources(spec.matchConstraints)
  },
  prepareForCreate: emptyStatus(),
  subresources: { status: statusSubresource({ keepsMetadata: true, validateUpdate: validatePolicyStatus }) },
  validate: (policy) => validateValidatingPolicy(policy),
  validateUpdate: (policy, old) => validateValidatingPolicy(policy, old),
  asks: policyAsks,
  columns: [
    nameColumn(), integer('Validations', (o) => o.spec?.validations?.length ?? 0),
    text('ParamKind', (o) => paramKindText(o.spec?.paramKind)), ageColumn(),
  ],
})
