/** Signatures of tokens by keys that somebody else publishes (RFC 7515, 7517, 7518: RS, PS and ES with 256, 384 and 512). */
import { type JsonWebKey as Jwk, type KeyObject, constants, createPublicKey, verify } from 'node:crypto'

export const signingAlgorithms = ['ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'] as const
export type SigningAlgorithm = (typeof signingAlgorithms)[number]

export interface PublishedKey {
  readonly id: string
  readonly key: KeyObject
}

const curves: Readonly<Record<string, string>> = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' }

/** The keys of a JWKS document that verify signatures; others are passed over. Throws on what is no such document. */
export function publishedKeys(document: unknown): PublishedKey[] {
  const { keys } = (document ?? {}) as { keys?: unknown }
  if (!Array.isArray(keys)) throw new Error('there are no keys')
  return (keys as (Jwk & { kid?: unknown; use?: unknown })[]).flatMap((jwk) => {
    if (jwk.kty !== 'RSA' && jwk.kty !== 'EC') return []
    return [{ id: typeof jwk.kid === 'string' ? jwk.kid : '', key: createPublicKey({ key: jwk, format: 'jwk' }) }]
  })
}

export interface ParsedToken {
  readonly algorithm: string
  readonly keyId: string
  readonly payload: Buffer
  /** What was signed. */
  readonly signed: Buffer
  readonly signature: Buffer
}

/** The parts of a compact token, unverified. Throws an Error in the words of upstream's library. */
export function parseToken(token: string): ParsedToken {
  const parts = token.split('.')
  if (parts.length !== 3) throw new Error('oidc: malformed jwt')
  const [head, body, signature] = parts as [string, string, string]
  if (![head, body, signature].every((part) => /^[\w-]*$/.test(part))) throw new Error('oidc: malformed jwt: illegal base64 data')
  let header: { alg?: unknown; kid?: unknown; crit?: unknown } | null
  try {
    header = JSON.parse(Buffer.from(head, 'base64url').toString('utf8')) as typeof header
  } catch {
    throw new Error('oidc: malformed jwt: square/go-jose: invalid header')
  }
  // Nothing critical is understood.
  if (header === null || typeof header !== 'object' || header.crit !== undefined) throw new Error('oidc: malformed jwt: square/go-jose: unsupported critical header')
  return {
    algorithm: typeof header.alg === 'string' ? header.alg : '', keyId: typeof header.kid === 'string' ? header.kid : '',
    payload: Buffer.from(body, 'base64url'), signed: Buffer.from(`${head}.${body}`), signature: Buffer.from(signature, 'base64url'),
  }
}

/** Whether a key made the signature, by the algorithm that the token names; the key must be of that algorithm's kind. */
export function verifiesToken({ algorithm, signed, signature }: ParsedToken, key: KeyObject): boolean {
  const digest = `sha${algorithm.slice(2)}`
  switch (algorithm.slice(0, 2)) {
    case 'RS': return key.asymmetricKeyType === 'rsa' && verify(digest, signed, { key, padding: constants.RSA_PKCS1_PADDING }, signature)
    case 'PS': return key.asymmetricKeyType === 'rsa' && verify(digest, signed, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO }, signature)
    case 'ES': return key.asymmetricKeyDetails?.namedCurve === curves[algorithm] && verify(digest, signed, { key, dsaEncoding: 'ieee-p1363' }, signature)
    default: return false
  }
}
