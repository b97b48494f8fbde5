/** Approves what nodes ask for themselves, when they are allowed to (upstream: pkg/controller/certificates/approver). */
import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts'
import { certificateSigningRequests, subjectAccessReviews } from '../../api/generated/resources.ts'
import { formatTime } from '../../api/meta/time.ts'
import { type KeyedContext, type KeyedController, watch } from '../../client/controller.ts'
import { ownKey } from '../shared/owners.ts'
import { hasCondition, isIssued } from './conditions.ts'
import { type CertificateRequest, parseRequest, refuseKubeletClient } from './request.ts'

const kubeletClient = 'kubernetes.io/kube-apiserver-client-kubelet'

interface Recognizer {
  readonly subresource: string
  readonly message: string
  recognizes(request: CertificateSigningRequest, parsed: CertificateRequest): boolean
}

const isNodeClient: Recognizer['recognizes'] = ({ spec }, parsed) =>
  spec.signerName === kubeletClient && refuseKubeletClient(parsed, spec.usages ?? []) === undefined

const recognizers: readonly Recognizer[] = [
  {
    subresource: 'selfnodeclient', message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
    recognizes: (request, parsed) => request.spec.username === parsed.commonName && isNodeClient(request, parsed),
  },
  { subresource: 'nodeclient', message: 'Auto approving kubelet client certificate after SubjectAccessReview.', recognizes: isNodeClient },
]

export const csrApprovingController: KeyedController = {
  name: 'certificatesigningrequest-approving-controller',
  workers: 5,
  watches: [watch(certificateSigningRequests, ownKey, { deleted: false })],
  async sync(key, context) {
    const request = context.informers.of(certificateSigningRequests).get(key)
    if (request === undefined || isIssued(request) || hasCondition(request, 'Approved') || hasCondition(request, 'Denied')) return
    const parsed = parseRequest(request.spec.request)
    const tried: string[] = []
    for (const recognizer of recognizers) {
      if (!recognizer.recognizes(request, parsed)) continue
      tried.push(recognizer.subresource)
      if (await isAllowed(request, recognizer.subresource, context)) return approve(request, recognizer.message, context)
    }
    if (tried.length > 0) {
      throw new Error(`recognized csr ${JSON.stringify(key)} as [${tried.join(' ')}] but subject access review was not approved`)
    }
  },
}

async function isAllowed({ spec }: CertificateSigningRequest, subresource: string, { client, signal }: KeyedContext): Promise<boolean> {
  const review = await client.create(subjectAccessReviews, {
    apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', metadata: {},
    spec: {
      user: spec.username, uid: spec.uid, groups: spec.groups, extra: spec.extra,
      resourceAttributes: { group: 'certificates.k8s.io', resource: 'certificatesigningrequests', verb: 'create', subresource, version: '*' },
    },
  }, { signal })
  return review.status?.allowed === true
}

async function approve(request: CertificateSigningRequest, message: string, { client, env, signal }: KeyedContext): Promise<void> {
  const now = formatTime(env.clock.now())
  const condition = { type: 'Approved', status: 'True', reason: 'AutoApproved', message, lastUpdateTime: now }
  const conditions = [...(request.status?.conditions ?? []), condition]
  await client.update(certificateSigningRequests, { ...request, status: { ...request.status, conditions } }, { subresource: 'approval', signal })
}
