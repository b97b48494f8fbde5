import type { PodCertificateRequest } from '../../../api/generated/types/certificates-v1beta1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { formatLabels, nameColumn, text } from '../columns.ts'
import { emptyStatus } from '../status.ts'
import { podRequestStatusAsks } from './signer-ask.ts'
import { validatePodRequest, validatePodRequestStatus, validatePodRequestUpdate } from './pod-request-validation.ts'

function stateText({ status }: PodCertificateRequest): string {
  const states = (status?.conditions ?? []).map((c) => c.type).filter((t) => ['Issued', 'Denied', 'Failed'].includes(t))
  return states.at(-1) ?? 'Pending'
}

export const podCertificateRequests = builtin<PodCertificateRequest>({
  group: 'certificates.k8s.io', version: 'v1beta1', resource: 'podcertificaterequests',
  featureGate: 'PodCertificateRequest',
  generationFields: [],
  prepareForCreate: emptyStatus(),
  validate: validatePodRequest,
  validateUpdate: validatePodRequestUpdate,
  subresources: { status: statusSubresource<PodCertificateRequest>({ keepsMetadata: true, validateUpdate: (request, old, { now }) => validatePodRequestStatus(request, old, now.getTime()), asks: podRequestStatusAsks }) },
  selectableFields: {
    'spec.signerName': (o) => o.spec.signerName,
    'spec.podName': (o) => o.spec.podName,
    'spec.nodeName': (o) => o.spec.nodeName,
  },
  columns: [
    nameColumn(),
    text('PodName', (o) => o.spec.podName),
    text('ServiceAccountName', (o) => o.spec.serviceAccountName),
    text('NodeName', (o) => o.spec.nodeName),
    text('SignerName', (o) => o.spec.signerName),
    text('State', stateText),
    text('UnverifiedUserAnnotations', (o) => formatLabels(o.spec.unverifiedUserAnnotations)),
  ],
})
