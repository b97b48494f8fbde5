/**
 * Asks the cluster for certificates and renews them in time. Upstream: client-go/util/certificate/certificate_manager.go,
 * csr/csr.go, pkg/kubelet/certificate.
 */
import type { Clock, Env, Random } from '../../base/env.ts'
import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts'
import { certificateSigningRequests } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import { type CertificateSubject, certificateRequest, newKey } from './request.ts'
import { type CertificateStore, type StoredPair, validity } from './store.ts'

export type Signer = 'kubernetes.io/kube-apiserver-client-kubelet' | 'kubernetes.io/kubelet-serving'

const waitLimitMs = 15 * 60_000
const firstRetryMs = 2000
const lastRetryMs = 128_000
const pollMs = 1000

export interface Asked {
  readonly client: Client
  readonly clock: Clock
  readonly signer: Signer
  readonly subject: CertificateSubject
  /** "node-csr-" and the like. */
  readonly namePrefix: string
  /** ms between looks at the request. */
  readonly pollMs?: number
}

/** Rejects when the request is denied or fails, or when nobody answers within a quarter of an hour. */
export async function askForCertificate({ client, clock, signer, subject, namePrefix, ...asked }: Asked, key: string, signal: AbortSignal): Promise<StoredPair> {
  const usage = signer === 'kubernetes.io/kubelet-serving' ? 'server auth' : 'client auth'
  const made = await client.create<CertificateSigningRequest>(certificateSigningRequests, {
    apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { generateName: namePrefix },
    spec: { request: Buffer.from(certificateRequest(key, subject)).toString('base64'), signerName: signer, usages: ['digital signature', usage] },
  }, { signal })
  const end = clock.monotonic() + waitLimitMs
  for (;;) {
    // The node authorizer lets nodes read and watch their own requests.
    const { status } = await client.get(certificateSigningRequests, { name: made.metadata.name! }, { signal })
    for (const { type, reason, message } of status?.conditions ?? []) {
      if (type === 'Denied') throw new Error(`certificate signing request is denied, reason: ${reason ?? ''}, message: ${message ?? ''}`)
      if (type === 'Failed') throw new Error(`certificate signing request failed, reason: ${reason ?? ''}, message: ${message ?? ''}`)
    }
    if ((status?.certificate ?? '') !== '') return { cert: Buffer.from(status!.certificate!, 'base64').toString(), key }
    if (clock.monotonic() > end) throw new Error('timed out waiting for the certificate signing request to be signed')
    await clock.sleep(asked.pollMs ?? pollMs, signal)
  }
}

/** When to ask anew: after seven to nine tenths of its life, so that nodes made together do not ask together. */
export function rotationDeadline(cert: string, random: Random): number {
  const { from, to } = validity(cert)
  return from + (to - from) * (0.7 + 0.2 * random.next())
}

export interface RotationEnv extends Env {
  readonly store: CertificateStore
  /** undefined: there is nothing to ask for yet. */
  ask(): Asked | undefined
  /** A new pair is kept and to be used. */
  onPair(pair: StoredPair): void
}

/** Renews for ever; at once when there is no pair, or one for other names. */
export async function rotateCertificates(env: RotationEnv, signal: AbortSignal): Promise<void> {
  const { clock } = env
  let failures = 0
  while (!signal.aborted) {
    const pair = await env.store.current()
    const deadline = pair === undefined ? 0 : rotationDeadline(pair.cert, env.random)
    // A timer cannot be set for as long as a certificate may live.
    while (clock.now() < deadline && failures === 0) await clock.sleep(Math.min(deadline - clock.now(), 86_400_000), signal)
    try {
      const asked = env.ask()
      if (asked === undefined) {
        await clock.sleep(pollMs, signal)
        continue
      }
      const next = await askForCertificate(asked, newKey(), signal)
      await env.store.update(next, clock.now())
      env.onPair(next)
      failures = 0
    } catch (error) {
      if (signal.aborted) return
      env.log.warn('certificate was not renewed', { error })
      await clock.sleep(Math.min(lastRetryMs, firstRetryMs * 2 ** failures++), signal)
    }
  }
}
