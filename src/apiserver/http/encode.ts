/**
 * Objects and watch events as bytes. Stored objects keep their encodings (encodings.ts), so a list is a row of cached
 * buffers (list-body.ts) and a watch event is encoded once for all its watchers.
 */
import { encodeYaml } from '../../api/codec/yaml.ts'
import { encodeProtobuf, encodeProtobufRaw, encodeWatchEventProtobuf } from '../../api/codec/protobuf.ts'
import { ownBytes, ownConcat } from '../../api/meta/encodings.ts'
import type { KubeObject, ListMeta } from '../../api/meta/object.ts'
import type { Entry, ListResponse, WatchResponseEvent } from '../handler.ts'
import type { MediaType } from './negotiate.ts'

const newline = Buffer.from('\n')

/** The cached JSON of a stored object, without a newline. */
export function entryJson(entry: Entry): Buffer {
  return (entry.encodings.json ??= ownBytes(JSON.stringify(entry.object)))
}

/** The cached protobuf message with its envelope. */
export function entryProtobuf(entry: Entry): Buffer {
  return (entry.encodings.protobuf ??= encodeProtobuf(entry.object))
}

/** Bytes of any object in the negotiated format. Uses the entry's cache when there is one. */
export function encodeObject(object: object, mediaType: MediaType, pretty: boolean, entry?: Entry): Buffer {
  switch (mediaType) {
    case 'application/json':
      if (pretty) return Buffer.from(JSON.stringify(object, null, 2))
      if (entry !== undefined) return entryJson(entry)
      return Buffer.from(JSON.stringify(object) + '\n')
    case 'application/yaml':
      return Buffer.from(encodeYaml(object))
    case 'application/vnd.kubernetes.protobuf':
      return entry !== undefined ? entryProtobuf(entry) : encodeProtobuf(object)
  }
}

/** The list as one value, for formats without a shortcut. */
export function listObject(list: ListResponse, typed = false): { kind: string; apiVersion: string; metadata: ListMeta; items: KubeObject[] } {
  return {
    kind: list.kind, apiVersion: list.apiVersion, metadata: list.metadata, items: list.items.map(({ object }) => (typed ? withoutKind(object) : object)),
  }
}

function withoutKind({ apiVersion: _, kind: __, ...rest }: KubeObject): KubeObject {
  return rest as KubeObject
}

/** The cached bare message, as lists hold it. */
export function entryProtobufRaw({ encodings, object }: Entry): Buffer {
  return (encodings.protobufRaw ??= encodeProtobufRaw(object, { apiVersion: object.apiVersion ?? '', kind: object.kind ?? '' }))
}

/** One line of a JSON watch, cached on the stored object. */
export function watchFrameJson(event: WatchResponseEvent): Buffer {
  const { entry } = event
  const cached = entry?.encodings.watchJson?.[event.type]
  if (cached !== undefined) return cached
  const body = entry === undefined ? Buffer.from(JSON.stringify(event.object)) : entryJson(entry)
  const frame = jsonFrame(event.type, body)
  if (entry !== undefined) (entry.encodings.watchJson ??= {})[event.type] = frame
  return frame
}

export function jsonFrame(type: string, object: Buffer): Buffer {
  return ownConcat([Buffer.from(`{"type":"${type}","object":`), object, Buffer.from('}'), newline])
}

/** One protobuf watch frame, cached on the stored object. */
export function watchFrameProtobuf(event: WatchResponseEvent): Buffer {
  const { entry } = event
  const cached = entry?.encodings.watchProtobuf?.[event.type]
  if (cached !== undefined) return cached
  const frame = encodeWatchEventProtobuf(event.type, entry === undefined ? encodeProtobuf(event.object) : entryProtobuf(entry))
  if (entry !== undefined) (entry.encodings.watchProtobuf ??= {})[event.type] = frame
  return frame
}
