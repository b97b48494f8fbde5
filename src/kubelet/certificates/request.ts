/** A request for a certificate (PKCS #10) for a new EC P-256 key. Upstream: client-go/util/cert/csr.go. */
import { type KeyObject, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import * as der from '../../base/der.ts'
import { pemText } from '../../api/meta/pem.ts'

export interface CertificateSubject {
  readonly commonName: string
  readonly organizations: readonly string[]
  readonly dnsNames?: readonly string[]
  readonly ipAddresses?: readonly string[]
}

/** PEM, "EC PRIVATE KEY". */
export function newKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' }) as string
}

/** PEM. */
export function certificateRequest(key: string, { commonName, organizations, dnsNames = [], ipAddresses = [] }: CertificateSubject): string {
  const attribute = (type: string, text: string) => der.set(der.sequence(der.oid(type), der.utf8(text)))
  const subject = der.sequence(...organizations.map((name) => attribute('2.5.4.10', name)), attribute('2.5.4.3', commonName))
  const names = [...dnsNames.map((name) => der.implicit(2, Buffer.from(name))), ...ipAddresses.map((ip) => der.implicit(7, der.ipBytes(ip)))]
  const extensions = names.length === 0 ? Buffer.alloc(0) :
    der.sequence(der.oid('1.2.840.113549.1.9.14'), der.set(der.sequence(der.sequence(der.oid('2.5.29.17'), der.octets(der.sequence(...names))))))
  return pemText('CERTIFICATE REQUEST', signedRequest(createPrivateKey(key), subject, extensions))
}

/** DER of a request for any subject, which a key of any kind that certificates know has signed. */
export function signedRequest(key: KeyObject, subject: Uint8Array, attributes: Uint8Array): Buffer {
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const info = der.sequence(der.integer(Buffer.from([0])), subject, publicKey, der.explicit(0, attributes))
  const { digest, algorithm } = signatureOf(key)
  return der.sequence(info, algorithm, der.bits(sign(digest, info, key)))
}

/** As Go's crypto/x509 chooses it. */
function signatureOf(key: KeyObject): { digest: string | undefined; algorithm: Buffer } {
  if (key.asymmetricKeyType === 'ed25519') return { digest: undefined, algorithm: der.sequence(der.oid('1.3.101.112')) }
  if (key.asymmetricKeyType === 'rsa') return { digest: 'sha256', algorithm: der.sequence(der.oid('1.2.840.113549.1.1.11'), der.der(0x05)) }
  const curve = key.asymmetricKeyDetails?.namedCurve
  if (curve === 'secp384r1') return { digest: 'sha384', algorithm: der.sequence(der.oid('1.2.840.10045.4.3.3')) }
  if (curve === 'secp521r1') return { digest: 'sha512', algorithm: der.sequence(der.oid('1.2.840.10045.4.3.4')) }
  return { digest: 'sha256', algorithm: der.sequence(der.oid('1.2.840.10045.4.3.2')) }
}
