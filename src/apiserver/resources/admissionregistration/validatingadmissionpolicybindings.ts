import type { ValidatingAdmissionPolicyBinding } from '../../../api/generated/types/admissionregistration-v1.ts'
import { builtin } from '../builtin.ts'

export const validatingAdmissionPolicyBindings = builtin<ValidatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io', version: 'v1', resource: 'validatingadmissionpolicybindings',
})
