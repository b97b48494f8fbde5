/** Signed tokens: compact JWS with RS256 and ES256, by node:crypto (a library would cost four times as much a request). */
import { type KeyObject, constants, createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { signEcdsa } from '../../base/ecdsa.ts'

export interface Claims {
  iss?: string
  sub?: string
  aud?: string | string[]
  exp?: number
  iat?: number
  nbf?: number
  jti?: string
  [claim: string]: unknown
}

export interface SigningKey {
  readonly key: KeyObject
  readonly id: string
  readonly algorithm: Algorithm
}

export interface VerifyingKey {
  readonly key: KeyObject
  readonly id: string
  readonly algorithm: Algorithm
}

type Algorithm = 'RS256' | 'ES256' | 'ES384' | 'ES512'

const digests: Readonly<Record<Algorithm, string>> = { RS256: 'sha256', ES256: 'sha256', ES384: 'sha384', ES512: 'sha512' }
const curveAlgorithms: Readonly<Record<string, Algorithm>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }

function algorithmOf(key: KeyObject): Algorithm {
  if (key.asymmetricKeyType === 'rsa') return 'RS256'
  const algorithm = curveAlgorithms[key.asymmetricKeyDetails?.namedCurve ?? '']
  if (algorithm === undefined) throw new Error('unknown private key type, must be *rsa.PrivateKey, *ecdsa.PrivateKey, or jose.OpaqueSigner')
  return algorithm
}

/** The key id that upstream computes: the hash of the public key's DER, in URL-safe base64. */
export function keyId(publicKey: KeyObject): string {
  return createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64url')
}

/** From PEM. Throws on anything but an RSA or EC private key. */
export function signingKey(pem: string): SigningKey {
  const key = createPrivateKey(pem)
  return { key, id: keyId(createPublicKey(key)), algorithm: algorithmOf(key) }
}

/** Every key in a PEM file, public or private. */
export function verifyingKeys(pem: string): VerifyingKey[] {
  const blocks = pem.match(/-----BEGIN [A-Z ]+-----[\s\S]*?-----END [A-Z ]+-----/g) ?? []
  return blocks.filter((block) => !block.includes('EC PARAMETERS')).map((block) => {
    const key = createPublicKey(block)
    return { key, id: keyId(key), algorithm: algorithmOf(key) }
  })
}

export function signToken(key: SigningKey, claims: Claims): string {
  const head = Buffer.from(JSON.stringify({ alg: key.algorithm, kid: key.id })).toString('base64url')
  const text = `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
  const signature = key.algorithm === 'ES256'
    ? signEcdsa(Buffer.from(text), key.key, 'ieee-p1363')
    : sign(digests[key.algorithm], Buffer.from(text), signatureOptions(key.key))
  return `${text}.${signature.toString('base64url')}`
}

/** JWS wants raw r and s, not DER. */
function signatureOptions(key: KeyObject): { key: KeyObject; dsaEncoding: 'ieee-p1363' } | { key: KeyObject; padding: number } {
  return key.asymmetricKeyType === 'rsa' ? { key, padding: constants.RSA_PKCS1_PADDING } : { key, dsaEncoding: 'ieee-p1363' }
}

/** The claims of a compact token, unverified; undefined when it is no JWT. */
export function peekClaims(token: string): Claims | undefined {
  const parts = token.split('.')
  if (parts.length !== 3) return undefined
  return parseObject(parts[1]!)
}

/** Whether one of the keys made the signature. The algorithm is the key's, never the token's own choice. */
export function verifySignature(token: string, keys: readonly VerifyingKey[]): boolean {
  const parts = token.split('.')
  if (parts.length !== 3) return false
  const head = parseObject(parts[0]!)
  if (head === undefined) return false
  const signed = Buffer.from(`${parts[0]}.${parts[1]}`)
  const signature = Buffer.from(parts[2]!, 'base64url')
  const named = typeof head['kid'] === 'string' ? keys.filter((key) => key.id === head['kid']) : []
  const candidates = named.length > 0 ? named : keys
  return candidates.some((key) => key.algorithm === head['alg'] && verify(digests[key.algorithm], signed, signatureOptions(key.key), signature))
}

function parseObject(base64: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(base64, 'base64url').toString('utf8'))
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Claims) : undefined
  } catch {
    return undefined
  }
}

/** The document of /openid/v1/jwks. */
export function jsonWebKeys(keys: readonly VerifyingKey[]): { keys: object[] } {
  return { keys: keys.map(({ key, id, algorithm }) => ({ use: 'sig', kid: id, alg: algorithm, ...publicJwk(key) })) }
}

function publicJwk(key: KeyObject): object {
  const { kty, n, e, crv, x, y } = key.export({ format: 'jwk' })
  return kty === 'RSA' ? { kty, n, e } : { kty, crv, x, y }
}
