/** Bundles of trust anchors (upstream: pkg/apis/certificates/validation, ClusterTrustBundle). */
import { X509Certificate } from 'node:crypto'
import type { ClusterTrustBundle } from '../../../api/generated/types/certificates-v1beta1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldInvalid, fieldTooLong } from '../../../api/meta/field-errors.ts'
import { byteLength } from '../../../api/meta/go-text.ts'
import { nameIsDNSSubdomain } from '../../../api/meta/names.ts'
import { immutable, invalidAll } from '../validation/common.ts'
import { type PemBlock, pemBlocks } from '../../../api/meta/pem.ts'
import { signerName } from './signer-name.ts'

const maxSize = 1024 * 1024
const path = 'spec.trustBundle'

export function* validateBundle({ metadata, spec }: ClusterTrustBundle): Generator<FieldError> {
  yield* nameErrors(metadata.name ?? '', spec?.signerName ?? '')
  if (spec?.signerName) yield* signerName('spec.signerName', spec.signerName)
  yield* anchorErrors(spec?.trustBundle ?? '')
}

/** Anchors that stay as they are are not read again: how strictly that is done may change between releases. */
export function* validateBundleUpdate(bundle: ClusterTrustBundle, old: ClusterTrustBundle): Generator<FieldError> {
  yield* nameErrors(bundle.metadata.name ?? '', bundle.spec?.signerName ?? '')
  if (bundle.spec?.signerName) yield* signerName('spec.signerName', bundle.spec.signerName)
  if (bundle.spec?.trustBundle !== old.spec?.trustBundle) yield* anchorErrors(bundle.spec?.trustBundle ?? '')
  yield* immutable('spec.signerName', bundle.spec?.signerName ?? '', old.spec?.signerName ?? '')
}

function* nameErrors(name: string, signer: string): Generator<FieldError> {
  if (name === '') return
  const prefix = `${signer.replaceAll('/', ':')}:`
  if (signer === '') {
    if (name.includes(':')) yield fieldInvalid('metadata.name', name, 'ClusterTrustBundle without signer name must not have ":" in its name')
    else yield* invalidAll('metadata.name', name, nameIsDNSSubdomain(name, false))
  } else if (!name.startsWith(prefix)) yield fieldInvalid('metadata.name', name, `ClusterTrustBundle for signerName ${signer} must be named with prefix ${prefix}`)
  else yield* invalidAll('metadata.name', name, nameIsDNSSubdomain(name.slice(prefix.length), false))
}

function anchorProblem({ label, hasHeaders, bytes }: PemBlock): string | undefined {
  if (label !== 'CERTIFICATE') return `has bad block type: ${label}`
  if (hasHeaders) return 'has PEM block headers'
  try {
    return new X509Certificate(bytes).ca ? undefined : 'does not have the CA bit set'
  } catch {
    return 'does not parse as X.509'
  }
}

function* anchorErrors(text: string): Generator<FieldError> {
  if (byteLength(text) > maxSize) {
    yield fieldTooLong(path, maxSize)
    return
  }
  const blocks = pemBlocks(text)
  const problems = blocks.flatMap((block, i) => {
    const problem = anchorProblem(block)
    return problem === undefined ? [] : [`entry ${i} ${problem}`]
  })
  yield* invalidAll(path, '<value omitted>', problems)
  if (problems.length > 0) return
  if (blocks.length === 0) yield fieldInvalid(path, '<value omitted>', 'at least one trust anchor must be provided')
  const same = Map.groupBy(blocks.keys(), (i) => blocks[i]!.bytes.toString('base64'))
  for (const indices of same.values()) {
    if (indices.length > 1) yield fieldInvalid(path, '<value omitted>', `duplicate trust anchor (indices [${indices.join(' ')}])`)
  }
}
