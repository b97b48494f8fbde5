/**
 * The short hash in pod-template-hash and controller-revision-hash labels. Upstream hashes a dump of Go memory; clients
 * only see that equal templates have equal hashes and that the alphabet is safe, so this hashes canonical JSON.
 */
import { compareText } from '../meta/go-text.ts'

const alphabet = 'bcdfghjklmnpqrstvwxz2456789'

/** FNV-1a with 32 bits over bytes. */
export function fnv32a(bytes: Uint8Array, seed = 0x811c9dc5): number {
  let hash = seed
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return hash >>> 0
}

/** Text in an alphabet without vowels and without digits that look like letters. */
export function safeEncode(text: string): string {
  let out = ''
  for (const char of text) out += alphabet[char.codePointAt(0)! % alphabet.length]
  return out
}

/** JSON with sorted keys and without absent values: equal content gives equal text. */
export function canonicalJSON(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonicalJSON).join(',')}]`
  const entries = Object.entries(value).filter(([, item]) => item !== undefined && item !== null)
  entries.sort(([a], [b]) => compareText(a, b))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJSON(item)}`).join(',')}}`
}

/** The hash of a template; `collisionCount` makes another one after a clash of names. */
export function templateHash(template: unknown, collisionCount?: number): string {
  let hash = fnv32a(Buffer.from(canonicalJSON(template)))
  if (collisionCount !== undefined) {
    const bytes = Buffer.alloc(8)
    bytes.writeUInt32LE(collisionCount >>> 0)
    hash = fnv32a(bytes, hash)
  }
  return safeEncode(String(hash))
}
