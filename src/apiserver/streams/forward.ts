/** A reverse proxy for ordinary requests (upstream: apimachinery/pkg/util/proxy): headers, redirects, links in HTML. */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { Buffer } from 'node:buffer'
import { internalError } from '../../api/meta/errors.ts'
import type { ApiRequest, ApiResponse } from '../handler.ts'
import { type HttpExchange, headerValues } from '../http/exchange.ts'
import { DialError, type Target, answerTo, openRequest, targetAuthority } from './target.ts'
import { rewriteHtml } from './html.ts'

export interface ForwardOptions {
  /** The path in front of the proxied one, which links in answers must begin with; '' leaves answers as they are. */
  readonly prefix: string
  /** Redirects of the other side are passed on; else they are an error. */
  readonly redirects: boolean
}

/** Headers that belong to one hop. */
const hopHeaders: ReadonlySet<string> = new Set([
  'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer',
  'transfer-encoding', 'upgrade', 'http2-settings',
])

/** Passes the request on and answers with what comes back; a target that cannot be reached is a 503 in plain text. */
export async function forward(request: ApiRequest, exchange: HttpExchange, target: Target, options: ForwardOptions): Promise<ApiResponse> {
  const outgoing = await openRequest(target, exchange.method, forwardedHeaders(exchange, target), request.signal)
  let answer: IncomingMessage
  try {
    const answered = answerTo(outgoing, target)
    exchange.request.pipe(outgoing)
    answer = await answered
  } catch (error) {
    if (!(error instanceof DialError)) throw error
    return { type: 'raw', code: 503, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: `error trying to reach service: ${error.message}` }
  }
  const code = answer.statusCode ?? 502
  if (!options.redirects && code >= 300 && code < 400 && answer.headers.location !== undefined) {
    answer.resume()
    return { type: 'raw', code: 502, headers: {}, body: 'the backend attempted to redirect this request, which is not permitted' }
  }
  return proxied(answer, code, target, options)
}

async function proxied(answer: IncomingMessage, code: number, target: Target, { prefix }: ForwardOptions): Promise<ApiResponse> {
  const headers = answerHeaders(answer.headers)
  if (prefix !== '' && headers['location'] !== undefined) headers['location'] = rewriteLocation(headers['location'], target, prefix)
  const html = (answer.headers['content-type'] ?? '').split(';')[0]!.trim() === 'text/html'
  if (prefix === '' || !html || answer.headers['content-encoding'] !== undefined) return { type: 'raw', code, headers, body: answer }
  const rewritten = rewriteHtml(await wholeBody(answer), (link) => rewriteLocation(link, target, prefix))
  delete headers['content-length']
  return { type: 'raw', code, headers, body: rewritten }
}

const longestHtml = 10 * 1024 * 1024

async function wholeBody(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > longestHtml) throw internalError('the page is too long for its links to be rewritten')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Links to the target's own host, and those without one, are led through the proxy; others stay. */
export function rewriteLocation(link: string, target: Target, prefix: string): string {
  let url: URL
  const base = `${target.scheme}://${targetAuthority(target)}`
  try {
    url = new URL(link, `${base}${target.path}`)
  } catch {
    return link
  }
  if (url.host !== new URL(base).host) return link
  // Links relative to their page already lead to the right place.
  if (!/^[a-z][a-z0-9+.-]*:|^\//i.test(link)) return link
  if (link.startsWith(prefix)) return link
  const root = prefix.replace(/\/$/, '')
  return `${root}${url.pathname}${url.search}${url.hash}`
}

export function forwardedHeaders(exchange: HttpExchange, target: Target): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {}
  for (const name of new Set(Object.keys(exchange.headers))) {
    if (name.startsWith(':') || hopHeaders.has(name) || name === 'host') continue
    // The credential was for this server.
    if (name === 'authorization' || (target.identity !== undefined && isIdentity(name))) continue
    const values = headerValues(exchange, name)
    headers[name] = values.length === 1 ? values[0] : values
  }
  Object.assign(headers, target.identity)
  headers['host'] = targetAuthority(target)
  headers['x-forwarded-for'] = [...headerValues(exchange, 'x-forwarded-for'), exchange.peer.address].join(', ')
  headers['x-forwarded-proto'] = exchange.scheme
  headers['x-forwarded-uri'] = exchange.rawPath
  headers['x-forwarded-host'] = exchange.headers[':authority'] as string | undefined ?? exchange.headers.host ?? ''
  return headers
}

/** Headers by which this server is told, and tells others, who asks. */
export function isIdentity(name: string): boolean {
  return name.startsWith('x-remote-') || name.startsWith('impersonate-')
}

function answerHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const shown: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || hopHeaders.has(name)) continue
    shown[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return shown
}
