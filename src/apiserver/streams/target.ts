/** Where a stream goes, and connections to it: kubelets, pods and the endpoints of services. */
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { type Socket, connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'

export interface TlsSettings {
  readonly cert?: string
  readonly key?: string
  /** PEM; without it the other side is believed. */
  readonly ca?: string
  readonly serverName?: string
  /** Whether the other side is believed without a known authority; default: when `ca` is missing. */
  readonly insecure?: boolean
}

export interface Target {
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
  /** Percent-encoded, without the query. */
  readonly path: string
  /** Without "?". */
  readonly query: string
  readonly tls?: TlsSettings
  /** Who asks, as told to an aggregated server: takes the place of what the client says of itself. */
  readonly identity?: Readonly<Record<string, string | string[]>>
}

export function targetPath({ path, query }: Target): string {
  return query === '' ? path : `${path}?${query}`
}

/** "10.0.0.1:10250", "[fd00::1]:80". */
export function targetAuthority({ host, port }: Pick<Target, 'host' | 'port'>): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function tlsOptions(tls: TlsSettings | undefined) {
  const { cert, key, ca, serverName, insecure } = tls ?? {}
  return { cert, key, ca, servername: serverName ?? '', rejectUnauthorized: insecure === undefined ? ca !== undefined : !insecure, ALPNProtocols: ['http/1.1'] }
}

type Requester = (target: Target, method: string, headers: OutgoingHttpHeaders, signal: AbortSignal) => ClientRequest
let requester: Promise<Requester> | undefined

/** node:http is loaded with the first stream, not with the server: it takes as long as a quarter of the start. */
async function createRequester(): Promise<Requester> {
  const [http, https] = await Promise.all([import('node:http'), import('node:https')])
  const plainAgent = new http.Agent({ keepAlive: true, timeout: 60_000 })
  const secureAgent = new https.Agent({ keepAlive: true, timeout: 60_000 })
  return (target, method, headers, signal) => {
    const { host, port, scheme } = target
    const common = { host, port, method, path: targetPath(target), headers, signal, setHost: false }
    return scheme === 'https'
      ? https.request({ ...common, ...tlsOptions(target.tls), agent: secureAgent })
      : http.request({ ...common, agent: plainAgent })
  }
}

/** An ordinary request; the body is the caller's to write. */
export async function openRequest(target: Target, method: string, headers: OutgoingHttpHeaders, signal: AbortSignal): Promise<ClientRequest> {
  return (await (requester ??= createRequester()))(target, method, headers, signal)
}

/** The answer to a request. Rejects with a Go-like text when the other side cannot be reached. */
export function answerTo(request: ClientRequest, target: Target): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve)
    request.once('error', (error: NodeJS.ErrnoException) => reject(new DialError(dialText(error, target))))
  })
}

/** A bare connection, for protocols other than HTTP. Rejects with DialError. */
export function openConnection(target: Target, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { host, port } = target
    const fail = (error: NodeJS.ErrnoException) => reject(new DialError(dialText(error, target)))
    const socket: Socket = target.scheme === 'https'
      ? connectTls({ host, port, ...tlsOptions(target.tls) }, () => connected())
      : connectTcp({ host, port }, () => connected())
    const abort = () => socket.destroy()
    const connected = () => {
      socket.off('error', fail)
      signal.removeEventListener('abort', abort)
      socket.setNoDelay(true)
      resolve(socket)
    }
    socket.once('error', fail)
    signal.addEventListener('abort', abort)
    socket.once('close', () => reject(new DialError('connection closed')))
  })
}

/** The other side could not be reached; the message is worded as Go's dialer does. */
export class DialError extends Error {}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused', EHOSTUNREACH: 'connect: no route to host', ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout', ENOTFOUND: 'lookup: no such host', ECONNRESET: 'read: connection reset by peer',
}

/** Why a server could not be reached, in the words of Go's dialer. */
export function dialText(error: NodeJS.ErrnoException, target: Pick<Target, 'host' | 'port'>): string {
  return `dial tcp ${targetAuthority(target)}: ${reasons[error.code ?? ''] ?? error.message}`
}
