/** A SPDY/3.1 connection to a runtime's streaming server. */
import type net from 'node:net'
import { constants, createDeflate } from 'node:zlib'
import { connectTo } from './relay.ts'
import { finFlag, frameType, dataFrame, headerBlock, headerDictionary, pingFrame, resetFrame, synStreamFrame, takeFrames } from './spdy-frames.ts'

export interface SpdyStream {
  write(data: Uint8Array): void
  /** No more comes from here. */
  end(): void
  reset(): void
}

export interface StreamHandlers {
  data(chunk: Buffer): void
  /** The server has said all. */
  end(): void
}

export interface SpdyConnection {
  /** What of the offered protocols the server took. */
  readonly protocol: string
  open(headers: Readonly<Record<string, string>>, handlers: StreamHandlers): Promise<SpdyStream>
  close(): void
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>
  /** Stops reading from the server, and goes on. */
  pause(): void
  resume(): void
}

const cancelStatus = 5

/** POSTs an upgrade to `url`. Rejects with the server's text when it does not upgrade. */
export async function connectSpdy(url: string, protocols: readonly string[]): Promise<SpdyConnection> {
  const { pathname, search, host } = new URL(url)
  const socket = connectTo(url)
  await new Promise<void>((resolve, reject) => socket.once(url.startsWith('https:') ? 'secureConnect' : 'connect', resolve).once('error', reject))
  socket.setNoDelay(true)
  const lines = [
    `POST ${pathname}${search} HTTP/1.1`, `Host: ${host}`, 'Connection: Upgrade', 'Upgrade: SPDY/3.1', 'Content-Length: 0',
    ...protocols.map((protocol) => `X-Stream-Protocol-Version: ${protocol}`),
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  const { head, rest } = await readHead(socket)
  if (!head.startsWith('HTTP/1.1 101 ')) {
    socket.destroy()
    throw new Error(`unable to upgrade connection: ${rest.toString('utf8').trim() || head.split('\r\n')[0]}`)
  }
  const protocol = /^x-stream-protocol-version: *(.*)$/im.exec(head)?.[1]?.trim() ?? ''
  return createConnection(socket, rest, protocol)
}

function readHead(socket: net.Socket): Promise<{ head: string; rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0)
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      const end = received.indexOf('\r\n\r\n')
      if (end < 0) return
      socket.off('data', onData)
      socket.pause()
      resolve({ head: received.subarray(0, end).toString('latin1'), rest: received.subarray(end + 4) })
    }
    socket.on('data', onData)
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the streaming server closed the connection')))
  })
}

function createConnection(socket: net.Socket, first: Buffer, protocol: string): SpdyConnection {
  const streams = new Map<number, StreamHandlers>()
  const compress = createHeaderCompressor()
  let nextId = 1
  let buffer = first
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>()

  function end(id: number): void {
    const handlers = streams.get(id)
    if (!streams.delete(id)) return
    handlers!.end()
  }

  function consume(chunk: Buffer): void {
    const { frames, rest } = takeFrames(Buffer.concat([buffer, chunk]))
    buffer = rest
    for (const { type, flags, streamId, payload } of frames) {
      if (type === frameType.data && payload.length > 0) streams.get(streamId)?.data(payload)
      else if (type === frameType.ping) socket.write(pingFrame(payload))
      if (type === frameType.reset || ((type === frameType.data || type === frameType.synReply) && (flags & finFlag) !== 0)) end(streamId)
    }
  }

  socket.on('error', () => socket.destroy())
  socket.once('close', () => {
    for (const id of streams.keys()) end(id)
    onClosed()
  })
  socket.on('data', consume)
  consume(Buffer.alloc(0))
  socket.resume()
  return {
    protocol, closed,
    async open(headers, handlers) {
      const id = nextId
      nextId += 2
      streams.set(id, handlers)
      socket.write(synStreamFrame(id, await compress(headerBlock(headers))))
      return {
        write: (data) => void socket.write(dataFrame(id, data, false)),
        end: () => void socket.write(dataFrame(id, Buffer.alloc(0), true)),
        reset: () => void socket.write(resetFrame(id, cancelStatus)),
      }
    },
    close: () => void socket.end(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
  }
}

/** Header blocks of a connection are one zlib stream; each ends at a flush. */
function createHeaderCompressor(): (block: Buffer) => Promise<Buffer> {
  const deflate = createDeflate({ dictionary: headerDictionary })
  let chunks: Buffer[] = []
  deflate.on('data', (chunk: Buffer) => chunks.push(chunk))
  let last: Promise<unknown> = Promise.resolve()
  return (block) => {
    const result = last.then(() => new Promise<Buffer>((resolve) => {
      chunks = []
      deflate.write(block)
      deflate.flush(constants.Z_SYNC_FLUSH, () => resolve(Buffer.concat(chunks)))
    }))
    last = result
    return result
  }
}
