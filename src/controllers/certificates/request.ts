/** Certificate signing requests (PKCS #10) as Go's crypto/x509 reads them. Pure. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import * as der from '../../base/der.ts'

export interface CertificateRequest {
  /** The subject as it is to appear in the certificate, DER. */
  readonly subject: Buffer
  readonly commonName: string
  readonly organizations: readonly string[]
  readonly dnsNames: readonly string[]
  readonly emailAddresses: readonly string[]
  readonly ipAddresses: readonly Buffer[]
  readonly uris: readonly string[]
  readonly publicKey: KeyObject
  /** Whether whoever asks has the key. */
  readonly signatureValid: boolean
}

const oids = {
  commonName: der.oid('2.5.4.3'), organization: der.oid('2.5.4.10'),
  extensionRequest: der.oid('1.2.840.113549.1.9.14'), subjectAltName: der.oid('2.5.29.17'),
}

const digests = new Map<string, string | null>([
  ['1.2.840.113549.1.1.11', 'sha256'], ['1.2.840.113549.1.1.12', 'sha384'], ['1.2.840.113549.1.1.13', 'sha512'],
  ['1.2.840.10045.4.3.2', 'sha256'], ['1.2.840.10045.4.3.3', 'sha384'], ['1.2.840.10045.4.3.4', 'sha512'],
  ['1.3.101.112', null],
].map(([id, digest]) => [der.oid(id!).toString('hex'), digest ?? null]))

/** Reads spec.request (base64 of PEM). Throws for what is no request. */
export function parseRequest(request: string): CertificateRequest {
  const pem = Buffer.from(request, 'base64').toString('latin1')
  const body = /-----BEGIN CERTIFICATE REQUEST-----([\s\S]*?)-----END CERTIFICATE REQUEST-----/.exec(pem)
  if (body === null) throw new Error('PEM block type must be CERTIFICATE REQUEST')
  const [outer] = der.children(Buffer.from(body[1]!, 'base64'))
  const [info, algorithm, signature] = der.children(outer?.content ?? Buffer.alloc(0))
  const [, subject, key, ...rest] = info === undefined ? [] : der.children(info.content)
  if (info === undefined || algorithm === undefined || signature === undefined || subject === undefined || key === undefined) {
    throw new Error('asn1: structure error')
  }
  const publicKey = createPublicKey({ key: key.whole, format: 'der', type: 'spki' })
  const names = alternativeNames(rest.find(({ tag }) => tag === 0xa0)?.content)
  const texts = (tag: number): string[] => names.filter((name) => name.tag === tag).map(({ content }) => content.toString('latin1'))
  return {
    subject: subject.whole, commonName: attributes(subject.content, oids.commonName).at(-1) ?? '',
    organizations: attributes(subject.content, oids.organization),
    emailAddresses: texts(0x81), dnsNames: texts(0x82), uris: texts(0x86),
    ipAddresses: names.filter(({ tag }) => tag === 0x87).map(({ content }) => content),
    publicKey, signatureValid: isSigned(info.whole, algorithm.content, signature.content.subarray(1), publicKey),
  }
}

function isSigned(bytes: Buffer, algorithm: Buffer, signature: Buffer, key: KeyObject): boolean {
  const digest = digests.get(der.read(algorithm).whole.toString('hex'))
  return digest !== undefined && verify(digest, bytes, key, signature)
}

function attributes(name: Buffer, type: Buffer): string[] {
  return der.children(name).flatMap((set) => der.children(set.content)).flatMap((attribute) => {
    const [id, value] = der.children(attribute.content)
    return id?.whole.equals(type) === true && value !== undefined ? [value.content.toString('utf8')] : []
  })
}

function alternativeNames(requestAttributes: Buffer | undefined): ReturnType<typeof der.children> {
  for (const attribute of der.children(requestAttributes ?? Buffer.alloc(0))) {
    const [id, values] = der.children(attribute.content)
    if (id?.whole.equals(oids.extensionRequest) !== true || values === undefined) continue
    for (const extension of der.children(values.content).flatMap((list) => der.children(list.content))) {
      const parts = der.children(extension.content)
      if (parts[0]?.whole.equals(oids.subjectAltName) === true) return der.children(der.read(parts.at(-1)!.content).content)
    }
  }
  return []
}

const prefix = 'system:node:'

/** Why a node may not have this client certificate; undefined: it may (pkg/apis/certificates/helpers.go). */
export function refuseKubeletClient(request: CertificateRequest, usages: readonly string[]): string | undefined {
  if (!isNodes(request)) return 'subject organization is not system:nodes'
  if (request.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed'
  if (request.emailAddresses.length > 0) return 'Email subjectAltNames are not allowed'
  if (request.ipAddresses.length > 0) return 'IP subjectAltNames are not allowed'
  if (request.uris.length > 0) return 'URI subjectAltNames are not allowed'
  if (!request.commonName.startsWith(prefix)) return 'subject common name does not begin with system:node:'
  return refuseUsages(usages, 'client auth')
}

/** Why a kubelet may not have this serving certificate; undefined: it may. */
export function refuseKubeletServing(request: CertificateRequest, usages: readonly string[]): string | undefined {
  if (!isNodes(request)) return 'subject organization is not system:nodes'
  if (request.dnsNames.length === 0 && request.ipAddresses.length === 0) return 'DNS or IP subjectAltName is required'
  if (request.emailAddresses.length > 0) return 'Email subjectAltNames are not allowed'
  if (request.uris.length > 0) return 'URI subjectAltNames are not allowed'
  return refuseUsages(usages, 'server auth')
    ?? (request.commonName.startsWith(prefix) ? undefined : 'subject common name does not begin with system:node:')
}

/** Why a client of the API server may not have a certificate for these usages. */
export function refuseClient(usages: readonly string[]): string | undefined {
  const wrong = usages.find((usage) => usage !== 'client auth' && usage !== 'digital signature' && usage !== 'key encipherment')
  if (wrong !== undefined) return `invalid usage for client certificate: ${wrong}`
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth'
}

const isNodes = ({ organizations }: CertificateRequest): boolean => organizations.length === 1 && organizations[0] === 'system:nodes'

function refuseUsages(usages: readonly string[], purpose: string): string | undefined {
  const given = new Set(usages)
  const wanted = [purpose, 'digital signature', 'key encipherment'].sort()
  const known = [...given].every((usage) => wanted.includes(usage))
  if (known && given.has(purpose) && given.has('digital signature')) return undefined
  return `usages did not match [${wanted.join(' ')}]`
}
