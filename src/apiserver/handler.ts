/**
 * The object-level API as the server's own files see it. The shapes of requests and answers live in api/meta/request.ts,
 * because the in-process client speaks them too; filters (chain/) wrap the handler.
 */
import type { ApiHandler } from '../api/meta/request.ts'

export type {
  ApiHandler, ApiRequest, ApiResponse, Entry, ListResponse, ObjectResponse, RawResponse, RequestBody, RequestInfo,
  UserInfo, WatchResponse, WatchResponseEvent,
} from '../api/meta/request.ts'

export interface Filter {
  readonly name: string
  wrap(next: ApiHandler): ApiHandler
}
