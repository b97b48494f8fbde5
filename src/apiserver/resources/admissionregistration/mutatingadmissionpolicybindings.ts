import type { MutatingAdmissionPolicyBinding } from '../../../api/generated/types/admissionregistration-v1.ts'
import { builtin } from '../builtin.ts'

export const mutatingAdmissionPolicyBindings = builtin<MutatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io', version: 'v1', resource: 'mutatingadmissionpolicybindings',
})
