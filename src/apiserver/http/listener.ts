/** From a parsed HTTP request to the handler and back: decides from the request line and the headers alone. */
import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Env } from '../../base/env.ts'
import { StatusError, badRequest } from '../../api/meta/errors.ts'
import { RequestInfoError, isLongRunning, parseRequestInfo } from '../chain/request-info.ts'
import type { ApiHandler, ApiRequest } from '../handler.ts'
import { splitAsOf } from '../handlers/as-of.ts'
import { type HttpExchange, type Peer, header } from './exchange.ts'
import { peerOf } from './peer.ts'
import { type RespondContext, statusOf, writeFailure, writeResponse } from './respond.ts'
import { createTurns } from './turns.ts'
import { type AnyResponse, ClientGoneError } from './wire.ts'

export type AnyRequest = IncomingMessage | Http2ServerRequest

export interface Listener {
  request(request: AnyRequest, response: AnyResponse): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

/** Nobody: the authentication filter says who it is. */
const nobody = { name: '', groups: [] }
const maxAuditIdLength = 64

export function createListener(env: Env, handler: ApiHandler, context: RespondContext): Listener {
  const measure = createMeasure(env)
  const turns = createTurns()

  async function serve(request: AnyRequest, response: AnyResponse, upgrade?: HttpExchange['upgrade']): Promise<void> {
    const exchange = exchangeFor(env, request, response, upgrade)
    const query = new URLSearchParams(exchange.rawQuery)
    const controller = new AbortController()
    // A stream is closed before node says that it has written everything: what is answered is no longer given up.
    let answered = false
    response.once('close', () => {
      if (!answered && !response.writableFinished) controller.abort(new ClientGoneError())
    })
    upgrade?.socket.once('close', () => controller.abort(new ClientGoneError()))
    const warnings: string[] = []
    const started = env.clock.monotonic()
    let apiRequest: ApiRequest | undefined
    let code = 200
    try {
      let path = decodePath(exchange.rawPath)
      const past = splitAsOf(path)
      if (past !== undefined) {
        path = past.path
        query.set('asOf', past.asOf)
      }
      apiRequest = {
        info: parseRequestInfo(exchange.method, path, query), user: nobody, query, warnings, audit: {},
        userAgent: header(exchange.headers, 'user-agent') ?? '', signal: controller.signal, raw: exchange,
      }
      await turns.begin(Number(exchange.headers['content-length'] ?? 0))
      const answer = await handler(apiRequest)
      await writeResponse(exchange, apiRequest, answer, context)
      if ('code' in answer) code = answer.code
    } catch (error) {
      if (error instanceof ClientGoneError || controller.signal.aborted) code = 499
      else {
        const failure = error instanceof RequestInfoError ? badRequest(error.message) : statusOf(error)
        code = failure.code
        if (!(error instanceof StatusError) && !(error instanceof RequestInfoError)) {
          env.log.error('a request failed', { method: exchange.method, path: exchange.rawPath, auditId: exchange.auditId, error })
        }
        await writeFailure(exchange, failure, query, warnings)
      }
    }
    answered = true
    measure(apiRequest, exchange, code, env.clock.monotonic() - started)
  }

  /** Nothing that a client sends may end the process. */
  function guarded(request: AnyRequest, response: AnyResponse, upgrade?: HttpExchange['upgrade']): void {
    serve(request, response, upgrade).catch((error: unknown) => {
      env.log.error('an answer could not be written', { url: request.url, error })
      response.destroy()
    })
  }

  return {
    request: (request, response) => {
      request.on('error', () => undefined)
      response.on('error', () => undefined)
      guarded(request, response)
    },
    upgrade: (request, socket, head) => {
      socket.on('error', () => undefined)
      answerOn(request, socket).then((response) => guarded(request, response, { socket, head }), () => socket.destroy())
    },
  }
}

/** Refusals of an upgrade go back as an ordinary answer on the same socket. */
async function answerOn(request: IncomingMessage, socket: Duplex): Promise<AnyResponse> {
  // Loaded late: node:http brings the whole fetch implementation with it, which takes as long as a quarter of the start.
  const { ServerResponse } = await import('node:http')
  const response = new ServerResponse(request)
  response.assignSocket(socket as Socket)
  response.shouldKeepAlive = false
  response.on('finish', () => socket.end())
  return response
}

function exchangeFor(env: Env, request: AnyRequest, response: AnyResponse, upgrade: HttpExchange['upgrade']): HttpExchange {
  const url = requestTarget(request.url ?? '/')
  const mark = url.indexOf('?')
  const given = header(request.headers, 'audit-id')
  return {
    method: request.method ?? 'GET',
    rawPath: mark < 0 ? url : url.slice(0, mark),
    rawQuery: mark < 0 ? '' : url.slice(mark + 1),
    headers: request.headers, rawHeaders: request.rawHeaders,
    peer: peerFor(request), scheme: 'https', request, response,
    ...(upgrade === undefined ? {} : { upgrade }),
    auditId: given === undefined || given === '' ? env.random.uuid() : given.slice(0, maxAuditIdLength),
    responseHeaders: {},
  }
}

function peerFor(request: AnyRequest): Peer {
  const owner = 'stream' in request ? (request.stream.session ?? request.socket) : request.socket
  return peerOf(owner, request.socket)
}

/** Proxies may send the whole URL in the request line. */
function requestTarget(url: string): string {
  if (url.startsWith('/')) return url
  const match = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*(.*)$/i.exec(url)
  return match === null ? `/${url}` : match[1]!.startsWith('/') ? match[1]! : `/${match[1]!}`
}

/** Throws BadRequest for a broken percent-encoding. */
function decodePath(rawPath: string): string {
  if (!rawPath.includes('%')) return rawPath
  try {
    return decodeURIComponent(rawPath)
  } catch {
    throw badRequest(`invalid URL escape in ${JSON.stringify(rawPath)}`)
  }
}

const durationBuckets = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60]

function createMeasure(env: Env): (request: ApiRequest | undefined, exchange: HttpExchange, code: number, ms: number) => void {
  const total = env.metrics.counter(
    'apiserver_request_total', 'Requests answered, by verb, resource and code.',
    ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'code'],
  )
  const duration = env.metrics.histogram(
    'apiserver_request_duration_seconds', 'Time to answer a request, without watches and streams.', durationBuckets,
    ['verb', 'group', 'version', 'resource', 'subresource', 'scope'],
  )
  const known = new Map<string, { total(): void; duration(seconds: number): void }>()
  return (request, exchange, code, ms) => {
    const info = request?.info
    // Names of paths that nobody serves must not become series without end.
    if (code === 404 && (info === undefined || !info.isResourceRequest)) return
    const { verb = exchange.method.toLowerCase(), apiGroup = '', apiVersion = '', resource = '', subresource = '' } = info ?? {}
    const scope = info === undefined || !info.isResourceRequest ? '' : info.name !== '' ? 'resource' : info.namespace === '' ? 'cluster' : 'namespace'
    const key = `${verb}/${apiGroup}/${apiVersion}/${resource}/${subresource}/${scope}/${code}`
    let series = known.get(key)
    if (series === undefined) {
      const labels = { verb: verb.toUpperCase(), group: apiGroup, version: apiVersion, resource, subresource, scope }
      const durations = info === undefined || !isLongRunning(info) ? duration.with(labels) : () => undefined
      known.set(key, (series = { total: total.with({ ...labels, code: String(code) }), duration: durations }))
    }
    series.total()
    series.duration(ms / 1000)
  }
}
