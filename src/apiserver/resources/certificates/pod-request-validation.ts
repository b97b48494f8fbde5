/** What pods ask certificates for, and what signers answer (KEP-4317; upstream: pkg/apis/certificates/validation). */
import { type KeyObject, X509Certificate, constants, createHash, createPublicKey, verify } from 'node:crypto'
import type { PodCertificateRequest } from '../../../api/generated/types/certificates-v1beta1.ts'
import { isConditionTrue } from '../../../api/meta/conditions.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldInvalid, fieldInvalidOmitted, fieldNotSupported, fieldRequired, fieldTooLong } from '../../../api/meta/field-errors.ts'
import { byteLength } from '../../../api/meta/go-text.ts'
import { validateAnnotations, validateConditions } from '../../../api/meta/metadata-validation.ts'
import { parseTime } from '../../../api/meta/time.ts'
import { dnsSubdomain, immutable, semanticEqual } from '../validation/common.ts'
import { pemBlocks } from '../../../api/meta/pem.ts'
import { parseSigningRequest } from './pkcs10.ts'
import { signerName } from './signer-name.ts'

type Request = PodCertificateRequest
type Spec = Partial<NonNullable<Request['spec']>>

const hour = 3600
const [day, quarter] = [24 * hour, 91 * 24 * hour]
const maxBytes = 10 * 1024
const bytesOf = (base64: string | undefined): Buffer => Buffer.from(base64 ?? '', 'base64')

export function* validatePodRequest(request: Request): Generator<FieldError> {
  const spec: Spec = request.spec ?? {}
  yield* signerName('spec.signerName', spec.signerName)
  if (spec.unverifiedUserAnnotations) yield* validateAnnotations(spec.unverifiedUserAnnotations, 'spec.unverifiedUserAnnotations')
  for (const [name, uid] of [['podName', 'podUID'], ['serviceAccountName', 'serviceAccountUID'], ['nodeName', 'nodeUID']] as const) {
    yield* dnsSubdomain(`spec.${name}`, spec[name] ?? '')
    if (!spec[uid]) yield fieldInvalid(`spec.${uid}`, '', 'must not be empty')
    else if (spec[uid].length > 128) yield fieldTooLong(`spec.${uid}`, 128)
  }
  const { maxExpirationSeconds: seconds } = spec
  if (typeof seconds !== 'number') {
    yield fieldRequired('spec.maxExpirationSeconds', 'must be set')
    return
  }
  const most = isKubernetesSigner(spec.signerName ?? '') ? day : quarter
  if (seconds < hour || seconds > most) yield fieldInvalid('spec.maxExpirationSeconds', seconds, `must be in the range [${hour}, ${most}]`)
  const [stub, key, proof] = [spec.stubPKCS10Request ?? '', spec.pkixPublicKey ?? '', spec.proofOfPossession ?? '']
  if (stub !== '' && key === '' && proof === '') yield* stubErrors(stub)
  else if (stub === '' && key !== '' && proof !== '') yield* keyErrors(spec)
  else yield fieldInvalidOmitted('spec', 'exactly one of (stubPKCS10Request) or (pkixPublicKey, proofOfPossession) must be set')
}

const isKubernetesSigner = (name: string): boolean => /^([^/]*\.)?kubernetes\.io\//.test(name)
const sizes: readonly (number | undefined)[] = [3072, 4096]
const curves: readonly (string | undefined)[] = ['prime256v1', 'secp384r1', 'secp521r1']

/** What is wrong with a key's kind: the value to show (undefined: none) and why. */
function kindProblem(key: KeyObject, curveText: string): { shown?: string; why: string } | undefined {
  const details = key.asymmetricKeyDetails
  switch (key.asymmetricKeyType) {
    case 'ed25519': return undefined
    case 'ec': return curves.includes(details?.namedCurve) ? undefined : { shown: `curve ${details?.namedCurve}`, why: `elliptic public keys must use curve ${curveText}` }
    case 'rsa': return sizes.includes(details?.modulusLength) ? undefined : { shown: `${details?.modulusLength}-bit modulus`, why: 'RSA keys must have modulus size 3072 or 4096' }
    default: return { why: 'unknown public key type; supported types are Ed25519, ECDSA, and RSA' }
  }
}

function parsedOr<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}

function* stubErrors(stub: string): Generator<FieldError> {
  const path = 'spec.stubPKCS10Request'
  const bytes = bytesOf(stub)
  const request = bytes.length > maxBytes ? undefined : parsedOr(() => parseSigningRequest(bytes))
  const problem = request === undefined ? undefined : kindProblem(request.key, 'P256, P384, or P521')
  if (bytes.length > maxBytes) yield fieldTooLong(path, maxBytes)
  else if (request === undefined) yield fieldInvalidOmitted(path, 'must be a valid PKCS#10 CSR')
  else if (problem !== undefined) yield problem.shown === undefined ? fieldInvalidOmitted(path, problem.why) : fieldInvalid(path, problem.shown, problem.why)
  else if (parsedOr(() => request.isSigned()) !== true) yield fieldInvalidOmitted(path, 'invalid signature')
}

function* keyErrors({ pkixPublicKey, proofOfPossession, podUID = '' }: Spec): Generator<FieldError> {
  const [path, proofPath] = ['spec.pkixPublicKey', 'spec.proofOfPossession']
  const [bytes, proof] = [bytesOf(pkixPublicKey), bytesOf(proofOfPossession)]
  if (bytes.length > maxBytes) yield fieldTooLong(path, maxBytes)
  else if (proof.length > maxBytes) yield fieldTooLong(proofPath, maxBytes)
  else {
    const key = parsedOr(() => createPublicKey({ key: bytes, format: 'der', type: 'spki' }))
    if (key === undefined) {
      yield fieldInvalid(path, pkixPublicKey, 'must be a valid PKIX-serialized public key')
      return
    }
    const problem = kindProblem(key, 'P256 or P384')
    if (problem !== undefined) yield fieldInvalid(path, problem.shown ?? pkixPublicKey, problem.why)
    else if (parsedOr(() => provesPossession(key, podUID, proof)) !== true) yield fieldInvalidOmitted(proofPath, 'could not verify proof-of-possession signature')
  }
}

function provesPossession(key: KeyObject, podUID: string, proof: Buffer): boolean {
  const text = Buffer.from(podUID)
  if (key.asymmetricKeyType === 'ed25519') return verify(undefined, text, key, proof)
  if (key.asymmetricKeyType === 'ec') return verify('sha256', text, key, proof)
  return verify('sha256', text, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO }, proof)
}

export const validatePodRequestUpdate = (request: Request, old: Request): Iterable<FieldError> => immutable('spec', request.spec, old.spec)

const ends = ['Issued', 'Denied', 'Failed'] as const
const ended = (request: Request, ...types: readonly string[]): boolean => types.some((type) => isConditionTrue(request.status?.conditions, type))

/** `now` in ms. */
export function* validatePodRequestStatus(request: Request, old: Request, now: number): Generator<FieldError> {
  const conditions = [...conditionErrors(request)]
  yield* conditions
  if (conditions.length > 0) return
  if (ended(old, ...ends)) {
    if (!semanticEqual(request.status, old.status)) yield fieldInvalidOmitted('status', 'immutable after PodCertificateRequest is issued, denied, or failed')
  } else if (ended(request, 'Denied', 'Failed')) {
    if (!semanticEqual(request.status, { conditions: request.status?.conditions })) {
      yield fieldInvalidOmitted('status', 'non-condition status fields must be empty when denying or failing the PodCertificateRequest')
    }
  } else if (ended(request, 'Issued')) yield* issuedErrors(request, old, now)
  else if (!semanticEqual(request.status, old.status)) {
    yield fieldInvalidOmitted('status', 'status is immutable unless transitioning to "Issued", "Denied", or "Failed"')
  }
}

function* conditionErrors({ status }: Request): Generator<FieldError> {
  for (const [i, { type, status: truth }] of (status?.conditions ?? []).entries()) {
    const path = `status.conditions.[${i}]`
    if (!(ends as readonly string[]).includes(type)) yield fieldNotSupported(`${path}.type`, type, ends)
    else {
      if (i > 0) yield fieldInvalid(`${path}.type`, type, 'There may be at most one condition with type "Issued", "Denied", or "Failed"')
      if (truth !== 'True') yield fieldNotSupported(`${path}.status`, truth, ['True'])
    }
  }
  yield* validateConditions(status?.conditions, 'status.conditions')
}

function requestedKey({ spec }: Request): KeyObject | undefined {
  return parsedOr(() => (spec.stubPKCS10Request ? parseSigningRequest(bytesOf(spec.stubPKCS10Request)).key : createPublicKey({ key: bytesOf(spec.pkixPublicKey), format: 'der', type: 'spki' })))
}

const fingerprint = (key: KeyObject): string => createHash('sha256').update(key.export({ format: 'der', type: 'spki' })).digest('hex')

function* issuedErrors(request: Request, old: Request, now: number): Generator<FieldError> {
  const { certificateChain: chain = '' } = request.status ?? {}
  const path = 'status.certificateChain'
  const bad = (why: string): FieldError => fieldInvalid(path, chain, why)
  if (byteLength(chain) > 100 * 1024) yield fieldTooLong(path, 100 * 1024)
  const [leaf, ...others] = pemBlocks(chain)
  const certificate = leaf === undefined ? undefined : parsedOr(() => new X509Certificate(leaf.bytes))
  const key = requestedKey(old)
  if (leaf === undefined) yield bad('issued certificate chain must contain at least one certificate')
  else if (leaf.label !== 'CERTIFICATE') yield bad('issued certificate chain must consist entirely of CERTIFICATE PEM blocks')
  else if (certificate === undefined) yield bad('leaf certificate does not parse as valid X.509')
  else if (key !== undefined && fingerprint(key) !== fingerprint(certificate.publicKey)) yield bad('leaf certificate was not issued to the requested public key')
  else {
    yield* timeErrors(request, certificate, now)
    for (const { label, bytes } of others) {
      if (label !== 'CERTIFICATE') yield bad('issued certificate chain must consist entirely of CERTIFICATE PEM blocks')
      else if (parsedOr(() => new X509Certificate(bytes)) === undefined) yield bad('intermediate certificate does not parse as valid X.509')
    }
  }
}

function* timeErrors({ status = {}, spec }: Request, certificate: X509Certificate, now: number): Generator<FieldError> {
  const [start, end, refresh] = [status.notBefore, status.notAfter, status.beginRefreshAt].map((time) => (time ? parseTime(time) : undefined))
  const consistent = 'must be present and consistent with the issued certificate'
  if (start === undefined) yield fieldRequired('status.notBefore', consistent)
  if (end === undefined) yield fieldRequired('status.notAfter', consistent)
  if (refresh === undefined) yield fieldRequired('status.beginRefreshAt', 'must be present and in the range [notbefore+10min, notafter-10min]')
  if (start === undefined || end === undefined || refresh === undefined) return
  const minutes = 60_000
  const seconds = (certificate.validToDate.getTime() - certificate.validFromDate.getTime()) / 1000
  if (start !== certificate.validFromDate.getTime()) yield fieldInvalid('status.notBefore', status.notBefore, 'must be set to the NotBefore time encoded in the leaf certificate')
  else if (Math.abs(start - now) > 5 * minutes) yield fieldInvalid('status.notBefore', status.notBefore, "must be set to within 5 minutes of kube-apiserver's current time")
  else if (end !== certificate.validToDate.getTime()) yield fieldInvalid('status.notAfter', status.notAfter, 'must be set to the NotAfter time encoded in the leaf certificate')
  else if (seconds < hour) yield fieldInvalid('status.certificateChain', seconds * 1e9, 'leaf certificate lifetime must be >= 1 hour')
  else if (seconds > (spec.maxExpirationSeconds ?? 0)) {
    yield fieldInvalid('status.certificateChain', seconds * 1e9, `leaf certificate lifetime must be <= spec.maxExpirationSeconds (${spec.maxExpirationSeconds})`)
  } else if (refresh < start + 10 * minutes) yield fieldInvalid('status.beginRefreshAt', status.beginRefreshAt, 'must be at least 10 minutes after status.notBefore')
  else if (refresh > end - 10 * minutes) yield fieldInvalid('status.beginRefreshAt', status.beginRefreshAt, 'must be at least 10 minutes before status.notAfter')
}
