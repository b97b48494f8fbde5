/** The Client contract over any Transport: options become queries, refusals become StatusErrors. */
import { type Status, StatusError } from '../api/meta/errors.ts'
import { apiVersionOf, type KubeList, type KubeObject, type ObjectMeta, type Resource, type WatchEvent } from '../api/meta/object.ts'
import type { Verb } from '../api/meta/request.ts'
import { parseRequestInfo } from '../api/meta/request-info.ts'
import type { Client, DeleteOptions, ListOptions, PatchType, WatchOptions, WriteOptions } from './client.ts'
import { resourceInfo, resourcePath, type ResourceTarget } from './paths.ts'
import type { Transport, TransportRequest } from './transport.ts'

const patchMediaTypes: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
}

/** A Client over the transport. Throws StatusError for every refusal; other errors are the transport's own. */
export function createClient(transport: Transport): Client {
  const send = (request: TransportRequest): Promise<unknown> => transport.send(request)

  return {
    ...(transport.local === true ? { local: true } : {}),
    async get<T>(resource: Resource<T>, key: ResourceTarget, options: { subresource?: string; resourceVersion?: string; signal?: AbortSignal } = {}) {
      const query = new URLSearchParams()
      setQuery(query, 'resourceVersion', options.resourceVersion)
      return (await send(request('GET', resource, 'get', { ...target(resource, key), subresource: options.subresource }, query, options.signal))) as T
    },
    async list<T>(resource: Resource<T>, options: ListOptions = {}) {
      const answer = await send(request('GET', resource, 'list', collection(resource, options), listQuery(options), options.signal))
      return typed(resource, answer as KubeList<T>)
    },
    watch: <T>(resource: Resource<T>, options: WatchOptions = {}) => watch(transport, resource, options),
    async create<T>(resource: Resource<T>, object: T, options: WriteOptions & { namespace?: string } = {}) {
      const metadata = metadataOf(object)
      const namespace = options.namespace ?? metadata.namespace
      const to = { ...collection(resource, { namespace }), subresource: options.subresource }
      const named = options.subresource === undefined ? to : { ...to, name: metadata.name }
      return (await send(withBody(request('POST', resource, 'create', named, writeQuery(options), options.signal), identified(resource, object), undefined, options.metadataOnly))) as T
    },
    async createSubresource<R>(resource: Resource, key: ResourceTarget, subresource: string, body: object, options: WriteOptions = {}) {
      const to = { ...target(resource, key), subresource }
      return (await send(withBody(request('POST', resource, 'create', to, writeQuery(options), options.signal), body))) as R
    },
    async update<T>(resource: Resource<T>, object: T, options: WriteOptions = {}) {
      const to = { ...target(resource, metadataOf(object)), subresource: options.subresource }
      return (await send(withBody(request('PUT', resource, 'update', to, writeQuery(options), options.signal), identified(resource, object), undefined, options.metadataOnly))) as T
    },
    async patch<T>(resource: Resource<T>, key: ResourceTarget, type: PatchType, patch: unknown, options: WriteOptions & { force?: boolean } = {}) {
      const query = writeQuery(options)
      if (options.force !== undefined) query.set('force', String(options.force))
      const to = { ...target(resource, key), subresource: options.subresource }
      return (await send(withBody(request('PATCH', resource, 'patch', to, query, options.signal), patch, patchMediaTypes[type], options.metadataOnly))) as T
    },
    delete: (resource, key, options = {}) =>
      send(withBody(request('DELETE', resource, 'delete', target(resource, key), new URLSearchParams(), options.signal), deleteBody(options), undefined, options.metadataOnly)),
    deleteCollection: (resource, selection, options = {}) =>
      send(withBody(
        request('DELETE', resource, 'deletecollection', collection(resource, selection), listQuery(selection), options.signal ?? selection.signal),
        deleteBody(options),
      )),
    raw(method, path, body, options = {}) {
      const [line = '', search = ''] = path.split('?', 2)
      const query = new URLSearchParams(search)
      const info = parseRequestInfo(method, decodeURIComponent(line), query)
      const plain: TransportRequest = { method, path: line, query, info, signal: options.signal }
      return send(body === undefined ? plain : withBody(plain, body))
    },
  }
}

function request(
  method: string, resource: Resource<unknown>, verb: Verb, to: ResourceTarget, query: URLSearchParams, signal: AbortSignal | undefined,
): TransportRequest {
  const path = resourcePath(resource, to)
  return { method, path, query, info: resourceInfo(resource, verb, to, path, query), signal }
}

function withBody(plain: TransportRequest, body: unknown, contentType = 'application/json', metadataOnly?: boolean): TransportRequest {
  return { ...plain, body, contentType, ...(metadataOnly === true ? { metadataOnly } : {}) }
}

function target(resource: Resource<unknown>, key: { namespace?: string; name?: string }): ResourceTarget {
  if (key.name === undefined || key.name === '') throw new Error('resource name may not be empty')
  return resource.namespaced ? { namespace: key.namespace, name: key.name } : { name: key.name }
}

function collection(resource: Resource<unknown>, options: { namespace?: string }): ResourceTarget {
  return resource.namespaced ? { namespace: options.namespace } : {}
}

function metadataOf(object: unknown): ObjectMeta {
  return (object as KubeObject).metadata ?? {}
}

/** The object with apiVersion and kind, which objects out of lists may lack. */
function identified(resource: Resource<unknown>, object: unknown): unknown {
  const { apiVersion, kind } = object as KubeObject
  if (apiVersion !== undefined && kind !== undefined) return object
  return { ...(object as KubeObject), apiVersion: apiVersion ?? apiVersionOf(resource), kind: kind ?? resource.kind }
}

/** Lists on the wire leave out their items' apiVersion and kind; callers may rely on both. */
function typed<T>(resource: Resource<T>, list: KubeList<T>): KubeList<T> {
  const items = (list.items ?? []) as (T & { kind?: string })[]
  if (items.every((item) => item.kind !== undefined)) return list.items === undefined ? { ...list, items: [] } : list
  return { ...list, items: items.map((item) => identified(resource, item) as T) }
}

function setQuery(query: URLSearchParams, name: string, value: string | number | boolean | undefined): void {
  if (value !== undefined && value !== '') query.set(name, String(value))
}

function listQuery(options: ListOptions): URLSearchParams {
  const query = new URLSearchParams()
  setQuery(query, 'labelSelector', options.labelSelector)
  setQuery(query, 'fieldSelector', options.fieldSelector)
  setQuery(query, 'resourceVersion', options.resourceVersion)
  setQuery(query, 'resourceVersionMatch', options.resourceVersionMatch)
  setQuery(query, 'limit', options.limit)
  setQuery(query, 'continue', options.continue)
  return query
}

function writeQuery(options: WriteOptions): URLSearchParams {
  const query = new URLSearchParams()
  if (options.dryRun === true) query.set('dryRun', 'All')
  setQuery(query, 'fieldManager', options.fieldManager)
  setQuery(query, 'fieldValidation', options.fieldValidation)
  return query
}

function deleteBody(options: DeleteOptions): object {
  return {
    kind: 'DeleteOptions', apiVersion: 'v1',
    ...(options.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: options.gracePeriodSeconds }),
    ...(options.propagationPolicy === undefined ? {} : { propagationPolicy: options.propagationPolicy }),
    ...(options.preconditions === undefined ? {} : { preconditions: options.preconditions }),
    ...(options.dryRun === true ? { dryRun: ['All'] } : {}),
  }
}

async function* watch<T>(transport: Transport, resource: Resource<T>, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
  const query = listQuery(options)
  query.set('watch', 'true')
  setQuery(query, 'allowWatchBookmarks', options.allowWatchBookmarks)
  setQuery(query, 'sendInitialEvents', options.sendInitialEvents)
  setQuery(query, 'timeoutSeconds', options.timeoutSeconds)
  for await (const batch of transport.watch(request('GET', resource, 'watch', collection(resource, options), query, options.signal))) {
    for (const event of batch) {
      if (event.type === 'ERROR') throw new StatusError(event.object as Status)
      yield event as WatchEvent<T>
    }
  }
}
