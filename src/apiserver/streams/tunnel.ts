/**
 * Port forwarding over WebSockets: the client wraps its SPDY connection into binary messages, the kubelet gets the
 * connection itself (upstream: apimachinery/pkg/util/httpstream/wsstream, portforward/tunneling_handler.go).
 */
import type { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import { internalError } from '../../api/meta/errors.ts'
import type { ApiResponse } from '../handler.ts'
import { type HttpExchange, headerValues } from '../http/exchange.ts'
import { type Target, targetAuthority, targetPath } from './target.ts'
import { acceptWebSocket, messageBytes } from '../http/websocket.ts'
import { dial, readHead } from './upgrade.ts'

const tunnelPrefix = 'SPDY/3.1+'

/** The protocol inside the tunnel ("portforward.k8s.io"); undefined when the client asks for none. */
export function tunnelledProtocol(exchange: HttpExchange): string | undefined {
  const protocols = headerValues(exchange, 'sec-websocket-protocol').flatMap((value) => value.split(',')).map((value) => value.trim())
  return protocols.find((protocol) => protocol.startsWith(tunnelPrefix))?.slice(tunnelPrefix.length)
}

/** Joins the tunnel to a SPDY connection with the target. Throws StatusErrors before the client is answered. */
export async function passTunnel(exchange: HttpExchange, target: Target, protocol: string, signal: AbortSignal): Promise<ApiResponse> {
  const backend = await dial(target, signal)
  backend.write([
    `POST ${targetPath(target)} HTTP/1.1`, `Host: ${targetAuthority(target)}`, 'Connection: Upgrade', 'Upgrade: SPDY/3.1',
    `X-Stream-Protocol-Version: ${protocol}`, 'Content-Length: 0', '', '',
  ].join('\r\n'))
  const head = await readHead(backend)
  if (head.code !== 101) {
    backend.destroy()
    throw internalError(`error upgrading connection: the backend answered ${head.code}`)
  }
  const socket = await acceptWebSocket(exchange, `${tunnelPrefix}${protocol}`)
  if (head.rest.length > 0) socket.send(head.rest)
  pump(socket, backend)
  return { type: 'taken-over' }
}

function pump(socket: WebSocket, backend: Duplex): void {
  socket.on('message', (data: RawData) => {
    if (backend.write(messageBytes(data))) return
    socket.pause()
    backend.once('drain', () => socket.resume())
  })
  backend.on('data', (chunk: Buffer) => {
    backend.pause()
    socket.send(chunk, () => backend.resume())
  })
  socket.on('close', () => backend.destroy())
  socket.on('error', () => backend.destroy())
  backend.on('end', () => socket.close(1000))
  backend.on('error', () => socket.close(1011))
  backend.on('close', () => socket.close(1000))
  backend.resume()
}
