import type { MutatingAdmissionPolicy } from '../../../api/generated/types/admissionregistration-v1.ts'
import { builtin } from '../builtin.ts'

export const mutatingAdmissionPolicies = builtin<MutatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io', version: 'v1', resource: 'mutatingadmissionpolicies',
})
