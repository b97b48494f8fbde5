/** Certificate signing requests (upstream: pkg/apis/certificates/validation). */
import { X509Certificate } from 'node:crypto'
import type { CertificateSigningRequest } from '../../../api/generated/types/certificates-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldDuplicate, fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { semanticEqual } from '../validation/common.ts'
import { pemBlocks } from '../../../api/meta/pem.ts'
import { parseSigningRequest, requestBytes } from './pkcs10.ts'
import { signerName } from './signer-name.ts'

type Request = CertificateSigningRequest
type Conditions = NonNullable<NonNullable<Request['status']>['conditions']>

const legacySigner = 'kubernetes.io/legacy-unknown'
const knownUsages = [
  'any', 'cert sign', 'client auth', 'code signing', 'content commitment', 'crl sign', 'data encipherment', 'decipher only', 'digital signature',
  'email protection', 'encipher only', 'ipsec end system', 'ipsec tunnel', 'ipsec user', 'key agreement', 'key encipherment', 'microsoft sgc',
  'netscape sgc', 'ocsp signing', 's/mime', 'server auth', 'signing', 'timestamping',
]
const decisions = ['Approved', 'Denied'] as const

/** What the stored object has already is tolerated when it is written again. */
interface Tolerance {
  readonly arbitraryCertificate: boolean
  readonly old: Request | undefined
}

export function* validateRequest(request: Request): Generator<FieldError> {
  yield* requestErrors(request, { arbitraryCertificate: false, old: undefined })
}

function requestProblem(base64: string): string | undefined {
  const bytes = requestBytes(Buffer.from(base64, 'base64'))
  if ('problem' in bytes) return bytes.problem
  try {
    return parseSigningRequest(bytes).isSigned() ? undefined : 'x509: certificate request signature is invalid'
  } catch {
    return 'asn1: structure error: malformed certificate request'
  }
}

function certificateProblem(base64: string | undefined): string | undefined {
  if (!base64) return undefined
  const blocks = pemBlocks(Buffer.from(base64, 'base64').toString('latin1'))
  if (blocks.length === 0) return 'must contain at least one CERTIFICATE PEM block'
  for (const { label, hasHeaders, bytes } of blocks) {
    if (label !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(label)}`
    if (hasHeaders) return 'no PEM block headers are permitted'
    if (bytes.length === 0) return 'found CERTIFICATE PEM block containing 0 certificates'
    if (!isCertificate(bytes)) return 'x509: malformed certificate'
  }
  return undefined
}

function isCertificate(bytes: Buffer): boolean {
  try {
    return new X509Certificate(bytes).raw.length > 0
  } catch {
    return false
  }
}

function* requestErrors({ spec, status }: Request, { arbitraryCertificate, old }: Tolerance): Generator<FieldError> {
  const problem = requestProblem(spec.request ?? '')
  if (problem !== undefined) yield fieldInvalid('spec.request', spec.request ?? null, problem)
  yield* usageErrors(spec.usages ?? [], old?.spec.usages)
  if (spec.signerName === legacySigner && old?.spec.signerName !== legacySigner) {
    yield fieldInvalid('spec.signerName', spec.signerName, 'the legacy signerName is not allowed via this API version')
  } else yield* signerName('spec.signerName', spec.signerName)
  const { expirationSeconds: seconds } = spec
  if (typeof seconds === 'number' && seconds < 600) yield fieldInvalid('spec.expirationSeconds', seconds, 'may not specify a duration less than 600 seconds (10 minutes)')
  yield* conditionErrors(status?.conditions ?? [], old?.status?.conditions ?? [])
  const bad = arbitraryCertificate ? undefined : certificateProblem(status?.certificate)
  if (bad !== undefined) yield fieldInvalid('status.certificate', '<certificate data>', bad)
}

const hasDoubles = (values: readonly unknown[]): boolean => new Set(values).size < values.length

function* usageErrors(usages: readonly string[], old: readonly string[] | undefined): Generator<FieldError> {
  if (usages.length === 0) yield fieldRequired('spec.usages')
  const at = (i: number): string => indexPath('spec.usages', i)
  if (old?.some((usage) => !knownUsages.includes(usage)) !== true) {
    for (const [i, usage] of usages.entries()) if (!knownUsages.includes(usage)) yield fieldNotSupported(at(i), usage, knownUsages)
  }
  if (hasDoubles(old ?? [])) return
  for (const [i, usage] of usages.entries()) if (usages.indexOf(usage) < i) yield fieldDuplicate(at(i), usage)
}

function* conditionErrors(conditions: Conditions, old: Conditions): Generator<FieldError> {
  const has = (type: string): boolean => old.some((condition) => condition.type === type)
  const both = decisions.every(has)
  const [emptyKnown, doublesKnown] = [has(''), hasDoubles(old.map(({ type }) => type))]
  const seen = new Set<string>()
  for (const [i, { type, status }] of conditions.entries()) {
    const path = indexPath('status.conditions', i)
    if (!type && !emptyKnown) yield fieldRequired(`${path}.type`)
    const allowed = ['Approved', 'Denied', 'Failed'].includes(type) ? ['True'] : ['False', 'True', 'Unknown']
    if (!status) yield fieldRequired(`${path}.status`)
    else if (!allowed.includes(status)) yield fieldNotSupported(`${path}.status`, status, allowed)
    const other = decisions.find((decision) => decision !== type)
    if (!both && (decisions as readonly string[]).includes(type) && seen.has(other!)) {
      yield fieldInvalid('status.conditions', type, 'Approved and Denied conditions are mutually exclusive')
    }
    if (seen.has(type) && !doublesKnown) yield fieldDuplicate(`${path}.type`, type)
    seen.add(type)
  }
}

/** A write through the object itself ('') or one of its subresources, each of which may change other things. */
export const validateRequestUpdate = (through: '' | 'status' | 'approval') => function* (request: Request, old: Request): Generator<FieldError> {
  const [certificate, before] = [request.status?.certificate ?? '', old.status?.certificate ?? '']
  yield* requestErrors(request, { arbitraryCertificate: certificate === before || certificateProblem(before) !== undefined, old })
  const of = ({ status }: Request, type: string): Conditions => (status?.conditions ?? []).filter((condition) => condition.type === type)
  for (const type of ['Approved', 'Denied', 'Failed']) {
    if (of(request, type).length < of(old, type).length) yield fieldForbidden('status.conditions', `updates may not remove a condition of type "${type}"`)
  }
  for (const type of through === 'approval' ? [] : decisions) {
    const [now, then] = [of(request, type), of(old, type)]
    if (now.length > then.length) yield fieldForbidden('status.conditions', `updates may not add a condition of type "${type}"`)
    else if (now.length === then.length && !semanticEqual(now, then)) yield fieldForbidden('status.conditions', `updates may not modify a condition of type "${type}"`)
  }
  if (certificate === before) return
  if (through !== 'status') yield fieldForbidden('status.certificate', 'updates may not set certificate content')
  else if (before !== '') yield fieldForbidden('status.certificate', 'updates may not modify existing certificate content')
}
