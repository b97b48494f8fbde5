/** The road without bytes: a transport that calls the ApiHandler with an identity of its own. */
import { Buffer } from 'node:buffer'
import { type Status, StatusError } from '../api/meta/errors.ts'
import type { WatchEvent } from '../api/meta/object.ts'
import type { ApiHandler, ApiRequest, ApiResponse, RawResponse, UserInfo } from '../api/meta/request.ts'
import type { Client } from './client.ts'
import { copyJson } from './copy.ts'
import { createClient } from './create-client.ts'
import type { Transport, TransportRequest } from './transport.ts'

export interface InProcessOptions {
  /** What audit and managed fields see; its part before the first slash is the field manager. */
  readonly userAgent?: string
}

/** A client that asks the handler as `user`. Objects that come back are the stored ones, frozen and shared. */
export function createInProcessClient(handler: ApiHandler, user: UserInfo, options: InProcessOptions = {}): Client {
  return createClient(createInProcessTransport(handler, user, options))
}

export function createInProcessTransport(handler: ApiHandler, user: UserInfo, options: InProcessOptions = {}): Transport {
  const userAgent = options.userAgent ?? 'coxswain'

  function toApiRequest(request: TransportRequest, signal: AbortSignal): ApiRequest {
    return {
      info: request.info,
      user,
      query: request.query,
      ...(request.body === undefined
        ? {}
        // The handler owns the body's value and may change it; what the caller holds may be frozen or in a cache.
        : { body: { mediaType: request.contentType ?? 'application/json', value: copyJson(request.body), strictErrors: [] } }),
      userAgent,
      signal,
      warnings: [],
      audit: {},
    }
  }

  return {
    local: true,
    async send(request) {
      const signal = request.signal ?? neverAborted
      signal.throwIfAborted()
      return decode(await handler(toApiRequest(request, signal)))
    },
    async *watch(request) {
      const controller = new AbortController()
      const signal = request.signal === undefined ? controller.signal : AbortSignal.any([request.signal, controller.signal])
      try {
        const response = await handler(toApiRequest(request, signal))
        if (response.type !== 'watch') throw new Error(`watch of ${request.path} was answered with ${response.type}`)
        for await (const batch of response.events) yield batch as readonly WatchEvent<unknown>[]
      } finally {
        controller.abort(new Error('the watcher is gone'))
      }
    },
  }
}

const neverAborted = new AbortController().signal

function decode(response: ApiResponse): unknown {
  switch (response.type) {
    case 'object':
      if (response.code >= 400) throw new StatusError(response.object as Status)
      return response.object
    case 'list':
      return {
        apiVersion: response.apiVersion, kind: response.kind, metadata: response.metadata,
        items: response.items.map((entry) => entry.object),
      }
    case 'raw':
      return decodeRaw(response)
    case 'watch':
      throw new Error('a watch was answered where an object was expected')
    case 'taken-over':
      throw new Error('this request needs a connection; use the HTTP transport')
  }
}

async function decodeRaw(response: RawResponse): Promise<unknown> {
  const { body } = response
  const parts: Uint8Array[] = []
  if (typeof body === 'string') parts.push(Buffer.from(body))
  else if (body instanceof Uint8Array) parts.push(body)
  else for await (const part of body) parts.push(part)
  const text = Buffer.concat(parts).toString('utf8')
  const json = Object.entries(response.headers).some(([name, value]) => name.toLowerCase() === 'content-type' && value.includes('json'))
  const value: unknown = json ? JSON.parse(text) : text
  if (response.code < 400) return value
  const status = json ? (value as Status) : plainStatus(response.code, text)
  throw new StatusError(status)
}

function plainStatus(code: number, message: string): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code }
}
