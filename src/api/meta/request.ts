/**
 * The object-level API: ApiHandler is the API server. HTTP (http/) is a codec around it, the in-process client
 * (client/in-process.ts) calls it directly; filters (chain/) wrap it. Objects here are plain and wire-shaped; those that
 * come from the store are deep-frozen and shared, so nobody may change them.
 */
import type { KubeObject, ListMeta, WatchEventType } from './object.ts'
import type { Status } from './errors.ts'
import type { Encodings } from './encodings.ts'

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection'

/** What a request asks for (upstream: apiserver/pkg/endpoints/request RequestInfo). */
export interface RequestInfo {
  readonly isResourceRequest: boolean
  readonly path: string
  /** A Verb for resource requests, the lower-case HTTP method else. */
  readonly verb: string
  /** "api" or "apis". */
  readonly apiPrefix: string
  readonly apiGroup: string
  readonly apiVersion: string
  readonly namespace: string
  readonly resource: string
  readonly subresource: string
  readonly name: string
  /** Path segments from the resource on: ["pods", "web", "proxy", "a", "b"]. */
  readonly parts: readonly string[]
  /** Selectors as the authorizer sees them (list, watch, deletecollection). */
  readonly fieldSelector?: string
  readonly labelSelector?: string
}

export interface UserInfo {
  readonly name: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/** A decoded body. `strictErrors` are what decoding found amiss without refusing (duplicate fields). */
export interface RequestBody {
  /** "application/json", "application/merge-patch+json", "application/apply-patch+yaml", … without parameters. */
  readonly mediaType: string
  /** Decoded value: an object for create and update, whatever the patch is for patches. The handler owns it. */
  readonly value: unknown
  readonly strictErrors: readonly string[]
  /** The text is no patch at all: told once the object that it was meant for is found. */
  readonly unreadable?: Error
}

export interface ApiRequest {
  readonly info: RequestInfo
  readonly user: UserInfo
  readonly query: URLSearchParams
  readonly body?: RequestBody
  readonly userAgent: string
  /** Aborted when the client is gone or the deadline is over. */
  readonly signal: AbortSignal
  /** Filled by handlers and admission; sent as Warning headers. */
  readonly warnings: string[]
  /** Annotations for the audit log. */
  readonly audit: Record<string, string>
  /** The HTTP exchange behind the request, for those that take over the socket (exec, proxy). In-process: undefined. */
  readonly raw?: unknown
}

/** A stored object in the version that was asked for, with its encodings made at most once. */
export interface Entry {
  readonly object: KubeObject
  readonly encodings: Encodings
}

export interface ObjectResponse {
  readonly type: 'object'
  readonly code: number
  readonly object: KubeObject | Status
  /** There when the object is the stored one unchanged: writers use its cached bytes. */
  readonly entry?: Entry
}

export interface ListResponse {
  readonly type: 'list'
  readonly apiVersion: string
  /** "PodList". */
  readonly kind: string
  readonly metadata: ListMeta
  readonly items: readonly Entry[]
}

export interface WatchResponseEvent {
  readonly type: WatchEventType
  readonly object: KubeObject | Status
  readonly entry?: Entry
  /** The state before, where whoever reads the events is yet to select among them. */
  readonly previous?: Entry
}

export interface WatchResponse {
  readonly type: 'watch'
  /** Ends on timeoutSeconds, on abort of the request's signal, or after an ERROR event. */
  readonly events: AsyncIterable<readonly WatchResponseEvent[]>
}

/** Bytes with their own content type: logs, metrics, OpenAPI, plain-text health. */
export interface RawResponse {
  readonly type: 'raw'
  readonly code: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string | AsyncIterable<Uint8Array>
}

/** The handler has taken over the socket (upgrade, proxy); nothing is left to write. */
export interface TakenOverResponse {
  readonly type: 'taken-over'
}

export type ApiResponse = ObjectResponse | ListResponse | WatchResponse | RawResponse | TakenOverResponse

/** Answers a request or throws a StatusError. */
export type ApiHandler = (request: ApiRequest) => Promise<ApiResponse>
