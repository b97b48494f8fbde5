/**
 * What the store and the watch caches have done, under upstream's names: apiserver/pkg/storage/etcd3/metrics/metrics.go and
 * apiserver/pkg/storage/cacher/metrics/metrics.go. Most is counted where it happens and read when somebody asks.
 */
import type { Clock, Labels, Metrics } from '../../base/env.ts'
import type { ResourceDefinition } from '../resources/define.ts'
import type { KVStore } from '../storage/store.ts'
import type { ResourceStorage } from './resource-storage.ts'

const group = ['group', 'resource'] as const

interface Storages {
  storages(): Iterable<readonly [ResourceDefinition, ResourceStorage]>
}

/** Publishes what is known of all resources that are served. */
export function publishStorageMetrics(metrics: Metrics, store: KVStore, registry: Storages): void {
  const each = (name: string, type: 'counter' | 'gauge', help: string, value: (storage: ResourceStorage) => number, more: Labels = {}) =>
    metrics.collect(name, help, type, [...group, ...Object.keys(more)], function* () {
      for (const [definition, storage] of registry.storages()) yield [{ group: definition.group, resource: definition.resource, ...more }, value(storage)]
    })
  const objects = (storage: ResourceStorage): number => (storage.filled ? storage.cache.size : -1)
  metrics.collect('apiserver_storage_objects', 'Number of stored objects, by resource.', 'gauge', ['resource'], function* () {
    for (const [{ group: name, resource }, storage] of registry.storages()) yield [{ resource: name === '' ? resource : `${resource}.${name}` }, objects(storage)]
  })
  each('apiserver_resource_objects', 'gauge', 'Number of stored objects.', objects)
  each('apiserver_resource_size_estimate_bytes', 'gauge', 'Size of stored objects.', ({ cache }) => Math.round(cache.stats().averageBytes * cache.size))
  each('apiserver_storage_events_received_total', 'counter', 'Changes received from the store.', ({ cache }) => cache.counts.events)
  each('apiserver_watch_cache_events_received_total', 'counter', 'Changes that came into the watch cache.', ({ cache }) => cache.counts.events)
  each('apiserver_watch_cache_events_dispatched_total', 'counter', 'Changes that the watch cache handed to its watchers.', ({ cache }) => cache.counts.events)
  each('apiserver_watch_cache_initializations_total', 'counter', 'Times that the watch cache was filled.', (storage) => storage.initializations)
  each('apiserver_watch_cache_resource_version', 'gauge', 'Version up to which the watch cache has seen everything, its last 15 digits.', (storage) => storage.revision() % 1e15)
  each('apiserver_init_events_total', 'counter', 'Events that watches began with.', ({ cache }) => cache.watches.initial)
  each('apiserver_terminated_watchers_total', 'counter', 'Watchers that were closed because they were too slow.', ({ cache }) => cache.watches.terminated)
  each('apiserver_cache_list_total', 'counter', 'Lists served from the watch cache.', ({ cache }) => cache.counts.lists, { index: '' })
  each('apiserver_cache_list_fetched_objects_total', 'counter', 'Objects that lists read in the watch cache.', ({ cache }) => cache.counts.fetched, { index: '' })
  each('apiserver_cache_list_returned_objects_total', 'counter', 'Objects that lists from the watch cache answered with.', ({ cache }) => cache.counts.returned)
  publishSize(metrics, store)
  publishSpace(metrics, store)
}

/** The store is asked each time; what it said last is shown. */
function publishSize(metrics: Metrics, store: KVStore): void {
  let size: number | undefined
  const ask = (): void => {
    store.size().then((bytes) => { size = bytes }, () => { size = undefined })
  }
  ask()
  metrics.collect('apiserver_storage_size_bytes', 'Size of the store as it lies on disk.', 'gauge', ['storage_cluster_id'], function* () {
    ask()
    if (size !== undefined) yield [{ storage_cluster_id: 'etcd-0' }, size]
  })
}

/** What is known of a store in this process, under etcd's names: no etcd tells it here. */
function publishSpace(metrics: Metrics, store: KVStore): void {
  if (store.space === undefined) return
  const gauge = (name: string, help: string, value: () => number) => metrics.collect(name, help, 'gauge', [], () => [[{}, value()]])
  gauge('etcd_server_quota_backend_bytes', 'Bytes that the store may take.', () => store.space!().quota)
  gauge('etcd_mvcc_db_total_size_in_use_in_bytes', 'Bytes of keys and values in the store.', () => store.space!().used)
}

const durationBuckets = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60]

/** The store with the requests that are made of it counted and timed. */
export function measuredStore(store: KVStore, metrics: Metrics, clock: Clock, { group: name, resource }: ResourceDefinition): KVStore {
  const labelNames = ['operation', ...group]
  const durations = metrics.histogram('etcd_request_duration_seconds', 'Time that the store took for a request.', durationBuckets, labelNames)
  const requests = metrics.counter('etcd_requests_total', 'Requests made of the store.', labelNames)
  const errors = metrics.counter('etcd_request_errors_total', 'Requests of the store that failed.', labelNames)
  const operations = new Map<string, { request(): void; duration(seconds: number): void; failed(): void }>()
  const seriesOf = (operation: string) => {
    const known = operations.get(operation)
    if (known !== undefined) return known
    const labels = { operation, group: name, resource }
    const series = { request: requests.with(labels), duration: durations.with(labels), failed: () => errors.inc(labels) }
    operations.set(operation, series)
    return series
  }
  const timed = async <T>(operation: string, work: Promise<T>): Promise<T> => {
    const series = seriesOf(operation)
    const began = clock.monotonic()
    series.request()
    try {
      return await work
    } catch (error) {
      series.failed()
      throw error
    } finally {
      series.duration((clock.monotonic() - began) / 1000)
    }
  }
  const { local } = store
  return {
    ...(local === undefined ? {} : { local: { ...local, write: (write) => timed(write.type, local.write(write)) } }),
    ...(store.progressIsOrdered === undefined ? {} : { progressIsOrdered: () => store.progressIsOrdered!() }),
    revision: () => store.revision(),
    get: (key, options) => timed('get', store.get(key, options)),
    list: (prefix, options) => timed('list', store.list(prefix, options)),
    count: (prefix) => store.count(prefix),
    create: (key, value, options) => timed('create', store.create(key, value, options)),
    update: (key, value, expectedRevision, options) => timed('update', store.update(key, value, expectedRevision, options)),
    delete: (key, expectedRevision) => timed('delete', store.delete(key, expectedRevision)),
    watch: (prefix, fromRevision, signal) => store.watch(prefix, fromRevision, signal),
    requestProgress: (prefix) => store.requestProgress(prefix),
    compact: (revision) => store.compact(revision),
    ...(store.compactInTurn === undefined ? {} : { compactInTurn: (revision) => store.compactInTurn!(revision) }),
    size: () => store.size(),
    ...(store.space === undefined ? {} : { space: () => store.space!() }),
    close: () => store.close(),
  }
}
