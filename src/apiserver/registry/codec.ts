/** How objects become the store's bytes. Chosen per server: JSON for memory and lmdb, upstream's protobuf for etcd. Both read both. */
import { canEncodeProtobuf, decodeProtobuf, encodeProtobuf, isProtobuf } from '../../api/codec/protobuf.ts'
import { ownBytes } from '../../api/meta/encodings.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import type { EncryptionHolder } from '../encryption/configuration.ts'
import type { ResourceDefinition } from '../resources/define.ts'

export interface StorageCodec {
  readonly name: string
  /** The stored bytes are the object's JSON as clients get it, with its resourceVersion: one buffer serves both. */
  wireJson(definition: ResourceDefinition): boolean
  /** `key`: the whole key under which the bytes will lie. */
  encode(definition: ResourceDefinition, object: KubeObject, key: string): Buffer
  /** The object in the definition's version. Throws on bytes that are not one. */
  decode(definition: ResourceDefinition, bytes: Uint8Array, key: string): KubeObject
  /** Whether the bytes would be others if the object were written now, for another reason than the object itself. */
  isStale?(definition: ResourceDefinition, bytes: Uint8Array): boolean
  /** Values up to this revision may be stale whatever was said of them when they were read. */
  staleUpTo?(): number
}

/** The codec with values encrypted of the resources that `encryption` names; it is asked anew for each value. */
export function encryptingCodec(inner: StorageCodec, encryption: EncryptionHolder): StorageCodec {
  const transformer = ({ group, resource }: ResourceDefinition) => encryption.current.transformerOf(group, resource)
  return {
    name: inner.name,
    wireJson: (definition) => transformer(definition) === undefined && inner.wireJson(definition),
    encode(definition, object, key) {
      const bytes = inner.encode(definition, object, key)
      return transformer(definition)?.toStorage(bytes, key) ?? bytes
    },
    decode: (definition, bytes, key) => inner.decode(definition, transformer(definition)?.fromStorage(bytes, key) ?? bytes, key),
    isStale: (definition, bytes) => transformer(definition)?.isStale(bytes) === true,
    staleUpTo: () => encryption.changedAt,
  }
}

export const jsonCodec: StorageCodec = {
  name: 'json',
  wireJson: () => true,
  encode: (_definition, object) => ownBytes(JSON.stringify(object)),
  decode: (_definition, bytes) => decoded(bytes),
}

/** Upstream's form in etcd: protobuf with its envelope where the kind has one, else JSON. */
export const protobufCodec: StorageCodec = {
  name: 'protobuf',
  wireJson: () => false,
  encode(definition, object) {
    const gvk = { apiVersion: object.apiVersion ?? '', kind: object.kind ?? '' }
    return definition.storedAs !== 'json' && canEncodeProtobuf(gvk) ? encodeProtobuf(object, gvk) : ownBytes(JSON.stringify(object))
  },
  decode: (_definition, bytes) => decoded(bytes),
}

const decoded = (bytes: Uint8Array): KubeObject => (isProtobuf(bytes) ? decodeProtobuf(bytes) : fromJson(bytes))

function fromJson(bytes: Uint8Array): KubeObject {
  const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
  if (typeof value !== 'object' || value === null || !('metadata' in value)) throw new Error('the stored value is not an object')
  return value as KubeObject
}
