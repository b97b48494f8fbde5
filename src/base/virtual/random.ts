import type { Random } from '../env.ts'

export interface SeededRandom extends Random {
  /** Goes on as this one would, and leaves it alone. */
  fork(): SeededRandom
}

/** Chance that repeats itself for a seed (xoshiro128**). Good enough for names and jitter, worthless for secrets. */
export function seededRandom(seed: number | string): SeededRandom {
  const random = from(spread(String(seed)))
  for (let i = 0; i < 8; i++) random.next()
  return random
}

type State = readonly [number, number, number, number]

function from(state: State): SeededRandom {
  let [a, b, c, d] = state
  const next32 = (): number => {
    const result = Math.imul(rotl(Math.imul(b, 5), 7), 9)
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = rotl(d, 11)
    return result >>> 0
  }
  const bytes = (length: number): Uint8Array => {
    const out = new Uint8Array(length)
    for (let i = 0; i < length; i += 4) {
      const word = next32()
      for (let j = 0; j < 4 && i + j < length; j++) out[i + j] = word >>> (8 * j)
    }
    return out
  }
  return {
    fork: () => from([a, b, c, d]),
    next: () => next32() / 0x1_0000_0000,
    int: (below) => Math.floor((next32() / 0x1_0000_0000) * below),
    bytes,
    uuid() {
      const raw = bytes(16)
      raw[6] = (raw[6]! & 0x0f) | 0x40
      raw[8] = (raw[8]! & 0x3f) | 0x80
      let hex = ''
      for (const byte of raw) hex += (byte < 16 ? '0' : '') + byte.toString(16)
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
    },
  }
}

/** Four words from a text (FNV-1a, then splitmix32). */
function spread(text: string): State {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  const word = (): number => {
    hash = (hash + 0x9e3779b9) | 0
    let z = hash
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) | 0
  }
  return [word(), word(), word(), word()]
}

function rotl(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k))
}
