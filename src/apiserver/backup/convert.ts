/** Values on their way between our store and etcd: what etcd is given has upstream's form. */
import { canEncodeProtobuf, encodeProtobuf, isProtobuf } from '../../api/codec/protobuf.ts'
import type { KubeObject } from '../../api/meta/object.ts'

/** Kinds that upstream keeps as JSON although they have a protobuf form. */
const keptAsJson = ['/registry/apiextensions.k8s.io/', '/registry/apiregistration.k8s.io/']

/** The value as kube-apiserver would have stored it. What is no object is left as it is. */
export function upstreamValue(key: string, value: Uint8Array): Uint8Array {
  if (isProtobuf(value)) return value
  let object: KubeObject
  try {
    object = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()) as KubeObject
  } catch {
    return value
  }
  if (typeof object !== 'object' || object === null || typeof object.metadata !== 'object') return value
  // The revision of the key says it.
  const { resourceVersion: _, ...metadata } = object.metadata
  const stored = { ...object, metadata }
  const gvk = { apiVersion: object.apiVersion ?? '', kind: object.kind ?? '' }
  const json = keptAsJson.some((prefix) => key.startsWith(prefix)) || !canEncodeProtobuf(gvk)
  return json ? Buffer.from(JSON.stringify(stored)) : encodeProtobuf(stored, gvk)
}
