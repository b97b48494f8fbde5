/**
 * EC keys that come from a seed, and signatures by them that are the same each time: for clusters whose history is to
 * repeat itself. Other keys sign as the system's library does it.
 */
import { type KeyObject, createECDH, createHash, createHmac, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import * as der from './der.ts'
import type { Random } from './env.ts'

const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
/** The secret numbers of keys made here, in base64url. */
const seeded = new Set<string>()

/** A P-256 key pair as PEM, the same for the same chance. Not a secret. */
export function seededKeys(random: Random): { privateKey: string; publicKey: string } {
  const d = bytesOf((numberOf(random.bytes(32)) % (order - 1n)) + 1n)
  const point = pointOf(d)
  const jwk = { kty: 'EC', crv: 'P-256', d: url(d), x: url(point.subarray(1, 33)), y: url(point.subarray(33)) }
  seeded.add(jwk.d)
  const key = createPrivateKey({ key: jwk, format: 'jwk' })
  return {
    privateKey: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    publicKey: createPublicKey(key).export({ type: 'spki', format: 'pem' }) as string,
  }
}

/** Whether the key came from a seed. */
export function isSeeded(key: KeyObject): boolean {
  return seeded.size > 0 && key.asymmetricKeyDetails?.namedCurve === 'prime256v1' && seeded.has(key.export({ format: 'jwk' }).d ?? '')
}

/** An ECDSA signature over SHA-256; the nonce of a seeded key follows from key and data (in the way of RFC 6979). */
export function signEcdsa(data: Uint8Array, key: KeyObject, encoding: 'der' | 'ieee-p1363' = 'der'): Buffer {
  if (!isSeeded(key)) return sign('sha256', data, { key, dsaEncoding: encoding })
  const secret = Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url')
  const hash = createHash('sha256').update(data).digest()
  const nonce = (numberOf(createHmac('sha256', secret).update(hash).digest()) % (order - 1n)) + 1n
  const r = numberOf(pointOf(bytesOf(nonce)).subarray(1, 33)) % order
  const s = (inverse(nonce) * ((numberOf(hash) + r * numberOf(secret)) % order)) % order
  return encoding === 'ieee-p1363' ? Buffer.concat([bytesOf(r), bytesOf(s)]) : der.sequence(derNumber(r), derNumber(s))
}

function pointOf(secret: Buffer): Buffer {
  const curve = createECDH('prime256v1')
  curve.setPrivateKey(secret)
  return curve.getPublicKey()
}

/** 1/a modulo the order of the curve (extended Euclid). */
function inverse(a: bigint): bigint {
  let [r0, r1, t0, t1] = [order, a, 0n, 1n]
  while (r1 !== 0n) {
    const q = r0 / r1
    ;[r0, r1, t0, t1] = [r1, r0 - q * r1, t1, t0 - q * t1]
  }
  return t0 < 0n ? t0 + order : t0
}

function derNumber(value: bigint): Buffer {
  const hex = value.toString(16)
  return der.integer(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'))
}

const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
const bytesOf = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex')
const url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
