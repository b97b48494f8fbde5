import type { CertificateSigningRequest } from '../../../api/generated/types/certificates-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const certificateSigningRequests = builtin<CertificateSigningRequest>({
  group: 'certificates.k8s.io', version: 'v1', resource: 'certificatesigningrequests',
  unconditionalUpdate: true,
  nameFormat: 'path-segment',
  subresources: { status: statusSubresource(), approval: { writes: ['status'] } },
})
