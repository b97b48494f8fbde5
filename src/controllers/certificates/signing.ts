/** Gives approved requests of kubernetes.io signers their certificates (upstream: pkg/controller/certificates/signer). */
import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts'
import { certificateSigningRequests } from '../../api/generated/resources.ts'
import { formatTime } from '../../api/meta/time.ts'
import { type KeyedContext, type KeyedController, watch } from '../../client/controller.ts'
import type { ControllerManagerOptions } from '../options.ts'
import { ownKey } from '../shared/owners.ts'
import { hasCondition, isIssued } from './conditions.ts'
import { type CertificateRequest, parseRequest, refuseClient, refuseKubeletClient, refuseKubeletServing } from './request.ts'
import { type SigningAuthority, signRequest } from './sign.ts'

type Refuse = (request: CertificateRequest, usages: readonly string[]) => string | undefined

/** Signers by name, and by the name that the options know them under. */
const signers: Readonly<Record<string, { option: keyof NonNullable<ControllerManagerOptions['signers']>; refuse: Refuse }>> = {
  'kubernetes.io/kubelet-serving': { option: 'kubeletServing', refuse: refuseKubeletServing },
  'kubernetes.io/kube-apiserver-client-kubelet': { option: 'kubeletClient', refuse: refuseKubeletClient },
  'kubernetes.io/kube-apiserver-client': { option: 'kubeAPIServerClient', refuse: (_, usages) => refuseClient(usages) },
  'kubernetes.io/legacy-unknown': { option: 'legacyUnknown', refuse: () => undefined },
}

const yearMs = 365 * 86_400_000

/** undefined without any key to sign with. */
export function csrSigningController(options: ControllerManagerOptions): KeyedController | undefined {
  const { clusterSigningCert: certificate, clusterSigningKey: key } = options
  const common = certificate === undefined || key === undefined ? undefined : { certificate, key }
  const authorities = new Map<string, SigningAuthority>()
  for (const [name, { option }] of Object.entries(signers)) {
    const authority = options.signers?.[option] ?? common
    if (authority !== undefined) authorities.set(name, authority)
  }
  if (authorities.size === 0) return undefined
  return {
    name: 'certificatesigningrequest-signing-controller',
    workers: 5,
    watches: [watch(certificateSigningRequests, ownKey, { deleted: false })],
    sync: (name, context) => syncRequest(name, context, authorities, options.clusterSigningDurationMs ?? yearMs),
  }
}

async function syncRequest(
  name: string, context: KeyedContext, authorities: ReadonlyMap<string, SigningAuthority>, maxTtlMs: number,
): Promise<void> {
  const { informers, env, random } = context
  const request = informers.of(certificateSigningRequests).get(name)
  if (request === undefined || isIssued(request) || hasCondition(request, 'Failed')) return
  if (!hasCondition(request, 'Approved') || hasCondition(request, 'Denied')) return
  const { signerName, usages = [], expirationSeconds } = request.spec
  const authority = authorities.get(signerName)
  if (authority === undefined) return
  const parsed = parseRequest(request.spec.request)
  const refusal = signers[signerName]!.refuse(parsed, usages)
  const now = env.clock.now()
  if (refusal !== undefined) {
    const condition = { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message: refusal, lastUpdateTime: formatTime(now) }
    return write(request, { conditions: [...(request.status?.conditions ?? []), condition] }, context)
  }
  const pem = signRequest(authority, parsed, { usages, expirationSeconds, maxTtlMs, now, serial: random.bytes(16) })
  await write(request, { certificate: Buffer.from(pem).toString('base64') }, context)
}

async function write(
  request: CertificateSigningRequest, status: CertificateSigningRequest['status'], { client, signal }: KeyedContext,
): Promise<void> {
  await client.update(certificateSigningRequests, { ...request, status: { ...request.status, ...status } }, { subresource: 'status', signal })
}
