/** Removes requests that have served their purpose (upstream: pkg/controller/certificates/cleaner). */
import { X509Certificate } from 'node:crypto'
import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts'
import { certificateSigningRequests, podCertificateRequests } from '../../api/generated/resources.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { parseTime } from '../../api/meta/time.ts'
import type { Periodic } from '../../client/periodic.ts'
import { isIssued } from './conditions.ts'

const hourMs = 3_600_000

/** How old a condition may become, by its type and whether there is a certificate. */
function lifetimeMs(type: string, issued: boolean): number {
  if (type === 'Denied' || type === 'Failed') return hourMs
  return type === 'Approved' ? (issued ? hourMs : 24 * hourMs) : Infinity
}

/** Whether the request is to go at `now`. Pure. */
export function isStale(request: CertificateSigningRequest, now: number): boolean {
  const conditions = request.status?.conditions ?? []
  const issued = isIssued(request)
  const older = (time: string | null | undefined, ms: number): boolean => {
    const at = parseTime(time ?? '')
    return at !== undefined && now - at > ms
  }
  if (conditions.length === 0) return older(request.metadata.creationTimestamp, 24 * hourMs)
  if (conditions.some(({ type, lastUpdateTime }) => older(lastUpdateTime, lifetimeMs(type, issued)))) return true
  return issued && conditions.some(({ type }) => type === 'Approved') && hasExpired(request.status!.certificate!, now)
}

function hasExpired(certificate: string, now: number): boolean {
  try {
    return now > new X509Certificate(Buffer.from(certificate, 'base64')).validToDate.getTime()
  } catch {
    return false
  }
}

export const csrCleaner: Periodic = {
  name: 'certificatesigningrequest-cleaner-controller',
  periodMs: hourMs,
  reads: [certificateSigningRequests as never],
  async sweep({ client, env, informers }, signal) {
    for (const request of informers.of(certificateSigningRequests).list()) {
      if (!isStale(request, env.clock.now())) continue
      try {
        await client.delete(certificateSigningRequests, { name: request.metadata.name ?? '' }, { signal })
      } catch (error) {
        if (signal.aborted) return
        env.log.warn('request could not be removed', { request: request.metadata.name, error: String(error) })
      }
    }
  },
}

/** Pods' requests are answered or given up well within this. */
const podRequestLifetimeMs = 15 * 60_000

export const podCertificateRequestCleaner: Periodic = {
  name: 'podcertificaterequest-cleaner-controller',
  periodMs: 5 * 60_000,
  reads: [podCertificateRequests as never],
  async sweep({ client, env, informers }, signal) {
    for (const { metadata } of informers.of(podCertificateRequests).list()) {
      if (env.clock.now() < (parseTime(metadata.creationTimestamp ?? '') ?? 0) + podRequestLifetimeMs) continue
      const key = { namespace: metadata.namespace, name: metadata.name ?? '' }
      try {
        await client.delete(podCertificateRequests, key, { preconditions: { uid: metadata.uid }, signal })
      } catch (error) {
        if (signal.aborted) return
        if (!isStatus(error, 'NotFound')) env.log.warn('request could not be removed', { ...key, error: String(error) })
      }
    }
  },
}
