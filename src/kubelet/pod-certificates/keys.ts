/** Keys of the kinds that a podCertificate projection may name, and the stub of a request that proves to have one. */
import { type KeyObject, generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { sequence } from '../../base/der.ts'
import { signedRequest } from '../certificates/request.ts'

const generate = promisify(generateKeyPair)

const kinds: Readonly<Record<string, () => Promise<{ privateKey: KeyObject }>>> = {
  RSA3072: () => generate('rsa', { modulusLength: 3072 }),
  RSA4096: () => generate('rsa', { modulusLength: 4096 }),
  ECDSAP256: () => generate('ec', { namedCurve: 'P-256' }),
  ECDSAP384: () => generate('ec', { namedCurve: 'P-384' }),
  ECDSAP521: () => generate('ec', { namedCurve: 'P-521' }),
  ED25519: () => generate('ed25519'),
}

/** A new key (PKCS #8, PEM) and a PKCS #10 request without a subject (DER) signed by it. Rejects with upstream's text. */
export async function newKeyAndStub(keyType: string): Promise<{ key: string; stub: Buffer }> {
  const kind = Object.hasOwn(kinds, keyType) ? kinds[keyType] : undefined
  if (kind === undefined) throw new Error(`while generating keypair: unknown key type ${JSON.stringify(keyType)}`)
  const { privateKey } = await kind()
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, stub: signedRequest(privateKey, sequence(), Buffer.alloc(0)) }
}
