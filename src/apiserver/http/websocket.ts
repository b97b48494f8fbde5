/** WebSockets at the edge: the handshake, and watches and logs over them (upstream: apiserver/pkg/util/wsstream). */
import { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { RawData, WebSocket } from 'ws'
import { internalError } from '../../api/meta/errors.ts'
import type { WatchResponseEvent } from '../handler.ts'
import { type HttpExchange, header, headerValues } from './exchange.ts'

export function isWebSocket(exchange: HttpExchange): boolean {
  return exchange.upgrade !== undefined && header(exchange.headers, 'upgrade')?.toLowerCase() === 'websocket'
}

/** From here on the socket carries another protocol; nobody may write an HTTP answer on it. */
export function takeOver(exchange: HttpExchange): void {
  const { response, upgrade } = exchange
  if (response !== undefined && 'detachSocket' in response && upgrade !== undefined) response.detachSocket(upgrade.socket as Socket)
}

/** Completes the handshake with the chosen protocol ('' for none). */
export async function acceptWebSocket(exchange: HttpExchange, protocol: string): Promise<WebSocket> {
  const { WebSocketServer } = await import('ws')
  const { upgrade } = exchange
  if (upgrade === undefined) throw internalError('no connection to upgrade')
  takeOver(exchange)
  const request = exchange.request as IncomingMessage
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  // Names such as "SPDY/3.1+portforward.k8s.io" are no tokens, so the library would refuse them: it is told of none.
  delete request.headers['sec-websocket-protocol']
  if (protocol !== '') server.on('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${protocol}`))
  return new Promise((resolve) => {
    server.handleUpgrade(request, upgrade.socket, upgrade.head, (socket) => {
      socket.on('error', () => socket.terminate())
      resolve(socket)
    })
  })
}

export function messageBytes(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
}

/** Which of our stream protocols the client asks for; '' when it names none. */
function streamProtocol(exchange: HttpExchange): string {
  const asked = headerValues(exchange, 'sec-websocket-protocol').flatMap((value) => value.split(',')).map((value) => value.trim())
  return asked.find((protocol) => protocol === 'binary.k8s.io' || protocol === 'base64.binary.k8s.io') ?? ''
}

/** Bytes as messages, then a clean end. */
export async function sendBody(exchange: HttpExchange, body: AsyncIterable<Uint8Array>): Promise<void> {
  const protocol = streamProtocol(exchange)
  const socket = await acceptWebSocket(exchange, protocol)
  for await (const chunk of body) {
    if (socket.readyState !== socket.OPEN) return
    await send(socket, protocol === 'base64.binary.k8s.io' ? Buffer.from(chunk).toString('base64') : chunk)
  }
  socket.close(1000)
}

/** One event a message: text for JSON, binary for protobuf. */
export async function sendWatch(
  exchange: HttpExchange, events: AsyncIterable<readonly WatchResponseEvent[]>, frame: (event: WatchResponseEvent) => Buffer, text: boolean,
): Promise<void> {
  const socket = await acceptWebSocket(exchange, streamProtocol(exchange))
  for await (const batch of events) {
    for (const event of batch) {
      if (socket.readyState !== socket.OPEN) return
      const bytes = frame(event)
      await send(socket, text ? bytes.toString('utf8') : bytes)
    }
  }
  socket.close(1000)
}

function send(socket: WebSocket, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => socket.send(data, () => resolve()))
}
