/** The road over sockets: JSON, bearer tokens, client certificates, retries that the server asks for. */
import { readFile } from 'node:fs/promises'
import { type Status, StatusError } from '../../api/meta/errors.ts'
import type { WatchEvent } from '../../api/meta/object.ts'
import type { Clock } from '../../base/env.ts'
import type { Client } from '../client.ts'
import { createClient } from '../create-client.ts'
import type { ClientConfig, Material } from '../kubeconfig.ts'
import type { Transport, TransportRequest } from '../transport.ts'
import { type Connection, createConnection, type WireRequest, type WireResponse } from './connection.ts'
import { splitLines } from './lines.ts'

export interface HttpClientOptions {
  readonly clock: Clock
  readonly userAgent?: string
  /** HTTP/1.1 even where the server speaks HTTP/2. */
  readonly http1?: boolean
}

/** A server may ask this often for a later try before the client gives up. */
const maxRetries = 10
/** An object's metadata alone, where the server can say it so. */
const metadataAccepted = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json'
/** A token file is read again after this long: kubelets rotate what they mount. */
const tokenAgeMs = 60_000

/** A client for the server that the configuration names. Reads certificate files once, token files again and again. */
export async function createHttpClient(config: ClientConfig, options: HttpClientOptions): Promise<Client & { close(): Promise<void> }> {
  const transport = await createHttpTransport(config, options)
  return { ...createClient(transport), close: transport.close }
}

export async function createHttpTransport(config: ClientConfig, options: HttpClientOptions): Promise<Transport & { close(): Promise<void> }> {
  const [ca, cert, key] = await Promise.all([pem(config.ca), pem(config.cert), pem(config.key)])
  const { insecureSkipTlsVerify, tlsServerName } = config
  const connection = createConnection(config.server, { ca, cert, key, insecureSkipTlsVerify, tlsServerName }, { http1: options.http1 })
  return httpTransport(connection, new URL(config.server).pathname.replace(/\/$/, ''), credentials(config, options.clock), options)
}

/** The transport over an open connection, for callers that bring their own. */
export function httpTransport(
  connection: Connection, prefix: string, authorization: () => Promise<Record<string, string | string[]>>, options: HttpClientOptions,
): Transport & { close(): Promise<void> } {
  async function ask<R extends { code: number; headers: WireResponse['headers'] }>(
    request: TransportRequest, by: (wire: WireRequest) => Promise<R>, drain: (response: R) => Promise<void>,
  ): Promise<R> {
    const search = request.query.toString()
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body))
    for (let tries = 0; ; tries++) {
      const response = await by({
        method: request.method,
        path: `${prefix}${request.path}${search === '' ? '' : `?${search}`}`,
        headers: {
          accept: request.metadataOnly === true ? metadataAccepted : 'application/json',
          'user-agent': options.userAgent ?? 'coxswain',
          ...(body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
          ...(await authorization()),
        },
        body,
        signal: request.signal,
      })
      const wait = retryAfterMs(response)
      if (wait === undefined || tries >= maxRetries) return response
      await drain(response)
      await options.clock.sleep(wait, request.signal)
    }
  }

  return {
    async send(request) {
      const answer = await ask(request, (wire) => connection.exchange(wire), () => Promise.resolve())
      return decode(answer, answer.body)
    },
    async *watch(request) {
      const controller = new AbortController()
      const signal = request.signal === undefined ? controller.signal : AbortSignal.any([request.signal, controller.signal])
      try {
        const response = await ask({ ...request, signal }, (wire) => connection.open(wire), drain)
        if (response.code >= 400) decode(response, await collect(response))
        for await (const lines of splitLines(response.body)) yield lines.map((line) => JSON.parse(line) as WatchEvent<unknown>)
      } finally {
        controller.abort(new Error('the watcher is gone'))
      }
    },
    close: () => connection.close(),
  }
}

function credentials(config: ClientConfig, clock: Clock): () => Promise<Record<string, string | string[]>> {
  const { token, tokenFile, username, password, impersonate } = config
  const who = impersonate === undefined
    ? {}
    : { 'impersonate-user': impersonate.user, ...(impersonate.groups.length === 0 ? {} : { 'impersonate-group': [...impersonate.groups] }) }
  let read: { text: string; at: number } | undefined
  return async () => {
    if (tokenFile !== undefined) {
      if (read === undefined || clock.monotonic() - read.at > tokenAgeMs) {
        read = { text: (await readFile(tokenFile, 'utf8')).trim(), at: clock.monotonic() }
      }
      return { ...who, authorization: `Bearer ${read.text}` }
    }
    if (token !== undefined) return { ...who, authorization: `Bearer ${token}` }
    if (username === undefined) return who
    return { ...who, authorization: `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}` }
  }
}

async function pem(material: Material | undefined): Promise<string | undefined> {
  if (material === undefined) return undefined
  return 'pem' in material ? material.pem : readFile(material.file, 'utf8')
}

async function collect(response: WireResponse): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of response.body) parts.push(part)
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

async function drain(response: WireResponse): Promise<void> {
  for await (const part of response.body) void part
}

/** What the server asks for with Retry-After, when it has refused for now. */
function retryAfterMs(response: Pick<WireResponse, 'code' | 'headers'>): number | undefined {
  if (response.code !== 429 && response.code < 500) return undefined
  const header = response.headers['retry-after']
  const seconds = Number(header)
  return header === undefined || Number.isNaN(seconds) ? undefined : seconds * 1000
}

function decode(response: Pick<WireResponse, 'code' | 'headers'>, body: Buffer): unknown {
  const text = body.toString('utf8')
  const json = String(response.headers['content-type'] ?? '').includes('json')
  let value: unknown = text
  if (json) {
    try {
      value = JSON.parse(text)
    } catch (error) {
      if (response.code < 400) throw error
    }
  }
  if (response.code < 400) return value
  const status = value as Partial<Status>
  if (typeof value === 'object' && value !== null && status.kind === 'Status') throw new StatusError(value as Status)
  throw new StatusError(plainStatus(response.code, text))
}

const plainReasons: Readonly<Record<number, Status['reason']>> = {
  400: 'BadRequest', 401: 'Unauthorized', 403: 'Forbidden', 404: 'NotFound', 405: 'MethodNotAllowed', 406: 'NotAcceptable',
  409: 'Conflict', 410: 'Gone', 415: 'UnsupportedMediaType', 422: 'Invalid', 429: 'TooManyRequests', 500: 'InternalError',
  503: 'ServiceUnavailable', 504: 'Timeout',
}

/** A refusal by something that is no API server (a proxy, a health path) as a Status. */
function plainStatus(code: number, text: string): Status {
  return {
    kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason: plainReasons[code] ?? '',
    message: text.trim() === '' ? `the server responded with the status code ${code} but did not return more information` : text.trim(),
  }
}
