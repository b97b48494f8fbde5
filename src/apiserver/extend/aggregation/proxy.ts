/** Requests that another server answers (upstream: kube-aggregator/pkg/apiserver/handler_proxy.go). */
import { Buffer } from 'node:buffer'
import { StatusError, type Status, serviceUnavailable, unknownError } from '../../../api/meta/errors.ts'
import type { ApiHandler, ApiRequest, ApiResponse, WatchResponseEvent } from '../../handler.ts'
import { exchangeOf } from '../../http/exchange.ts'
import { forward } from '../../streams/forward.ts'
import { type Target, answerTo, openRequest, targetAuthority } from '../../streams/target.ts'
import { passUpgrade } from '../../streams/upgrade.ts'
import type { Aggregation, Remote } from './controller.ts'
import { identityHeaders } from './remote.ts'

/** Leads what remotes serve to them, and everything else to the next handler. */
export function aggregated(aggregation: Aggregation, next: ApiHandler): ApiHandler {
  return async (request) => {
    const [, group, version] = /^\/apis\/([^/]+)\/([^/]+)(?:\/|$)/.exec(request.info.path) ?? []
    if (group === undefined || version === undefined) return next(request)
    const remote = aggregation.remote(group, version)
    return remote === undefined ? next(request) : pass(request, remote)
  }
}

const plainText = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }

async function pass(request: ApiRequest, remote: Remote): Promise<ApiResponse> {
  const exchange = exchangeOf(request)
  if (!remote.available) return unavailable(exchange === undefined)
  let at: { host: string; port: number }
  try {
    at = await remote.location.resolve()
  } catch {
    return unavailable(exchange === undefined)
  }
  const { tls } = remote.location
  const target: Target = {
    scheme: 'https', ...at, path: exchange?.rawPath ?? encodeURI(request.info.path), query: exchange?.rawQuery ?? request.query.toString(),
    tls, identity: identityHeaders(request.user),
  }
  if (exchange === undefined) return ask(request, target)
  if (exchange.upgrade !== undefined) return passUpgrade(exchange, target, request.signal)
  return forward(request, exchange, target, { prefix: '', redirects: true })
}

function unavailable(inProcess: boolean): ApiResponse {
  if (inProcess) throw serviceUnavailable('service unavailable')
  return { type: 'raw', code: 503, headers: plainText, body: 'service unavailable\n' }
}

const methods: Readonly<Record<string, string>> = {
  get: 'GET', list: 'GET', watch: 'GET', create: 'POST', update: 'PUT', patch: 'PATCH', delete: 'DELETE', deletecollection: 'DELETE',
}

/** A request of a component in this process, which has no bytes yet. */
async function ask(request: ApiRequest, target: Target): Promise<ApiResponse> {
  const { info, body, userAgent, signal } = request
  const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body.value))
  const outgoing = await openRequest(target, methods[info.verb] ?? info.verb.toUpperCase(), {
    ...target.identity, host: targetAuthority(target), accept: 'application/json', 'user-agent': userAgent,
    ...(bytes === undefined ? {} : { 'content-type': body!.mediaType, 'content-length': bytes.length }),
  }, signal)
  const answered = answerTo(outgoing, target)
  outgoing.end(bytes)
  const answer = await answered.catch((error: unknown) => {
    throw serviceUnavailable(`error trying to reach service: ${(error as Error).message}`)
  })
  answer.setEncoding('utf8')
  const code = answer.statusCode ?? 502
  if (info.verb === 'watch' && code === 200) return { type: 'watch', events: watchEvents(answer) }
  let text = ''
  for await (const chunk of answer as AsyncIterable<string>) text += chunk
  if (code >= 400) throw failure(code, text)
  return { type: 'raw', code, headers: { 'content-type': 'application/json' }, body: text }
}

function failure(code: number, text: string): StatusError {
  try {
    const status = JSON.parse(text) as Status
    if (status.kind === 'Status') return new StatusError(status)
  } catch {
    // No Status: the text is all there is.
  }
  return new StatusError({ ...unknownError(text.trim()).status, code })
}

async function* watchEvents(answer: AsyncIterable<string>): AsyncGenerator<readonly WatchResponseEvent[]> {
  let rest = ''
  for await (const chunk of answer) {
    rest += chunk
    const end = rest.lastIndexOf('\n')
    if (end < 0) continue
    const lines = rest.slice(0, end).split('\n').filter((line) => line.trim() !== '')
    rest = rest.slice(end + 1)
    yield lines.map((line) => JSON.parse(line) as WatchResponseEvent)
  }
}
