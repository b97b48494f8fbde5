/**
 * Objects, lists and watch events as bytes. Stored objects keep their encodings (encodings.ts), so a list is a
 * concatenation of cached buffers and a watch event is encoded once for all its watchers.
 */
import type { Status } from '../../api/meta/errors.ts'
import type { KubeObject, ListMeta } from '../../api/meta/object.ts'
import type { Entry, ListResponse, WatchResponseEvent } from '../handler.ts'
import type { MediaType } from './negotiate.ts'
import { encodeProtobuf, encodeProtobufMessage, encodeYaml } from './codecs.ts'

const newline = Buffer.from('\n')
const comma = Buffer.from(',')

/** The cached JSON of a stored object, without a newline. */
export function entryJson(entry: Entry): Buffer {
  return (entry.encodings.json ??= Buffer.from(JSON.stringify(entry.object)))
}

/** The cached protobuf message with its envelope. */
export function entryProtobuf(entry: Entry): Buffer {
  return (entry.encodings.protobuf ??= encodeProtobuf(entry.object))
}

/** Bytes of any object in the negotiated format. Uses the entry's cache when there is one. */
export function encodeObject(object: object, mediaType: MediaType, pretty: boolean, entry?: Entry): Buffer {
  switch (mediaType) {
    case 'application/json':
      if (pretty) return Buffer.from(JSON.stringify(object, null, 2) + '\n')
      if (entry !== undefined) return entryJson(entry)
      return Buffer.from(JSON.stringify(object) + '\n')
    case 'application/yaml':
      return Buffer.from(encodeYaml(object))
    case 'application/vnd.kubernetes.protobuf':
      return entry !== undefined ? entryProtobuf(entry) : encodeProtobuf(object as KubeObject | Status)
  }
}

/** Bytes of a list in the negotiated format. */
export function encodeList(list: ListResponse, mediaType: MediaType, pretty: boolean): Buffer {
  if (mediaType === 'application/json' && !pretty) return listJson(list)
  if (mediaType === 'application/vnd.kubernetes.protobuf') return listProtobuf(list)
  return encodeObject(listObject(list), mediaType, pretty)
}

/** The list as one value, for formats without a shortcut. */
export function listObject(list: ListResponse): { kind: string; apiVersion: string; metadata: ListMeta; items: KubeObject[] } {
  return {
    kind: list.kind, apiVersion: list.apiVersion, metadata: list.metadata, items: list.items.map((entry) => entry.object),
  }
}

function listJson(list: ListResponse): Buffer {
  const head = `{"kind":${JSON.stringify(list.kind)},"apiVersion":${JSON.stringify(list.apiVersion)},"metadata":${JSON.stringify(list.metadata)},"items":[`
  const chunks: Buffer[] = [Buffer.from(head)]
  let first = true
  for (const entry of list.items) {
    if (first) first = false
    else chunks.push(comma)
    chunks.push(entryJson(entry))
  }
  chunks.push(Buffer.from(']}\n'))
  return Buffer.concat(chunks)
}

/** runtime.Unknown around a list message whose items are the cached messages: metadata = 1, items = 2. */
function listProtobuf(list: ListResponse): Buffer {
  const chunks: Buffer[] = [lengthDelimited(1, listMetaProtobuf(list.metadata))]
  for (const entry of list.items) {
    const raw = (entry.encodings.protobufRaw ??= encodeProtobufMessage(entry.object))
    chunks.push(Buffer.concat([Buffer.from([0x12]), varint(raw.length)]), raw)
  }
  return protobufEnvelope(list.apiVersion, list.kind, Buffer.concat(chunks))
}

const magic = Buffer.from('k8s\0')
/** contentEncoding = 3 and contentType = 4, both empty: Go always writes them. */
const envelopeTail = Buffer.from([0x1a, 0x00, 0x22, 0x00])

/** "k8s\0" and runtime.Unknown: typeMeta = 1 {apiVersion = 1, kind = 2}, raw = 2. */
export function protobufEnvelope(apiVersion: string, kind: string, raw: Buffer): Buffer {
  const typeMeta = Buffer.concat([lengthDelimited(1, Buffer.from(apiVersion)), lengthDelimited(2, Buffer.from(kind))])
  return Buffer.concat([magic, lengthDelimited(1, typeMeta), Buffer.from([0x12]), varint(raw.length), raw, envelopeTail])
}

/** ListMeta: selfLink = 1, resourceVersion = 2, continue = 3, remainingItemCount = 4. */
function listMetaProtobuf(meta: ListMeta): Buffer {
  const parts = [
    lengthDelimited(1, Buffer.from(meta.selfLink ?? '')),
    lengthDelimited(2, Buffer.from(meta.resourceVersion ?? '')),
    lengthDelimited(3, Buffer.from(meta.continue ?? '')),
  ]
  if (meta.remainingItemCount !== undefined) parts.push(Buffer.from([0x20]), varint(meta.remainingItemCount))
  return Buffer.concat(parts)
}

function lengthDelimited(field: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2]), varint(value.length), value])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 128) | 0x80)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
  return Buffer.from(bytes)
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
  return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), object, Buffer.from('}'), newline])
}

/**
 * One protobuf watch frame: four bytes of length, then meta/v1 WatchEvent {type = 1, object = 2 {raw = 1}} without an
 * envelope of its own; the object inside has one.
 */
export function watchFrameProtobuf(event: WatchResponseEvent): Buffer {
  const { entry } = event
  const cached = entry?.encodings.watchProtobuf?.[event.type]
  if (cached !== undefined) return cached
  const body = entry === undefined ? encodeProtobuf(event.object) : entryProtobuf(entry)
  const frame = protobufFrame(event.type, body)
  if (entry !== undefined) (entry.encodings.watchProtobuf ??= {})[event.type] = frame
  return frame
}

export function protobufFrame(type: string, object: Buffer): Buffer {
  const message = Buffer.concat([lengthDelimited(1, Buffer.from(type)), lengthDelimited(2, lengthDelimited(1, object))])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(message.length)
  return Buffer.concat([length, message])
}
