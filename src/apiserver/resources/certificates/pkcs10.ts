/** Certificate signing requests (PKCS#10) as validation needs them: whose key, and whether its holder signed (Go's crypto/x509). */
import { type KeyObject, constants, createPublicKey, verify } from 'node:crypto'
import { children, read } from '../../../base/der.ts'
import { type PemBlock, pemBlocks } from '../../../api/meta/pem.ts'

export interface SigningRequest {
  readonly key: KeyObject
  /** Whether the request is signed with its own key. */
  isSigned(): boolean
}

/** The DER bytes inside the first PEM block, or what is wrong in upstream's words. */
export function requestBytes(pem: Buffer): Buffer | { readonly problem: string } {
  const block = firstBlock(pem.toString('latin1'))
  return block === undefined || (block.label !== 'CERTIFICATE REQUEST' && block.label !== 'NEW CERTIFICATE REQUEST')
    ? { problem: 'PEM block type must be CERTIFICATE REQUEST' } : block.bytes
}

const firstBlock = (text: string): PemBlock | undefined => pemBlocks(text)[0]

const hashes: Readonly<Record<string, string>> = {
  '2a864886f70d01010b': 'sha256', '2a864886f70d01010c': 'sha384', '2a864886f70d01010d': 'sha512', '2a864886f70d010105': 'sha1',
  '2a8648ce3d040302': 'sha256', '2a8648ce3d040303': 'sha384', '2a8648ce3d040304': 'sha512',
}
const pss = '2a864886f70d01010a'
const ed25519 = '2b6570'

/** Throws when the bytes are no request. */
export function parseSigningRequest(der: Buffer): SigningRequest {
  const outer = read(der)
  if (outer.tag !== 0x30 || outer.end !== der.length) throw new Error('asn1: structure error')
  const [info, algorithm, signature] = children(outer.content)
  const [, , spki] = children(info!.content)
  const key = createPublicKey({ key: spki!.whole, format: 'der', type: 'spki' })
  const oid = children(algorithm!.content)[0]!.content.toString('hex')
  return {
    key,
    isSigned() {
      const bytes = signature!.content.subarray(1)
      if (oid === ed25519) return verify(undefined, info!.whole, key, bytes)
      if (oid === pss) return ['sha256', 'sha384', 'sha512'].some((hash) => verify(hash, info!.whole, { key, padding: constants.RSA_PKCS1_PSS_PADDING }, bytes))
      return Object.hasOwn(hashes, oid) && verify(hashes[oid], info!.whole, key, bytes)
    },
  }
}
