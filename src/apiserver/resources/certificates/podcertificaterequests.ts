import type { PodCertificateRequest } from '../../../api/generated/types/certificates-v1beta1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const podCertificateRequests = builtin<PodCertificateRequest>({
  group: 'certificates.k8s.io', version: 'v1beta1', resource: 'podcertificaterequests',
  subresources: { status: statusSubresource() },
})
