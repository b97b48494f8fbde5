/**
 * How any component sees and changes the cluster. A Client speaks over a Transport: in-process (calls the ApiHandler
 * with its own identity), HTTP, or a decorator of one. Errors are StatusError.
 */
import type { KubeList, Resource, WatchEvent } from '../api/meta/object.ts'

export interface ObjectKey {
  readonly namespace?: string
  readonly name: string
}

export interface ListOptions {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan'
  readonly limit?: number
  readonly continue?: string
  readonly signal?: AbortSignal
}

export interface WatchOptions extends ListOptions {
  readonly allowWatchBookmarks?: boolean
  readonly sendInitialEvents?: boolean
  readonly timeoutSeconds?: number
}

export interface WriteOptions {
  readonly subresource?: string
  readonly dryRun?: boolean
  readonly fieldManager?: string
  readonly fieldValidation?: 'Ignore' | 'Warn' | 'Strict'
  /** The caller reads nothing of the answer but its metadata; the rest may be missing. */
  readonly metadataOnly?: boolean
  readonly signal?: AbortSignal
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply'

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground'
  readonly preconditions?: { uid?: string; resourceVersion?: string }
  readonly dryRun?: boolean
  /** The caller reads nothing of the answer but its metadata; the rest may be missing. */
  readonly metadataOnly?: boolean
  readonly signal?: AbortSignal
}

/** Objects that come back are shared and frozen in-process: copy before changing. */
export interface Client {
  /** The server is in this process. */
  readonly local?: boolean
  get<T>(resource: Resource<T>, key: ObjectKey, options?: { subresource?: string; resourceVersion?: string; signal?: AbortSignal }): Promise<T>
  list<T>(resource: Resource<T>, options?: ListOptions): Promise<KubeList<T>>
  /** Ends cleanly when the server's timeout is over; throws StatusError for an ERROR event (410 when too old). */
  watch<T>(resource: Resource<T>, options?: WatchOptions): AsyncIterable<WatchEvent<T>>
  create<T>(resource: Resource<T>, object: T, options?: WriteOptions & { namespace?: string }): Promise<T>
  /** POST to a subresource of an object: pods/binding, pods/eviction, serviceaccounts/token. */
  createSubresource<R>(resource: Resource, key: ObjectKey, subresource: string, body: object, options?: WriteOptions): Promise<R>
  update<T>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>
  patch<T>(resource: Resource<T>, key: ObjectKey, type: PatchType, patch: unknown, options?: WriteOptions & { force?: boolean }): Promise<T>
  delete(resource: Resource, key: ObjectKey, options?: DeleteOptions): Promise<unknown>
  deleteCollection(resource: Resource, selection: ListOptions, options?: DeleteOptions): Promise<unknown>
  /** A raw request, for discovery and the like; answers the decoded JSON. */
  raw(method: string, path: string, body?: unknown, options?: { signal?: AbortSignal }): Promise<unknown>
}
