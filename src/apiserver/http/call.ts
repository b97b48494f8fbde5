/**
 * Calls of servers outside: webhooks of admission, conversion, authentication, authorization and audit. Failures are
 * told in the words of Go's HTTP client, because users know them from upstream's answers.
 */
import type { ClientRequest, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { RequestOptions } from 'node:https'
import type { ConnectionOptions } from 'node:tls'
import { type Status, StatusError } from '../../api/meta/errors.ts'
import type { Clock } from '../../base/env.ts'
import { type ServerLocation, authorityOf } from '../webhooks/location.ts'
import { DialError, dialText } from '../streams/target.ts'

export interface CallOptions {
  readonly clock: Clock
  /** undefined: as long as the signal allows. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  readonly headers?: Readonly<Record<string, string>>
}

/** No answer came; the message is that of Go's url.Error. */
export class CallError extends Error {
  override readonly name = 'CallError'
  readonly timeout: boolean
  constructor(message: string, timeout = false) {
    super(message)
    this.timeout = timeout
  }
}

/** The OpenAPI document of a server is the longest that is asked for. */
const longestAnswer = 32 * 1024 * 1024

/** Any answer of the other side. */
export interface Answer {
  readonly code: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: OutgoingHttpHeaders
  readonly body?: string
}

/**
 * POSTs JSON; answers the decoded body of a success. Throws CallError without an answer, and a StatusError for an answer
 * that is a failure, as upstream's REST client reads it.
 */
export async function postJson(location: ServerLocation, body: string, options: CallOptions): Promise<unknown> {
  const query = options.timeoutMs === undefined ? '' : `timeout=${Math.ceil(options.timeoutMs / 1000)}s`
  const path = location.path + (query === '' ? '' : `${location.path.includes('?') ? '&' : '?'}${query}`)
  const shown = `Post ${JSON.stringify(`${location.scheme}://${authorityOf(location)}${path}`)}: `
  let answer: Answer
  try {
    answer = await callServer(location, {
      method: 'POST', path, body,
      headers: { accept: 'application/json, */*', 'content-type': 'application/json', 'user-agent': 'kube-apiserver-admission', ...options.headers },
    }, options)
  } catch (error) {
    if (error instanceof CallError) throw new CallError(shown + error.message, error.timeout)
    throw new CallError(shown + (error instanceof Error ? error.message : String(error)))
  }
  if (answer.code < 200 || answer.code > 206) throw failureOf(answer)
  try {
    return JSON.parse(answer.body) as unknown
  } catch {
    throw new CallError(`couldn't get version/kind; json parse error: invalid character ${JSON.stringify(answer.body.slice(0, 1))} looking for beginning of value`)
  }
}

/** One request, whatever comes back. Throws CallError and DialError without an answer. */
export function callServer(location: ServerLocation, sent: Sent, options: CallOptions): Promise<Answer> {
  return withDeadline(options, async (signal) => {
    const at = await location.resolve()
    try {
      return await exchange(location, at, sent, signal)
    } catch (error) {
      // A kept connection that the other side has closed meanwhile says nothing of the request.
      if ((error as { stale?: boolean }).stale === true) return await exchange(location, at, sent, signal)
      throw error
    }
  })
}

async function withDeadline<T>({ clock, timeoutMs, signal: outer }: CallOptions, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const timer = timeoutMs === undefined ? undefined : clock.setTimeout(() => controller.abort(new CallError('context deadline exceeded', true)), timeoutMs)
  const signal = outer === undefined ? controller.signal : AbortSignal.any([outer, controller.signal])
  const release = clock.hold?.()
  try {
    return await run(signal)
  } catch (error) {
    if (controller.signal.aborted) throw controller.signal.reason
    if (outer?.aborted === true) throw new CallError('context canceled')
    throw error
  } finally {
    timer?.cancel()
    release?.()
  }
}

type Send = (options: RequestOptions & Pick<ConnectionOptions, 'ALPNProtocols'>, secure: boolean) => ClientRequest
let sender: Promise<Send> | undefined

/** Loaded with the first call: node:http takes a quarter of the server's start. */
async function createSender(): Promise<Send> {
  const [http, https] = await Promise.all([import('node:http'), import('node:https')])
  const plain = new http.Agent({ keepAlive: true, timeout: 60_000 })
  const secure = new https.Agent({ keepAlive: true, timeout: 60_000 })
  return (options, tls) => (tls ? https.request({ ...options, agent: secure }) : http.request({ ...options, agent: plain }))
}

async function exchange(location: ServerLocation, at: { host: string; port: number }, { method, path, headers, body }: Sent, signal: AbortSignal): Promise<Answer> {
  const send = await (sender ??= createSender())
  const { tls } = location
  const bytes = body === undefined ? undefined : Buffer.from(body)
  return new Promise((resolve, reject) => {
    const request = send({
      host: at.host, port: at.port, method, path, signal, setHost: false,
      headers: { host: authorityOf(location), ...(bytes === undefined ? {} : { 'content-length': bytes.length }), ...headers },
      servername: isAddress(tls.serverName ?? location.host) ? '' : tls.serverName ?? location.host, ca: tls.ca, cert: tls.cert, key: tls.key,
      rejectUnauthorized: tls.insecure !== true, ALPNProtocols: ['http/1.1'],
    }, location.scheme === 'https')
    request.once('error', (error: NodeJS.ErrnoException) => {
      const failure = new DialError(tlsText(error, location) ?? dialText(error, at))
      reject(Object.assign(failure, { stale: request.reusedSocket && error.code === 'ECONNRESET' }))
    })
    request.once('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        chunks.push(chunk)
        if (size > longestAnswer) response.destroy(new Error('the response is too long'))
      })
      response.once('error', reject)
      response.once('end', () => resolve({ code: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString('utf8') }))
    })
    request.end(bytes)
  })
}

const isAddress = (host: string): boolean => /^[\d.]+$/.test(host) || host.includes(':')

const certificateErrors: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'x509: certificate signed by unknown authority', SELF_SIGNED_CERT_IN_CHAIN: 'x509: certificate signed by unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'x509: certificate signed by unknown authority', UNABLE_TO_GET_ISSUER_CERT: 'x509: certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'x509: certificate signed by unknown authority', CERT_SIGNATURE_FAILURE: 'x509: certificate signed by unknown authority',
  CERT_HAS_EXPIRED: 'x509: certificate has expired or is not yet valid', CERT_NOT_YET_VALID: 'x509: certificate has expired or is not yet valid',
}

function tlsText(error: NodeJS.ErrnoException, { host, tls }: ServerLocation): string | undefined {
  const code = error.code ?? ''
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = ((error as { cert?: { subjectaltname?: string } }).cert?.subjectaltname ?? '').split(', ').map((name) => name.replace(/^[^:]*:/, '')).join(', ')
    return `tls: failed to verify certificate: x509: certificate is valid for ${names}, not ${tls.serverName ?? host}`
  }
  if (certificateErrors[code] !== undefined) return `tls: failed to verify certificate: ${certificateErrors[code]}`
  return code.startsWith('ERR_SSL_WRONG_VERSION') || code === 'EPROTO' ? 'http: server gave HTTP response to HTTPS client' : undefined
}

/** What an answer means that is no success (upstream: apimachinery/pkg/api/errors NewGenericServerResponse). */
function failureOf({ code, body }: Pick<Answer, 'code' | 'body'>): StatusError {
  try {
    const value = JSON.parse(body) as Partial<Status>
    if (value.kind === 'Status' && value.status === 'Failure') return new StatusError({ ...value, metadata: {}, code } as Status)
  } catch {
    // Not a Status: the code says what there is to say.
  }
  const text = body.trim().slice(0, 2048)
  const known = genericAnswers[code]
  const [reason, message] = known !== undefined ? [known[0], known[1] ?? text]
    : code >= 500 ? ['InternalError', `an error on the server (${JSON.stringify(text === '' ? 'unknown' : text)}) has prevented the request from succeeding`]
      : ['', `the server responded with the status code ${code} but did not return more information`]
  return new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, message, ...(reason === '' ? {} : { reason }) } as Status)
}

const genericAnswers: Readonly<Record<number, readonly [string, string?]>> = {
  400: ['BadRequest', 'the server rejected our request for an unknown reason'], 401: ['Unauthorized', 'the server has asked for the client to provide credentials'],
  403: ['Forbidden'], 404: ['NotFound', 'the server could not find the requested resource'],
  405: ['MethodNotAllowed', 'the server does not allow this method on the requested resource'], 406: ['NotAcceptable'],
  409: ['AlreadyExists', 'the server reported a conflict'], 415: ['UnsupportedMediaType'],
  422: ['Invalid', 'the server rejected our request due to an error in our request'],
  429: ['TooManyRequests', 'the server has received too many requests and has asked us to try again later'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: ['Timeout', 'the server was unable to return a response in the time allotted, but may still be processing the request'],
}
