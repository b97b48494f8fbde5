/** Frames of SPDY/3.1 as the runtimes' streaming servers speak it (moby/spdystream: no flow control). Pure. */

const words = `options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow
authorization cache-control connection content-base content-encoding content-language content-length content-location content-md5
content-range content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since
last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer
transfer-encoding upgrade user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public
set-cookie keep-alive origin`.split(/[ \n]+/).map((word) => word.replace('_', ' '))

const tail = '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative ' +
  'Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server ' +
  'Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, ' +
  'Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,' +
  'text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.'

/** What both ends know before the first header block (the protocol's section 2.6.10.1). */
export const headerDictionary: Buffer = Buffer.concat([...words.flatMap((word) => [uint32(word.length), Buffer.from(word)]), Buffer.from(tail)])

export const frameType = { data: 0, synStream: 1, synReply: 2, reset: 3, settings: 4, ping: 6, goAway: 7, headers: 8, windowUpdate: 9 } as const

export const finFlag = 1

export interface Frame {
  readonly type: number
  readonly flags: number
  /** 0 for frames of the connection. */
  readonly streamId: number
  readonly payload: Buffer
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32BE(value >>> 0)
  return buffer
}

function controlFrame(type: number, flags: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt16BE(0x8003, 0)
  header.writeUInt16BE(type, 2)
  header.writeUInt32BE(payload.length, 4)
  header[4] = flags
  return Buffer.concat([header, payload])
}

/** Names and values before they are compressed. */
export function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(headers)
  const field = (text: string) => [uint32(Buffer.byteLength(text)), Buffer.from(text)]
  return Buffer.concat([uint32(entries.length), ...entries.flatMap(([name, value]) => [...field(name.toLowerCase()), ...field(value)])])
}

export function synStreamFrame(streamId: number, compressedHeaders: Buffer): Buffer {
  return controlFrame(frameType.synStream, 0, Buffer.concat([uint32(streamId), uint32(0), Buffer.alloc(2), compressedHeaders]))
}

export function resetFrame(streamId: number, status: number): Buffer {
  return controlFrame(frameType.reset, 0, Buffer.concat([uint32(streamId), uint32(status)]))
}

export function pingFrame(id: Buffer): Buffer {
  return controlFrame(frameType.ping, 0, id)
}

export function dataFrame(streamId: number, data: Uint8Array, fin: boolean): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt32BE(streamId, 0)
  header.writeUInt32BE(data.length, 4)
  header[4] = fin ? finFlag : 0
  return Buffer.concat([header, data])
}

/** Cuts frames out of bytes as they come; answers what is left. */
export function takeFrames(buffer: Buffer): { frames: Frame[]; rest: Buffer } {
  const frames: Frame[] = []
  let at = 0
  while (buffer.length - at >= 8) {
    const control = (buffer[at]! & 0x80) !== 0
    const length = buffer.readUIntBE(at + 5, 3)
    if (buffer.length - at < 8 + length) break
    const payload = buffer.subarray(at + 8, at + 8 + length)
    const type = control ? buffer.readUInt16BE(at + 2) : frameType.data
    const ofStream = control && type !== frameType.ping && type !== frameType.settings && type !== frameType.goAway && length >= 4
    const streamId = control ? (ofStream ? payload.readUInt32BE(0) & 0x7fffffff : 0) : buffer.readUInt32BE(at) & 0x7fffffff
    frames.push({ type, flags: buffer[at + 4]!, streamId, payload })
    at += 8 + length
  }
  return { frames, rest: buffer.subarray(at) }
}
