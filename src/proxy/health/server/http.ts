/** Small HTTP servers: the proxy's health and metrics, and one for each Service with a health check node port. */
import { type Server, createServer } from 'node:http'
import type { PageRequest } from '../../../api/pages/negotiate.ts'

export interface Page {
  readonly code: number
  readonly body: string
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What is asked of a page besides its path. */
export interface Question extends PageRequest {
  readonly method: string
}

export interface PageServer {
  /** The port that it got. */
  readonly port: number
  close(): Promise<void>
}

/** Serves pages by path; undefined from `page` is 404. Fails when the port is in use. `onlyIPv6`: "::" does not take IPv4 too. */
export function servePages(
  address: string, port: number, page: (path: string, question: Question) => Page | undefined, { onlyIPv6 = false }: { onlyIPv6?: boolean } = {},
): Promise<PageServer> {
  const server = createServer((request, response) => {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://localhost')
    const { accept, 'user-agent': userAgent } = request.headers
    const found = page(pathname, { method: request.method ?? 'GET', accept, userAgent, query }) ?? { code: 404, body: '404 page not found\n', contentType: 'text/plain; charset=utf-8' }
    response.writeHead(found.code, { 'content-type': found.contentType ?? 'application/json', 'x-content-type-options': 'nosniff', ...found.headers })
    response.end(found.body)
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host: address, ipv6Only: onlyIPv6 && address === '::' }, () => {
      server.off('error', reject)
      const bound = server.address()
      resolve({ port: typeof bound === 'object' && bound !== null ? bound.port : port, close: () => close(server) })
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
