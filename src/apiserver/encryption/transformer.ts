/** Values on their way into the store and out of it (upstream: storage/value/transformer.go). */
import type { Cipher, ProviderName } from './providers.ts'

/** One key of one provider, as its prefix in the store names it; without one: bytes as they are. */
export interface NamedCipher {
  /** "k8s:enc:aescbc:v1:key1:"; '' for identity. */
  readonly prefix: string
  /** Absent for identity. */
  readonly cipher?: Cipher
  /** Whether what it sealed would be sealed otherwise now; absent: never. */
  isStale?(sealed: Uint8Array): boolean
}

export interface ValueTransformer {
  toStorage(plain: Uint8Array, key: string): Buffer
  /** Throws for what none of the keys can read. */
  fromStorage(stored: Uint8Array, key: string): Uint8Array
  /** Whether it was written by another key than the one that writes. */
  isStale(stored: Uint8Array): boolean
}

const encrypted = Buffer.from('k8s:enc:')

export function prefixOf(provider: ProviderName, keyName: string): string {
  return `k8s:enc:${provider}:v1:${keyName}:`
}

/** The first writes; each reads what begins with its prefix. */
export function createTransformer(ciphers: readonly NamedCipher[]): ValueTransformer {
  const known = ciphers.map((one) => ({ prefix: Buffer.from(one.prefix), cipher: one.cipher, isStale: one.isStale }))
  const first = known[0]!
  return {
    toStorage: (plain, key) => (first.cipher === undefined ? Buffer.from(plain) : Buffer.concat([first.prefix, first.cipher.seal(plain, key)])),
    fromStorage(stored, key) {
      for (const { prefix, cipher } of known) {
        if (cipher === undefined) {
          // Identity before others: what they wrote is theirs to read.
          if (!startsWith(stored, encrypted)) return stored
        } else if (startsWith(stored, prefix)) return cipher.open(stored.subarray(prefix.length), key)
      }
      throw new Error(known.some(({ cipher }) => cipher === undefined) ? 'identity transformer tried to read encrypted data' : 'no matching prefix found')
    },
    isStale(stored) {
      if (first.cipher === undefined) return startsWith(stored, encrypted)
      return !startsWith(stored, first.prefix) || first.isStale?.(stored.subarray(first.prefix.length)) === true
    },
  }
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && prefix.every((byte, i) => bytes[i] === byte)
}
