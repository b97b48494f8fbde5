/** How values lie encrypted in the store: upstream's providers in its own bytes (apiserver/pkg/storage/value/encrypt). */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js'

/** Bytes of a given length that nobody can foresee. */
export type RandomBytes = (length: number) => Uint8Array

/** One key of a provider. `data`: what the value is bound to, the key under which it lies. Both throw for what they cannot do. */
export interface Cipher {
  seal(plain: Uint8Array, data: string): Buffer
  open(sealed: Uint8Array, data: string): Buffer
}

export type ProviderName = 'aesgcm' | 'aescbc' | 'secretbox'

const tooShort = 'the stored data was shorter than the required size'

function split(sealed: Uint8Array, length: number): [Uint8Array, Uint8Array] {
  if (sealed.length < length) throw new Error(tooShort)
  return [sealed.subarray(0, length), sealed.subarray(length)]
}

const nonceBytes = 12
const tagBytes = 16

function gcm(key: Uint8Array, random: RandomBytes): Cipher {
  const name = `aes-${key.length * 8}-gcm` as 'aes-256-gcm'
  return {
    seal(plain, data) {
      const nonce = random(nonceBytes)
      const cipher = createCipheriv(name, key, nonce).setAAD(Buffer.from(data))
      return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    },
    open(sealed, data) {
      const [nonce, rest] = split(sealed, nonceBytes)
      if (rest.length < tagBytes) throw new Error('cipher: message authentication failed')
      const decipher = createDecipheriv(name, key, nonce).setAAD(Buffer.from(data)).setAuthTag(rest.subarray(rest.length - tagBytes))
      try {
        return Buffer.concat([decipher.update(rest.subarray(0, rest.length - tagBytes)), decipher.final()])
      } catch (error) {
        throw new Error('cipher: message authentication failed', { cause: error })
      }
    },
  }
}

const blockBytes = 16

function cbc(key: Uint8Array, random: RandomBytes): Cipher {
  const name = `aes-${key.length * 8}-cbc`
  return {
    seal(plain) {
      const iv = random(blockBytes)
      const cipher = createCipheriv(name, key, iv)
      return Buffer.concat([iv, cipher.update(plain), cipher.final()])
    },
    open(sealed) {
      const [iv, rest] = split(sealed, blockBytes)
      if (rest.length % blockBytes !== 0) throw new Error('the stored data is not a multiple of the block size')
      const decipher = createDecipheriv(name, key, iv)
      try {
        return Buffer.concat([decipher.update(rest), decipher.final()])
      } catch (error) {
        throw new Error('invalid padding on input', { cause: error })
      }
    },
  }
}

const boxNonceBytes = 24

function secretbox(key: Uint8Array, random: RandomBytes): Cipher {
  return {
    seal(plain) {
      const nonce = random(boxNonceBytes)
      return Buffer.concat([nonce, xsalsa20poly1305(key, nonce).encrypt(plain)])
    },
    open(sealed) {
      const [nonce, rest] = split(sealed, boxNonceBytes)
      try {
        return Buffer.from(xsalsa20poly1305(key, nonce).decrypt(rest))
      } catch (error) {
        throw new Error('output array was not large enough for encryption', { cause: error })
      }
    },
  }
}

/** By the names in EncryptionConfiguration. */
export const providers: Readonly<Record<ProviderName, { readonly create: (key: Uint8Array, random: RandomBytes) => Cipher; readonly keyBytes: readonly number[] }>> = {
  aesgcm: { create: gcm, keyBytes: [16, 24, 32] },
  aescbc: { create: cbc, keyBytes: [16, 24, 32] },
  secretbox: { create: secretbox, keyBytes: [32] },
}
