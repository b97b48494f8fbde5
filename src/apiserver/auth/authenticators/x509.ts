/** Client certificates: CN is the user, each O a group (upstream: apiserver/pkg/authentication/request/x509). */
import type { X509Certificate } from 'node:crypto'
import type { Clock } from '../../../base/env.ts'
import type { UserInfo } from '../../handler.ts'
import type { HttpExchange, Peer } from '../../http/exchange.ts'
import type { Authenticator } from '../contract.ts'

export const clientAuthUsage = '1.3.6.1.5.5.7.3.2'
const anyUsage = '2.5.29.37.0'
const longestChain = 10

/** A CA bundle that can be replaced while the server runs. */
export interface CertificatePool {
  readonly certificates: readonly X509Certificate[]
}

/**
 * Why a certificate is not to be trusted; undefined when it is. Checks signatures up to a root in the pool, dates of the
 * whole chain, the CA flag of issuers, and that the leaf may be used by clients.
 */
export function verifyClientCertificate(
  leaf: X509Certificate, intermediates: readonly X509Certificate[], pool: CertificatePool, now: number,
): string | undefined {
  const usages = leaf.keyUsage as readonly string[] | undefined
  if (usages !== undefined && usages.length > 0 && !usages.includes(clientAuthUsage) && !usages.includes(anyUsage)) {
    return 'x509: certificate specifies an incompatible key usage'
  }
  let current = leaf
  for (let depth = 0; depth < longestChain; depth++) {
    const dated = dateProblem(current, now)
    if (dated !== undefined) return dated
    if (pool.certificates.some((root) => root.raw.equals(current.raw))) return undefined
    const root = pool.certificates.find((candidate) => issued(candidate, current))
    if (root !== undefined) return dateProblem(root, now)
    const next = intermediates.find((candidate) => candidate !== current && candidate.ca && issued(candidate, current))
    if (next === undefined) break
    current = next
  }
  return 'x509: certificate signed by unknown authority'
}

function issued(issuer: X509Certificate, subject: X509Certificate): boolean {
  return subject.checkIssued(issuer) && subject.verify(issuer.publicKey)
}

function dateProblem(certificate: X509Certificate, now: number): string | undefined {
  if (now < certificate.validFromDate.getTime()) return 'x509: certificate has expired or is not yet valid: current time is before the start'
  if (now > certificate.validToDate.getTime()) return 'x509: certificate has expired or is not yet valid: current time is after the end'
  return undefined
}

/** Values of one attribute in a subject, in their order. */
export function subjectValues(certificate: X509Certificate, attribute: string): string[] {
  const prefix = `${attribute}=`
  const lines = certificate.subject?.split('\n') ?? []
  // Several values of one RDN are joined by " + ".
  const parts = lines.flatMap((line) => line.split(/ \+ (?=[A-Za-z0-9.]+=)/))
  return parts.filter((line) => line.startsWith(prefix)).map((line) => unescapeValue(line.slice(prefix.length)))
}

/** OpenSSL escapes what is special in names as RFC 2253 does, other bytes as \XX. */
function unescapeValue(text: string): string {
  if (!text.includes('\\')) return text
  const bytes: number[] = []
  const source = Buffer.from(text)
  for (let i = 0; i < source.length; i++) {
    if (source[i] !== 0x5c) {
      bytes.push(source[i]!)
      continue
    }
    const hex = source.subarray(i + 1, i + 3).toString('latin1')
    if (/^[0-9A-Fa-f]{2}$/.test(hex)) {
      bytes.push(parseInt(hex, 16))
      i += 2
    } else if (i + 1 < source.length) bytes.push(source[++i]!)
  }
  return Buffer.from(bytes).toString('utf8')
}

/** Undefined for a certificate without a common name. */
export function userOfCertificate(certificate: X509Certificate): UserInfo | undefined {
  const name = subjectValues(certificate, 'CN').at(-1)
  if (name === undefined || name === '') return undefined
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  const uid = subjectValues(certificate, '1.3.6.1.4.1.57683.2')[0]
  return {
    name, groups: subjectValues(certificate, 'O'),
    ...(uid === undefined ? {} : { uid }),
    extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint}`] },
  }
}

/** What was worked out for a connection stays true until the certificate ends or the pool changes. */
interface Known {
  readonly pool: readonly X509Certificate[]
  readonly problem: string | undefined
  readonly user: UserInfo | undefined
  readonly until: number
}

export function x509Authenticator(clock: Clock, pool: CertificatePool): Authenticator {
  return {
    name: 'x509',
    authenticate(exchange: HttpExchange) {
      const known = knownOf(exchange.peer, pool, clock)
      if (known === undefined) return Promise.resolve(undefined)
      if (known.problem !== undefined) return Promise.reject(new Error(`verifying certificate failed: ${known.problem}`))
      return Promise.resolve(known.user)
    },
  }
}

function knownOf(peer: Peer, pool: CertificatePool, clock: Clock): Known | undefined {
  const now = clock.now()
  const cached = peer.cache.get('x509') as Known | undefined
  if (cached !== undefined && cached.pool === pool.certificates && now <= cached.until) return cached
  const { certificate } = peer
  if (certificate === undefined) return undefined
  const problem = verifyClientCertificate(certificate, peer.intermediates, pool, now)
  const chain = [certificate, ...peer.intermediates]
  const until = problem === undefined ? Math.min(...chain.map((c) => c.validToDate.getTime())) : now + 1000
  const known: Known = { pool: pool.certificates, problem, user: userOfCertificate(certificate), until }
  peer.cache.set('x509', known)
  return known
}
