import type { ValidatingAdmissionPolicy } from '../../../api/generated/types/admissionregistration-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const validatingAdmissionPolicies = builtin<ValidatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io', version: 'v1', resource: 'validatingadmissionpolicies',
  subresources: { status: statusSubresource() },
})
