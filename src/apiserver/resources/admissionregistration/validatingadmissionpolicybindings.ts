import type { ValidatingAdmissionPolicyBinding } from '../../../api/generated/types/admissionregistration-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { defaultMatchResources, paramRefText } from './common.ts'
import { bindingAsks } from './param-asks.ts'
import { validateValidatingBinding } from './binding-validation.ts'

export const validatingAdmissionPolicyBindings = builtin<ValidatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io', version: 'v1', resource: 'validatingadmissionpolicybindings',
  anyFinalizers: true,
  default: ({ spec }) => defaultMatchResources(spec?.matchResources),
  validate: validateValidatingBinding,
  validateUpdate: validateValidatingBinding,
  asks: bindingAsks('validatingadmissionpolicies'),
  columns: [
    nameColumn(), text('PolicyName', (o) => o.spec?.policyName), text('ParamRef', (o) => paramRefText(o.spec?.paramRef)), ageColumn(),
  ],
})
