/** How objects become the store's bytes. Chosen per server: JSON for memory and lmdb, upstream's protobuf for etcd. Both read both. */
import { canEncodeProtobuf, decodeProtobuf, encodeProtobuf, isProtobuf } from '../../api/codec/protobuf.ts'
import { ownBytes } from '../../api/meta/encodings.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import type { ResourceDefinition } from '../resources/define.ts'

export interface StorageCodec {
  readonly name: string
  /** The stored bytes are the object's JSON as clients get it, with its resourceVersion: one buffer serves both. */
  readonly wireJson: boolean
  encode(definition: ResourceDefinition, object: KubeObject): Buffer
  /** The object in the definition's version. Throws on bytes that are not one. */
  decode(definition: ResourceDefinition, bytes: Uint8Array): KubeObject
}

export const jsonCodec: StorageCodec = {
  name: 'json',
  wireJson: true,
  encode: (_definition, object) => ownBytes(JSON.stringify(object)),
  decode: (_definition, bytes) => decoded(bytes),
}

/** Upstream's form in etcd: protobuf with its envelope where the kind has one, else JSON. */
export const protobufCodec: StorageCodec = {
  name: 'protobuf',
  wireJson: false,
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
