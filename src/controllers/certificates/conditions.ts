import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts'

export const hasCondition = ({ status }: CertificateSigningRequest, type: string): boolean =>
  status?.conditions?.some((condition) => condition.type === type) === true

/** Whether the request has got what it asked for. */
export const isIssued = ({ status }: CertificateSigningRequest): boolean => (status?.certificate ?? '') !== ''
