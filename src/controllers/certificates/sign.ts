/** Signs requests as upstream's signer does (pkg/controller/certificates/authority). */
import { createHash, createPrivateKey, sign, X509Certificate } from 'node:crypto'
import * as der from '../../base/der.ts'
import { signEcdsa } from '../../base/ecdsa.ts'
import { pemText } from '../../api/meta/pem.ts'
import type { CertificateRequest } from './request.ts'

export interface SigningOptions {
  readonly usages: readonly string[]
  /** spec.expirationSeconds. */
  readonly expirationSeconds: number | undefined
  /** The longest that a certificate may last. */
  readonly maxTtlMs: number
  readonly now: number
  /** 16 random bytes. */
  readonly serial: Uint8Array
}

const backdateMs = 300_000
/** Below this the end is not backdated: five minutes would be too much of it. */
const shortMs = 8 * 3_600_000
const minimumMs = 600_000

/** Bits of the KeyUsage extension by the names of the API. */
const keyUsageBits: Readonly<Record<string, number>> = {
  'signing': 0, 'digital signature': 0, 'content commitment': 1, 'key encipherment': 2, 'data encipherment': 3,
  'key agreement': 4, 'cert sign': 5, 'crl sign': 6, 'encipher only': 7, 'decipher only': 8,
}
const purposeOids: Readonly<Record<string, string>> = {
  'any': '2.5.29.37.0', 'server auth': '1.3.6.1.5.5.7.3.1', 'client auth': '1.3.6.1.5.5.7.3.2', 'code signing': '1.3.6.1.5.5.7.3.3',
  'email protection': '1.3.6.1.5.5.7.3.4', 's/mime': '1.3.6.1.5.5.7.3.4', 'ipsec end system': '1.3.6.1.5.5.7.3.5',
  'ipsec tunnel': '1.3.6.1.5.5.7.3.6', 'ipsec user': '1.3.6.1.5.5.7.3.7', 'timestamping': '1.3.6.1.5.5.7.3.8',
  'ocsp signing': '1.3.6.1.5.5.7.3.9', 'microsoft sgc': '1.3.6.1.4.1.311.10.3.3', 'netscape sgc': '2.16.840.1.113730.4.1',
}

export interface SigningAuthority {
  readonly certificate: string
  readonly key: string
}

/** When a certificate that is asked for now ends, in ms. Throws when the authority has ended itself. */
export function expiry({ expirationSeconds, maxTtlMs, now }: SigningOptions, authorityEnds: number): number {
  const asked = expirationSeconds === undefined || expirationSeconds === null ? maxTtlMs : expirationSeconds * 1000
  const ttl = asked > maxTtlMs ? maxTtlMs : Math.max(asked, asked === maxTtlMs ? 0 : minimumMs)
  const end = new Date(authorityEnds).toISOString()
  if (now - backdateMs >= authorityEnds) throw new Error(`the signer has expired: NotAfter=${end}`)
  if (now >= authorityEnds) throw new Error(`refusing to sign a certificate that expired in the past: NotAfter=${end}`)
  return Math.min(authorityEnds, now + ttl - (ttl < shortMs ? 0 : backdateMs))
}

/** The certificate as PEM. Throws when the request's signature is wrong or a usage is unknown. */
export function signRequest(authority: SigningAuthority, request: CertificateRequest, options: SigningOptions): string {
  if (!request.signatureValid) throw new Error('unable to verify certificate request signature: x509: invalid signature')
  const issuer = new X509Certificate(authority.certificate)
  const key = createPrivateKey(authority.key)
  const algorithm = key.asymmetricKeyType === 'rsa'
    ? der.sequence(der.oid('1.2.840.113549.1.1.11'), der.der(0x05))
    : key.asymmetricKeyType === 'ed25519' ? der.sequence(der.oid('1.3.101.112')) : der.sequence(der.oid('1.2.840.10045.4.3.2'))
  const serial = Buffer.from(options.serial)
  serial[0] = (serial[0]! & 0x3f) | 0x40
  const body = der.sequence(
    der.explicit(0, der.integer(Buffer.from([2]))), der.integer(serial), algorithm, issuerName(issuer),
    der.sequence(der.time(new Date(options.now - backdateMs)), der.time(new Date(expiry(options, issuer.validToDate.getTime())))),
    request.subject, request.publicKey.export({ type: 'spki', format: 'der' }),
    der.explicit(3, der.sequence(...extensions(issuer, request, options.usages))),
  )
  const signature = key.asymmetricKeyType === 'ec' ? signEcdsa(body, key) : sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', body, key)
  return pemText('CERTIFICATE', der.sequence(body, algorithm, der.bits(signature)))
}

function extensions(issuer: X509Certificate, request: CertificateRequest, usages: readonly string[]): Buffer[] {
  const unknown = usages.filter((usage) => keyUsageBits[usage] === undefined && purposeOids[usage] === undefined)
  if (unknown.length > 0) throw new Error(`unrecognized usage values: [${unknown.map((usage) => JSON.stringify(usage)).join(' ')}]`)
  const bits = usages.flatMap((usage) => keyUsageBits[usage] ?? [])
  const purposes = [...new Set(usages.flatMap((usage) => purposeOids[usage] ?? []))]
  const names = [
    ...request.dnsNames.map((name) => der.implicit(2, Buffer.from(name))),
    ...request.emailAddresses.map((name) => der.implicit(1, Buffer.from(name))),
    ...request.ipAddresses.map((address) => der.implicit(7, address)),
    ...request.uris.map((uri) => der.implicit(6, Buffer.from(uri))),
  ]
  return [
    ...(bits.length === 0 ? [] : [extension('2.5.29.15', usageBits(bits), true)]),
    ...(purposes.length === 0 ? [] : [extension('2.5.29.37', der.sequence(...purposes.map((id) => der.oid(id))))]),
    extension('2.5.29.19', der.sequence(), true),
    extension('2.5.29.35', der.sequence(der.implicit(0, keyIdentifier(issuer)))),
    ...(names.length === 0 ? [] : [extension('2.5.29.17', der.sequence(...names))]),
  ]
}

function usageBits(set: readonly number[]): Buffer {
  const last = Math.max(...set)
  const bytes = Buffer.alloc(Math.floor(last / 8) + 1)
  for (const bit of set) bytes[Math.floor(bit / 8)]! |= 0x80 >> (bit % 8)
  return der.bits(bytes, 7 - (last % 8))
}

const extension = (id: string, value: Buffer, critical = false): Buffer =>
  der.sequence(der.oid(id), ...(critical ? [der.boolean(true)] : []), der.octets(value))

function bodyFields(certificate: X509Certificate): ReturnType<typeof der.children> {
  const fields = der.children(der.children(der.read(certificate.raw).content)[0]!.content)
  return fields[0]!.tag === 0xa0 ? fields.slice(1) : fields
}

const issuerName = (certificate: X509Certificate): Buffer => bodyFields(certificate)[4]!.whole

/** What the authority says of its own key; authorities without a word on it are known by the key's SHA-1. */
function keyIdentifier(issuer: X509Certificate): Buffer {
  const list = bodyFields(issuer).find(({ tag }) => tag === 0xa3)
  for (const one of list === undefined ? [] : der.children(der.read(list.content).content)) {
    const parts = der.children(one.content)
    if (parts[0]!.whole.equals(der.oid('2.5.29.14'))) return der.read(parts.at(-1)!.content).content
  }
  const [, key] = der.children(der.read(issuer.publicKey.export({ type: 'spki', format: 'der' })).content)
  return createHash('sha1').update(key!.content.subarray(1)).digest()
}
