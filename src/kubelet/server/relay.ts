/** Hands an upgraded connection on to the runtime's streaming server, byte for byte. */
import type { IncomingMessage } from 'node:http'
import net from 'node:net'
import tls from 'node:tls'
import type { Duplex } from 'node:stream'

/** Headers that are between caller and kubelet only. */
const dropped: ReadonlySet<string> = new Set(['host', 'authorization'])

/** A runtime's streaming server may speak TLS, with a certificate that it made itself. */
export function connectTo(url: string): net.Socket {
  const { protocol, hostname, port } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  if (protocol === 'https:') return tls.connect({ host, port: Number(port || 443), rejectUnauthorized: false })
  return net.connect({ host, port: Number(port || 80) })
}

/** Sends the caller's request to `url` and joins both connections. Failures before that are answered with 502. */
export function relayUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, url: string): void {
  const { hostname, port, pathname, search } = new URL(url)
  const upstream = connectTo(url)
  const end = () => {
    upstream.destroy()
    socket.destroy()
  }
  upstream.once(url.startsWith('https:') ? 'secureConnect' : 'connect', () => {
    const lines = [`${request.method} ${pathname}${search} HTTP/1.1`, `Host: ${hostname}:${port}`]
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
      if (!dropped.has(request.rawHeaders[i]!.toLowerCase())) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`)
    }
    upstream.write(`${lines.join('\r\n')}\r\n\r\n`)
    if (head.length > 0) upstream.write(head)
    upstream.pipe(socket)
    socket.pipe(upstream)
    upstream.setNoDelay(true)
  })
  upstream.once('error', (error) => {
    if (!upstream.connecting && socket.writable && upstream.bytesRead === 0) {
      socket.end(`HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n${error.message}`)
    } else end()
  })
  socket.once('error', end)
  upstream.once('close', () => socket.end())
  socket.once('close', () => upstream.end())
}

/** Answers an upgrade request without upgrading. */
export function refuseUpgrade(socket: Duplex, status: number, text: string): void {
  const names: Readonly<Record<number, string>> = { 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 500: 'Internal Server Error' }
  const body = Buffer.from(text)
  socket.end(`HTTP/1.1 ${status} ${names[status] ?? 'Error'}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${text}`)
}
