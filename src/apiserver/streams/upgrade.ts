/**
 * The proxy hop of a connection that changes its protocol: the client's request is repeated to the target, and once that
 * has answered, bytes go both ways as they are. WebSocket and SPDY alike.
 */
import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { badRequest, internalError } from '../../api/meta/errors.ts'
import type { ApiResponse } from '../handler.ts'
import { type HttpExchange, headerValues } from '../http/exchange.ts'
import { takeOver } from '../http/websocket.ts'
import { DialError, type Target, openConnection, targetAuthority, targetPath } from './target.ts'

const headersEnd = Buffer.from('\r\n\r\n')
const longestHead = 64 * 1024

export interface Head {
  readonly code: number
  readonly headers: Readonly<Record<string, string>>
  /** Status line and headers as they came, with the empty line. */
  readonly bytes: Buffer
  /** What came behind them. */
  readonly rest: Buffer
}

/** Joins the client's connection to the target's. Throws StatusErrors as long as the client can still be answered. */
export async function passUpgrade(exchange: HttpExchange, target: Target, signal: AbortSignal): Promise<ApiResponse> {
  const { upgrade } = exchange
  if (upgrade === undefined) throw badRequest('Upgrade request required')
  const backend = await dial(target, signal)
  backend.write(requestHead(exchange.method, target, upgradeHeaders(exchange, target)))
  const head = await readHead(backend)
  if (head.code !== 101) return refusedUpgrade(head, backend)
  takeOver(exchange)
  const { socket } = upgrade
  socket.write(head.bytes)
  join(socket, upgrade.head, backend, head.rest)
  return { type: 'taken-over' }
}

export async function dial(target: Target, signal: AbortSignal): Promise<Socket> {
  try {
    return await openConnection(target, signal)
  } catch (error) {
    if (error instanceof DialError) throw internalError(`error dialing backend: ${error.message}`)
    throw error
  }
}

function requestHead(method: string, target: Target, headers: readonly (readonly [string, string])[]): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}`)
  return [`${method} ${targetPath(target)} HTTP/1.1`, `Host: ${targetAuthority(target)}`, ...lines, '', ''].join('\r\n')
}

function upgradeHeaders(exchange: HttpExchange, { identity }: Target): [string, string][] {
  const headers: [string, string][] = []
  for (let i = 0; i + 1 < exchange.rawHeaders.length; i += 2) {
    const name = exchange.rawHeaders[i]!
    const lower = name.toLowerCase()
    // Identity was for this server; who may do what was decided here.
    if (lower === 'host' || lower === 'authorization' || lower.startsWith('impersonate-')) continue
    if (identity !== undefined && lower.startsWith('x-remote-')) continue
    if (lower === 'sec-websocket-protocol') {
      const protocols = headerValues(exchange, lower).flatMap((v) => v.split(',')).map((v) => v.trim())
        .filter((v) => !v.startsWith('base64url.bearer.authorization.k8s.io.'))
      if (protocols.length > 0 && !headers.some(([n]) => n.toLowerCase() === lower)) headers.push([name, protocols.join(', ')])
      continue
    }
    headers.push([name, exchange.rawHeaders[i + 1]!])
  }
  for (const [name, values] of Object.entries(identity ?? {})) for (const value of [values].flat()) headers.push([name, value])
  return headers
}

/** Reads up to the end of the headers. Rejects when the other side hangs up before. */
export function readHead(socket: Socket): Promise<Head> {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0)
    const done = (error: Error | undefined, head?: Head) => {
      socket.off('data', onData)
      socket.off('close', onClose)
      socket.off('error', onClose)
      if (head === undefined) {
        socket.destroy()
        reject(error!)
      } else {
        socket.pause()
        resolve(head)
      }
    }
    const onClose = () => done(internalError('error sending request: the backend closed the connection'))
    const onData = (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk])
      const end = seen.indexOf(headersEnd)
      if (end >= 0) done(undefined, parseHead(seen, end + headersEnd.length))
      else if (seen.length > longestHead) done(internalError('the backend sent too long headers'))
    }
    socket.on('data', onData)
    socket.on('close', onClose)
    socket.on('error', onClose)
  })
}

function parseHead(seen: Buffer, end: number): Head {
  const bytes = seen.subarray(0, end)
  const [status = '', ...lines] = bytes.toString('latin1').split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  return { code: Number(status.split(' ')[1] ?? 0), headers, bytes, rest: seen.subarray(end) }
}

const longestRefusal = 64 * 1024

/** The target would not upgrade: its answer is the client's. */
async function refusedUpgrade(head: Head, backend: Socket): Promise<ApiResponse> {
  const chunks: Buffer[] = [head.rest]
  const length = head.headers['content-length']
  const wanted = length === undefined ? longestRefusal : Math.min(Number(length), longestRefusal)
  let size = head.rest.length
  if (size < wanted) {
    for await (const chunk of backend as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      size += chunk.length
      if (size >= wanted) break
    }
  }
  backend.destroy()
  const type = head.headers['content-type']
  let body = Buffer.concat(chunks)
  if ((head.headers['transfer-encoding'] ?? '').includes('chunked')) body = unchunk(body)
  return { type: 'raw', code: head.code === 0 ? 502 : head.code, headers: type === undefined ? {} : { 'content-type': type }, body }
}

function unchunk(body: Buffer): Buffer<ArrayBuffer> {
  const parts: Buffer[] = []
  for (let at = 0; at < body.length;) {
    const lineEnd = body.indexOf('\r\n', at)
    if (lineEnd < 0) break
    const size = parseInt(body.toString('latin1', at, lineEnd), 16)
    if (!(size > 0)) break
    parts.push(body.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
  }
  return Buffer.concat(parts)
}

/** Bytes both ways until one side is through; half-closed connections stay open for what the other still sends. */
export function join(client: Duplex, fromClient: Buffer, backend: Duplex, fromBackend: Buffer): void {
  if (fromBackend.length > 0) client.write(fromBackend)
  if (fromClient.length > 0) backend.write(fromClient)
  const hangUp = () => {
    client.destroy()
    backend.destroy()
  }
  client.on('error', hangUp)
  backend.on('error', hangUp)
  client.on('close', () => backend.destroy())
  backend.on('close', () => client.destroy())
  client.pipe(backend)
  backend.pipe(client)
}
