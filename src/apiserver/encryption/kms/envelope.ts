/**
 * What a value looks like that is encrypted with the help of a key management service: upstream's EncryptedObject in
 * protobuf (apiserver/pkg/storage/value/encrypt/envelope/kmsv2, KEP-3299).
 */
import { createHash, createHmac } from 'node:crypto'
import { type Cipher, type RandomBytes, providers } from '../providers.ts'

/** By what a value is encrypted: a seed, which lies encrypted by the service beside the value. */
export interface Envelope {
  readonly keyID: string
  readonly encryptedSource: Uint8Array
  readonly annotations: Readonly<Record<string, Uint8Array>>
  readonly sourceType: number
}

export interface EncryptedObject extends Envelope {
  readonly data: Uint8Array
}

/** The source is the AES key itself; old servers wrote so. */
const keySource = 0
/** The source is a seed, of which each value's key is derived. */
export const seedSource = 1
export const seedBytes = 32
const infoBytes = 32
const maxKeyID = 1024
const maxSource = 1024
const maxAnnotations = 32 * 1024

/** Throws an Error for what upstream refuses too. */
export function validateEnvelope({ keyID, encryptedSource, annotations, sourceType }: Envelope): void {
  if (sourceType !== keySource && sourceType !== seedSource) throw new Error(`unknown encryptedDEKSourceType: ${sourceType}`)
  if (encryptedSource.length === 0) throw new Error('failed to validate encrypted DEK source: encrypted DEK source is empty')
  if (encryptedSource.length > maxSource) {
    throw new Error(`failed to validate encrypted DEK source: encrypted DEK source is ${encryptedSource.length} bytes, which exceeds the max size of ${maxSource}`)
  }
  const wrongKey = whyBadKeyID(keyID)
  if (wrongKey !== undefined) throw new Error(`failed to validate key id: ${wrongKey}`)
  let size = 0
  for (const [name, value] of Object.entries(annotations)) {
    if (!/^(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(name) || name.length > 253) {
      throw new Error(`failed to validate annotations: annotations: Invalid value: ${JSON.stringify(name)}: should be a domain with at least two segments separated by dots`)
    }
    size += Buffer.byteLength(name) + value.length
  }
  if (size > maxAnnotations) throw new Error(`failed to validate annotations: total size of annotations is ${size}, which exceeds the max size of ${maxAnnotations}`)
}

/** What is wrong with a key's name; undefined: nothing. */
export function whyBadKeyID(keyID: string): string | undefined {
  const length = Buffer.byteLength(keyID)
  if (length === 0) return 'keyID is empty'
  return length > maxKeyID ? `keyID is ${length} bytes, which exceeds the max size of ${maxKeyID}` : undefined
}

/** "sha256:…" of a key's name, by which messages speak of it. */
export const hashOf = (keyID: string): string => (keyID === '' ? '' : `sha256:${createHash('sha256').update(keyID).digest('hex')}`)

/** Equal for envelopes of one source. */
export function sourceKey({ keyID, encryptedSource, annotations, sourceType }: Envelope): string {
  const notes = Object.keys(annotations).toSorted().map((name) => [name, Buffer.from(annotations[name]!).toString('base64')])
  return JSON.stringify([sourceType, Buffer.from(encryptedSource).toString('base64'), keyID, notes])
}

/** The cipher of a source that the service has decrypted. Throws for a source of a wrong length. */
export function cipherOf(source: Uint8Array, sourceType: number, random: RandomBytes): Cipher {
  if (sourceType === keySource) {
    if (!providers.aesgcm.keyBytes.includes(source.length)) throw new Error(`crypto/aes: invalid key size ${source.length}`)
    return providers.aesgcm.create(source, random)
  }
  if (source.length < seedBytes) throw new Error(`invalid seed length ${source.length} used for key generation`)
  // One block of HKDF's second step (RFC 5869): as long as the key that is wanted.
  const derived = (info: Uint8Array): Cipher => providers.aesgcm.create(createHmac('sha256', source).update(info).update(Buffer.of(1)).digest(), random)
  return {
    seal(plain, data) {
      const info = random(infoBytes)
      return Buffer.concat([info, derived(info).seal(plain, data)])
    },
    open(sealed, data) {
      if (sealed.length < infoBytes) throw new Error('the stored data was shorter than the required size')
      return derived(sealed.subarray(0, infoBytes)).open(sealed.subarray(infoBytes), data)
    },
  }
}

/** In protobuf. Throws for what is no valid object. */
export function encodeEncrypted(object: EncryptedObject): Buffer {
  validateEnvelope(object)
  return Buffer.concat([
    ...field(1, object.data), ...field(2, Buffer.from(object.keyID)), ...field(3, object.encryptedSource),
    ...Object.entries(object.annotations).flatMap(([name, value]) => field(4, Buffer.concat([...field(1, Buffer.from(name)), ...field(2, value)]))),
    ...(object.sourceType === 0 ? [] : [Buffer.of(5 << 3), varint(object.sourceType)]),
  ])
}

/** Throws for bytes that are none, or no valid one. */
export function decodeEncrypted(bytes: Uint8Array): EncryptedObject {
  let data: Uint8Array = Buffer.alloc(0), keyID = '', encryptedSource: Uint8Array = Buffer.alloc(0), sourceType = 0
  const annotations: Record<string, Uint8Array> = {}
  for (const { number, value } of fields(bytes)) {
    if (number === 5 && typeof value === 'number') sourceType = value
    else if (typeof value === 'number') continue
    else if (number === 1) data = value
    else if (number === 2) keyID = Buffer.from(value).toString()
    else if (number === 3) encryptedSource = value
    else if (number === 4) {
      const entry = new Map([...fields(value)].map((part) => [part.number, part.value]))
      annotations[Buffer.from((entry.get(1) as Uint8Array | undefined) ?? []).toString()] = Buffer.from((entry.get(2) as Uint8Array | undefined) ?? [])
    }
  }
  if (data.length === 0) throw new Error('encrypted data is empty')
  const object = { data, keyID, encryptedSource, annotations, sourceType }
  validateEnvelope(object)
  return object
}

function field(number: number, value: Uint8Array): Uint8Array[] {
  return value.length === 0 ? [] : [Buffer.of((number << 3) | 2), varint(value.length), value]
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128)
  return Buffer.of(...bytes, value)
}

function* fields(bytes: Uint8Array): Generator<{ number: number; value: number | Uint8Array }> {
  let at = 0
  const read = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++]
      if (byte === undefined || factor > 2 ** 49) throw new Error('unexpected EOF')
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const tag = read()
    const wire = tag & 7
    if (wire === 0) yield { number: tag >>> 3, value: read() }
    else if (wire === 2) {
      const length = read()
      if (at + length > bytes.length) throw new Error('unexpected EOF')
      yield { number: tag >>> 3, value: bytes.subarray(at, at + length) }
      at += length
    } else throw new Error(`proto: illegal wireType ${wire}`)
  }
}
