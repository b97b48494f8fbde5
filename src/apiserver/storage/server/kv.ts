/**
 * etcd's KV service over a KVStore: ranges, single writes, and transactions that compare one key and write that key, which
 * are those that Kubernetes sends (client/v3/kubernetes, apiserver/pkg/storage/etcd3). Others are refused by name.
 */
import { CompactedError, FutureRevisionError, StoreError, noSpace, type KVStore, type KeyValue, type WriteResult } from '../store.ts'
import { type Compare, type DeleteRangeRequest, EtcdError, type Header, type PutRequest, type RangeRequest, type RangeResponse, type RequestOp, type TxnRequest, type WireKeyValue, grpcCode } from './messages.ts'
import { type KeyRange, inRange, keyRange, keyText } from './ranges.ts'
import type { LeaseBook } from './leases.ts'

export interface KVService {
  range(request: RangeRequest): Promise<RangeResponse>
  put(request: PutRequest): Promise<object>
  deleteRange(request: DeleteRangeRequest): Promise<object>
  txn(request: TxnRequest): Promise<object>
  compact(request: { revision: number }): Promise<object>
  wire(item: KeyValue): WireKeyValue
}

export function createKVService(store: KVStore, leases: LeaseBook, header: (revision: number) => Header): KVService {
  /** Versions of keys that were written under a comparison of their version; others have one that is never less. */
  const versions = new Map<string, { modRevision: number; version: number }>()

  function versionOf(item: KeyValue | undefined): number {
    if (item === undefined) return 0
    const known = versions.get(item.key)
    return known?.modRevision === item.modRevision ? known.version : item.modRevision - item.createRevision + 1
  }

  const wire = (item: KeyValue): WireKeyValue => ({
    key: Buffer.from(item.key), value: item.value, create_revision: item.createRevision, mod_revision: item.modRevision, version: versionOf(item), lease: leases.of(item.key),
  })

  async function range(request: RangeRequest): Promise<RangeResponse> {
    const keys = keyRange(request.key, request.range_end)
    const revision = request.revision > 0 ? request.revision : undefined
    const found = await read(store, keys, revision, request.count_only ? 1 : request.limit)
    const kvs = request.count_only ? [] : found.items.map((item) => (request.keys_only ? { ...wire(item), value: new Uint8Array() } : wire(item)))
    if (request.sort_order === 'Descend' || request.sort_target !== 'Key') sort(kvs, request)
    return { header: header(await store.revision()), kvs, more: !request.count_only && found.count > found.items.length, count: found.count }
  }

  async function put(request: PutRequest): Promise<object> {
    if (request.ignore_value || request.ignore_lease) throw unsupported('a put that keeps the value or the lease')
    const key = keyText(request.key)
    for (;;) {
      const { item } = await store.get(key)
      const result = await write(request, item)
      if (result.ok) return { header: header(result.revision), ...(request.prev_kv && item !== undefined ? { prev_kv: wire(item) } : {}) }
    }
  }

  /** Puts over what `current` is; refused when that is no longer so. */
  async function write(request: PutRequest, current: KeyValue | undefined): Promise<WriteResult> {
    const key = keyText(request.key)
    const ttlSeconds = request.lease === 0 ? undefined : leases.remaining(request.lease)
    const options = ttlSeconds === undefined ? {} : { ttlSeconds }
    const value = Buffer.from(request.value)
    const result = current === undefined ? await store.create(key, value, options) : await store.update(key, value, current.modRevision, options)
    if (result.ok) leases.attach(key, request.lease)
    return result
  }

  async function deleteRange(request: DeleteRangeRequest): Promise<object> {
    const { items } = await read(store, keyRange(request.key, request.range_end), undefined, 0)
    const deleted: KeyValue[] = []
    let revision = await store.revision()
    for (let item of items) {
      for (;;) {
        const result = await store.delete(item.key, item.modRevision)
        revision = Math.max(revision, result.revision)
        if (result.ok) deleted.push(item)
        if (result.ok || result.current === undefined) break
        item = result.current
      }
    }
    return { header: header(revision), deleted: deleted.length, prev_kvs: request.prev_kv ? deleted.map(wire) : [] }
  }

  async function txn(request: TxnRequest): Promise<object> {
    const key = onlyKey(request)
    for (;;) {
      const { item, revision } = await store.get(key)
      const succeeded = request.compare.every((compare) => holds(compare, item, versionOf(item)))
      const [op] = succeeded ? request.success : request.failure
      if (op === undefined) return { header: header(revision), succeeded, responses: [] }
      if (op.request === 'request_range') {
        return { header: header(revision), succeeded, responses: [{ response_range: await rangeOf(op.request_range!, item, revision) }] }
      }
      const result = await change(op, item)
      // Somebody was quicker: what was compared holds no longer, so it is compared again.
      if (!result.ok) continue
      if (request.compare.some(({ target }) => target === 'Version')) versions.set(key, { modRevision: result.revision, version: versionOf(item) + 1 })
      const own = header(result.revision)
      const response = op.request === 'request_put' ? { response_put: { header: own } } : { response_delete_range: { header: own, deleted: item === undefined ? 0 : 1 } }
      return { header: own, succeeded, responses: [response] }
    }
  }

  /** A range of a transaction shows what was compared. */
  async function rangeOf(request: RangeRequest, item: KeyValue | undefined, revision: number): Promise<RangeResponse> {
    if (request.range_end.length > 0 || request.revision > 0) return range(request)
    return { header: header(revision), kvs: item === undefined ? [] : [wire(item)], more: false, count: item === undefined ? 0 : 1 }
  }

  async function change(op: RequestOp, item: KeyValue | undefined): Promise<WriteResult> {
    if (op.request === 'request_put') return write(op.request_put!, item)
    if (item === undefined) return { ok: true, revision: await store.revision() }
    return store.delete(item.key, item.modRevision)
  }

  return {
    wire,
    range: (request) => translated(range(request)),
    put: (request) => translated(put(request)),
    deleteRange: (request) => translated(deleteRange(request)),
    txn: (request) => translated(txn(request)),
    compact: ({ revision }) => translated(store.compact(revision).then(async () => ({ header: header(await store.revision()) }))),
  }
}

async function read(store: KVStore, keys: KeyRange, revision: number | undefined, limit: number): Promise<{ items: readonly KeyValue[]; count: number }> {
  const at = revision === undefined ? {} : { revision }
  if (keys.end === undefined) {
    const { item } = await store.get(keys.start, at)
    return item === undefined ? { items: [], count: 0 } : { items: [item], count: 1 }
  }
  // A page begins right behind the last key of the one before: at that key with a zero byte.
  const behind = keys.start.endsWith('\0') ? keys.start.slice(0, -1) : undefined
  if (keys.prefix !== '' && (keys.start === keys.prefix || behind !== undefined)) {
    const { items, remaining } = await store.list(keys.prefix, { ...at, ...(behind === undefined ? {} : { after: behind }), ...(limit > 0 ? { limit } : {}) })
    return { items, count: items.length + remaining }
  }
  const { items } = await store.list(keys.prefix, at)
  const within = items.filter(({ key }) => inRange(keys, key))
  return { items: limit > 0 ? within.slice(0, limit) : within, count: within.length }
}

/** The one key that a transaction is about. */
function onlyKey({ compare, success, failure }: TxnRequest): string {
  const keys = new Set(compare.map(({ key }) => keyText(key)))
  for (const branch of [success, failure]) {
    if (branch.length > 1) throw unsupported('a transaction of several operations')
    for (const op of branch) {
      const own = op.request_put ?? op.request_delete_range ?? op.request_range
      if (own === undefined) throw unsupported('a transaction within a transaction')
      if ('range_end' in own && own.range_end.length > 0) throw unsupported('a transaction over a range of keys')
      if (op.request === 'request_put' && (op.request_put!.ignore_value || op.request_put!.ignore_lease)) throw unsupported('a put that keeps the value or the lease')
      keys.add(keyText(own.key))
    }
  }
  if (keys.size !== 1) throw unsupported('a transaction over several keys')
  return [...keys][0]!
}

function holds(compare: Compare, item: KeyValue | undefined, version: number): boolean {
  const order = compareTo(compare, item, version)
  switch (compare.result) {
    case 'Equal': return order === 0
    case 'NotEqual': return order !== 0
    case 'Greater': return order > 0
    case 'Less': return order < 0
  }
}

function compareTo(compare: Compare, item: KeyValue | undefined, version: number): number {
  switch (compare.target) {
    case 'Version': return version - compare.version
    case 'Create': return (item?.createRevision ?? 0) - compare.create_revision
    case 'Mod': return (item?.modRevision ?? 0) - compare.mod_revision
    // etcd: a value that is not there compares false with every other, so never equal.
    case 'Value': return item === undefined ? Number.NaN : Buffer.compare(item.value, compare.value)
    case 'Lease': throw unsupported('a comparison of leases')
  }
}

function sort(kvs: WireKeyValue[], { sort_order, sort_target }: RangeRequest): void {
  const by: Record<RangeRequest['sort_target'], (a: WireKeyValue, b: WireKeyValue) => number> = {
    Key: (a, b) => Buffer.compare(a.key, b.key), Value: (a, b) => Buffer.compare(a.value, b.value),
    Version: (a, b) => a.version - b.version, Create: (a, b) => a.create_revision - b.create_revision, Mod: (a, b) => a.mod_revision - b.mod_revision,
  }
  kvs.sort(by[sort_target])
  if (sort_order === 'Descend') kvs.reverse()
}

function unsupported(what: string): EtcdError {
  return new EtcdError(grpcCode.unimplemented, `etcdserver: ${what} is not supported by this store`)
}

/** The store's own errors, as etcd gives them. */
async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof CompactedError || error instanceof FutureRevisionError) throw new EtcdError(grpcCode.outOfRange, error.message)
    if (error instanceof StoreError && error.message === noSpace) throw new EtcdError(grpcCode.resourceExhausted, error.message)
    throw error
  }
}
