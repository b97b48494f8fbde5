import type { MutatingAdmissionPolicyBinding } from '../../../api/generated/types/admissionregistration-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { defaultMatchResources, paramRefText } from './common.ts'
import { bindingAsks } from './param-asks.ts'
import { validateMutatingBinding } from './binding-validation.ts'

export const mutatingAdmissionPolicyBindings = builtin<MutatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io', version: 'v1', resource: 'mutatingadmissionpolicybindings',
  anyFinalizers: true,
  default: ({ spec }) => defaultMatchResources(spec?.matchResources),
  validate: validateMutatingBinding,
  validateUpdate: validateMutatingBinding,
  asks: bindingAsks('mutatingadmissionpolicies'),
  columns: [
    nameColumn(), text('PolicyName', (o) => o.spec?.policyName), text('ParamRef', (o) => paramRefText(o.spec?.paramRef)), ageColumn(),
  ],
})
