/**
 * Makes the certificates that a server lacks. The few DER values of a certificate are written here, because loading a
 * library for them takes longer than the whole start of the server.
 */
import {
  type KeyObject, X509Certificate, createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign,
} from 'node:crypto'
import * as der from '../../base/der.ts'
import { isSeeded, signEcdsa } from '../../base/ecdsa.ts'
import { pemText } from '../../api/meta/pem.ts'

export interface CertificatePair {
  /** PEM. */
  readonly cert: string
  /** PEM, PKCS #8. */
  readonly key: string
}

export interface CertificateRequest {
  readonly commonName: string
  readonly organizations?: readonly string[]
  readonly dnsNames?: readonly string[]
  readonly ipAddresses?: readonly string[]
  readonly usages: readonly ('server' | 'client')[]
  readonly now: Date
  readonly days: number
}

export type KeyType = 'ec' | 'rsa'

/** A key pair as PEM. */
export interface Keys {
  readonly privateKey: string
  readonly publicKey: string
}

const dayMs = 86_400_000
/** Clocks of joining machines may be behind. */
const backdateMs = 300_000

const usageOids = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const
/** KeyUsage bits: digitalSignature 0, keyEncipherment 2, keyCertSign 5. */
const leafKeyUsage = der.bits(Buffer.from([0b1010_0000]), 5)
const authorityKeyUsage = der.bits(Buffer.from([0b1010_0100]), 2)

/** A self-signed certificate authority with an EC P-256 key. */
export function createAuthority(commonName: string, now: Date, days = 3650, keys: Keys = generateKeys('ec')): CertificatePair {
  const name = distinguishedName(commonName, [])
  const publicKey = createPublicKey(keys.publicKey)
  const extensions = [
    extension('2.5.29.15', authorityKeyUsage, true),
    extension('2.5.29.19', der.sequence(der.boolean(true)), true),
    extension('2.5.29.14', der.octets(keyIdentifier(publicKey))),
    extension('2.5.29.17', der.sequence(der.implicit(2, Buffer.from(commonName)))),
  ]
  const cert = signed({ issuer: name, subject: name, publicKey, extensions, now, days }, createPrivateKey(keys.privateKey))
  return { cert, key: keys.privateKey }
}

/** A certificate with a new key, signed by the authority. */
export function issueCertificate(authority: CertificatePair, request: CertificateRequest, keys: Keys = generateKeys('ec')): CertificatePair {
  return { cert: certify(authority, request, createPublicKey(keys.publicKey)), key: keys.privateKey }
}

/** A certificate for somebody's public key, signed by the authority. PEM. */
export function certify(authority: CertificatePair, request: CertificateRequest, publicKey: KeyObject): string {
  const issuer = new X509Certificate(authority.cert)
  const names = [
    ...(request.dnsNames ?? []).map((name) => der.implicit(2, Buffer.from(name))),
    ...(request.ipAddresses ?? []).map((address) => der.implicit(7, der.ipBytes(address))),
  ]
  const extensions = [
    extension('2.5.29.15', leafKeyUsage, true),
    extension('2.5.29.37', der.sequence(...request.usages.map((usage) => der.oid(usageOids[usage])))),
    extension('2.5.29.19', der.sequence(), true),
    extension('2.5.29.35', der.sequence(der.implicit(0, keyIdentifier(issuer.publicKey)))),
    ...(names.length === 0 ? [] : [extension('2.5.29.17', der.sequence(...names))]),
  ]
  const subject = distinguishedName(request.commonName, request.organizations ?? [])
  const { now, days } = request
  return signed({ issuer: subjectOf(issuer), subject, publicKey, extensions, now, days }, createPrivateKey(authority.key))
}

interface ToSign {
  readonly issuer: Buffer
  readonly subject: Buffer
  readonly publicKey: KeyObject
  readonly extensions: readonly Buffer[]
  readonly now: Date
  readonly days: number
}

function signed(parts: ToSign, key: KeyObject): string {
  const rsa = key.asymmetricKeyType === 'rsa'
  const algorithm = rsa
    ? der.sequence(der.oid('1.2.840.113549.1.1.11'), der.der(0x05))
    : der.sequence(der.oid('1.2.840.10045.4.3.2'))
  const start = new Date(parts.now.getTime() - backdateMs)
  const end = new Date(parts.now.getTime() + parts.days * dayMs)
  const body = der.sequence(
    der.explicit(0, der.integer(Buffer.from([2]))),
    der.integer(serialNumber(parts, key)), algorithm, parts.issuer,
    der.sequence(der.time(start), der.time(end)), parts.subject,
    parts.publicKey.export({ type: 'spki', format: 'der' }),
    der.explicit(3, der.sequence(...parts.extensions)),
  )
  return pemText('CERTIFICATE', der.sequence(body, algorithm, der.bits(rsa ? sign('sha256', body, key) : signEcdsa(body, key))))
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return der.sequence(der.oid(id), ...(critical ? [der.boolean(true)] : []), der.octets(value))
}

function distinguishedName(commonName: string, organizations: readonly string[]): Buffer {
  const attribute = (id: string, value: string) => der.sequence(der.oid(id), der.utf8(value))
  const groups = organizations.map((name) => attribute('2.5.4.10', name))
  // One set holds all organizations, as Go's crypto/x509 writes them; DER sorts what is in a set.
  const organization = groups.length === 0 ? [] : [der.set(...groups.sort((a, b) => Buffer.compare(a, b)))]
  return der.sequence(...organization, der.set(attribute('2.5.4.3', commonName)))
}

/** The subject as it is in the certificate: issuer and subject must be equal byte for byte. */
function subjectOf(certificate: X509Certificate): Buffer {
  const [body] = der.children(der.read(certificate.raw).content)
  const fields = der.children(body!.content)
  return fields[fields[0]!.tag === 0xa0 ? 5 : 4]!.whole
}

function keyIdentifier(publicKey: KeyObject): Buffer {
  const [, key] = der.children(der.read(publicKey.export({ type: 'spki', format: 'der' })).content)
  return createHash('sha1').update(key!.content.subarray(1)).digest()
}

/** 127 random bits: unique without a counter to keep. A seeded authority's follow from what is certified. */
function serialNumber({ subject, publicKey, now }: ToSign, key: KeyObject): Buffer {
  const bytes = isSeeded(key)
    ? createHash('sha256').update(subject).update(publicKey.export({ type: 'spki', format: 'der' })).update(now.toISOString()).digest().subarray(0, 16)
    : randomBytes(16)
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return bytes
}

/** A new key pair as PEM. EC keys are made in a millisecond, RSA keys in a few hundred. */
export function generateKeys(type: KeyType): Keys {
  const keys = type === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'prime256v1' }) : generateKeyPairSync('rsa', { modulusLength: 2048 })
  return {
    privateKey: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    publicKey: keys.publicKey.export({ type: 'spki', format: 'pem' }) as string,
  }
}

/** The certificates in a PEM bundle, in their order. Throws on a block that is none. */
export function parseBundle(text: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => new X509Certificate(block))
}

/** Whether a certificate is the authority's, serves all these names and addresses, and does so beyond `until`. */
export function certificateServes(
  cert: string, authority: string, names: readonly string[], addresses: readonly string[], until: Date,
): boolean {
  const [parsed] = parseBundle(cert)
  const [issuer] = parseBundle(authority)
  if (parsed === undefined || issuer === undefined || parsed.validToDate < until) return false
  if (!parsed.checkIssued(issuer) || !parsed.verify(issuer.publicKey)) return false
  return names.every((name) => parsed.checkHost(name) !== undefined) && addresses.every((ip) => parsed.checkIP(ip) !== undefined)
}
