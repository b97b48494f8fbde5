/** etcd's client port: gRPC and plain HTTP (health, version, metrics) on one socket, told apart by how a connection begins. */
import { type Server as HttpServer, createServer as createHttpServer } from 'node:http'
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Duplex } from 'node:stream'

export interface Tls {
  readonly cert: string
  readonly key: string
  /** When given, clients must have a certificate that it signed. */
  readonly clientCA?: string
}

export interface Listener {
  readonly port: number
  close(): Promise<void>
}

/** Text and status of a GET. */
export type Pages = (path: string) => Promise<{ status: number; type: string; text: string } | undefined>

/** `address` is "127.0.0.1:2379". Without `grpc` it answers HTTP alone. */
export async function listen(address: string, tls: Tls | undefined, pages: Pages, grpc?: (connection: Duplex) => void): Promise<Listener> {
  const http = createHttpServer((request, response) => {
    pages(new URL(request.url ?? '/', 'http://etcd').pathname).then(
      (page) => response.writeHead(page?.status ?? 404, { 'content-type': page?.type ?? 'text/plain' }).end(page?.text ?? '404 page not found\n'),
      (error: unknown) => response.writeHead(500, { 'content-type': 'text/plain' }).end(`${String(error)}\n`))
  })
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy())
    socket.setNoDelay(true)
  }
  const server = tls === undefined
    ? createServer((socket) => { keep(socket); tellApart(socket, http, grpc) })
    : createTlsServer({
      cert: tls.cert, key: tls.key, ALPNProtocols: ['h2', 'http/1.1'],
      ...(tls.clientCA === undefined ? {} : { ca: tls.clientCA, requestCert: true, rejectUnauthorized: true }),
    }, (socket) => {
      keep(socket)
      if (socket.alpnProtocol === 'h2' && grpc !== undefined) grpc(socket)
      else http.emit('connection', socket)
    })
  await bound(server, address)
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((done) => {
      server.close(() => done())
      for (const socket of sockets) socket.destroy()
    }),
  }
}

/** HTTP/2 without TLS begins with "PRI". */
function tellApart(socket: Socket, http: HttpServer, grpc: ((connection: Duplex) => void) | undefined): void {
  // "readable" rather than "data": a socket that never flowed is taken over with what was put back.
  socket.once('readable', () => {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) return void socket.end()
    socket.unshift(chunk)
    if (grpc !== undefined && chunk.toString('latin1', 0, 3) === 'PRI') grpc(socket)
    else http.emit('connection', socket)
  })
}

function bound(server: Server, address: string): Promise<void> {
  const colon = address.lastIndexOf(':')
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(Number(address.slice(colon + 1)), address.slice(0, colon).replace(/^\[|\]$/g, ''), () => {
      server.off('error', reject)
      resolve()
    })
  })
}
