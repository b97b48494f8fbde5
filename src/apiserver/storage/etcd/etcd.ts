/**
 * The store on an etcd cluster, with the very operations upstream's API server uses: transactions that compare a key's
 * modification revision, ranges at a revision, watches with previous values, leases. Upstream: apiserver/pkg/storage/etcd3.
 */
import { Etcd3 } from 'etcd3'
import type { Clock } from '../../../base/env.ts'
import type { KVStore, KeyValue, ListResult, WriteResult } from '../store.ts'
import { CompactedError, FutureRevisionError, StoreError } from '../store.ts'
import { type EtcdOptions, connection, persistent } from './connection.ts'
import { LeasePool } from './leases.ts'
import { type Health, Members, isUnreachable, neverSent } from './members.ts'
import type { RawKeyValue } from './watch.ts'
import { keyValue, rangeEnd, Watches } from './watch.ts'

export type { EtcdOptions } from './connection.ts'

/** Connects when it is first used; throws at once when a certificate file cannot be read. */
export function openEtcdStore(o: EtcdOptions): KVStore {
  const members = new Members(o.endpoints, o.clock)
  const store = new EtcdStore(new Etcd3(connection(o, members)), o, members)
  members.start(store.probe)
  return store
}

/** A member that takes longer to say how it is does not answer. */
const probeMs = 2000

type Txn = Parameters<Etcd3['kv']['txn']>[0]

class EtcdStore implements KVStore {
  readonly #client: Etcd3
  readonly #members: Members
  readonly #probes = new Map<string, Etcd3>()
  readonly #o: EtcdOptions
  readonly #clock: Clock
  readonly #prefix: string
  readonly #leases: LeasePool
  readonly #watches: Watches
  #compacted = 0
  /** How often somebody compacted, as this server knows. */
  #compactTime = 0
  #ordered: Promise<boolean> | undefined

  constructor(client: Etcd3, o: EtcdOptions, members: Members) {
    this.#client = client
    this.#members = members
    this.#o = o
    this.#clock = o.clock
    this.#prefix = o.prefix ?? ''
    this.#leases = new LeasePool(o.clock, async (ttl) => (await client.leaseClient.leaseGrant({ TTL: ttl })).ID)
    this.#watches = new Watches(client.watchClient, this.#prefix)
  }

  async revision(): Promise<number> {
    const response = await this.#read(() => this.#client.kv.range({ key: this.#key('/'), count_only: true }))
    return Number(response.header.revision)
  }

  async get(key: string, o: { revision?: number } = {}): Promise<{ item: KeyValue | undefined; revision: number }> {
    const response = await this.#read(() => this.#client.kv.range({ key: this.#key(key), revision: o.revision }))
    const [kv] = response.kvs
    return { item: kv === undefined ? undefined : this.#item(kv), revision: Number(response.header.revision) }
  }

  async list(prefix: string, o: { revision?: number; after?: string; limit?: number } = {}): Promise<ListResult> {
    const start = o.after !== undefined && o.after >= prefix ? o.after + '\0' : prefix
    const response = await this.#read(() => this.#client.kv.range({
      key: this.#key(start), range_end: rangeEnd(this.#key(prefix)), revision: o.revision, limit: o.limit ?? 0,
    }))
    const items = response.kvs.map((kv) => this.#item(kv))
    const remaining = Number(response.count) - items.length
    return { items, revision: o.revision ?? Number(response.header.revision), more: remaining > 0, remaining }
  }

  async count(prefix: string): Promise<number> {
    const key = this.#key(prefix)
    return Number((await this.#read(() => this.#client.kv.range({ key, range_end: rangeEnd(key), count_only: true }))).count)
  }

  create(key: string, value: Uint8Array, o: { ttlSeconds?: number } = {}): Promise<WriteResult> {
    return this.#put(key, value, 0, o.ttlSeconds)
  }

  update(key: string, value: Uint8Array, expectedRevision: number, o: { ttlSeconds?: number } = {}): Promise<WriteResult> {
    // A key that is missing has modification revision 0: that must not count as met.
    return expectedRevision > 0 ? this.#put(key, value, expectedRevision, o.ttlSeconds) : this.#refused(key)
  }

  delete(key: string, expectedRevision: number): Promise<WriteResult> {
    if (expectedRevision <= 0) return this.#refused(key)
    return this.#compareAndDo(key, expectedRevision, { request_delete_range: { key: this.#key(key) } })
  }

  watch(prefix: string, fromRevision: number, signal: AbortSignal): ReturnType<KVStore['watch']> {
    return this.#watches.watch(prefix, fromRevision, signal)
  }

  async requestProgress(prefix?: string): Promise<void> {
    this.#watches.requestProgress(prefix)
  }

  progressIsOrdered(): Promise<boolean> {
    this.#ordered ??= this.#client.maintenance.status().then(
      ({ version }) => hasOrderedProgress(version),
      (error: unknown) => {
        this.#ordered = undefined
        throw error
      })
    return this.#ordered
  }

  async compact(revision: number): Promise<void> {
    await this.#interpret(() => this.#client.kv.compact({ revision, physical: false }))
    this.#compacted = Math.max(this.#compacted, revision)
  }

  /** Servers take turns by the version of one key, as many of upstream's as of ours. Upstream: storage/etcd3/compact.go. */
  async compactInTurn(revision: number): Promise<number> {
    const key = this.#key('compact_rev_key')
    const { succeeded, responses } = await this.#interpret(() => this.#client.kv.txn({
      compare: [{ target: 'Version', result: 'Equal', key, version: this.#compactTime }],
      success: [{ request_put: { key, value: Buffer.from(String(revision)) } }],
      failure: [{ request_range: { key } }],
    }))
    if (!succeeded) {
      const [kv] = responses[0]!.response_range.kvs
      this.#compactTime = Number(kv?.version ?? 0)
      return Number.parseInt(kv?.value.toString() ?? '', 10) || 0
    }
    this.#compactTime++
    if (revision > 0) await this.compact(revision)
    return revision
  }

  async size(): Promise<number> {
    return Number((await this.#client.maintenance.status()).dbSize)
  }

  /** Asks one member how it is, past all others. */
  readonly probe = async (endpoint: string): Promise<Health> => {
    const known = this.#probes.get(endpoint)
    const client = known ?? new Etcd3(connection({ ...this.#o, endpoints: [endpoint] }, new Members([endpoint], this.#clock)))
    if (known === undefined) this.#probes.set(endpoint, client)
    const { leader } = await client.maintenance.status({ deadline: this.#clock.now() + probeMs })
    return { hasLeader: leader !== '0' }
  }

  async close(): Promise<void> {
    this.#members.stop()
    this.#watches.close()
    for (const probe of this.#probes.values()) probe.close()
    this.#client.close()
  }

  #key(key: string): Buffer {
    return Buffer.from(this.#prefix + key)
  }

  #item(kv: RawKeyValue): KeyValue {
    return keyValue(kv, this.#prefix.length)
  }

  async #put(key: string, value: Uint8Array, expected: number, ttlSeconds: number | undefined): Promise<WriteResult> {
    const lease = ttlSeconds !== undefined && ttlSeconds > 0 ? await this.#leases.get(ttlSeconds) : undefined
    return this.#compareAndDo(key, expected, {
      request_put: { key: this.#key(key), value: asBuffer(value), ...(lease === undefined ? {} : { lease }) },
    })
  }

  async #compareAndDo(key: string, expected: number, action: NonNullable<Txn['success']>[number]): Promise<WriteResult> {
    const response = await this.#interpret(() => persistent(this.#o, neverSent, () => this.#client.kv.txn({
      compare: [{ target: 'Mod', result: 'Equal', key: this.#key(key), mod_revision: expected }],
      success: [action],
      failure: [{ request_range: { key: this.#key(key) } }],
    })))
    const revision = Number(response.header.revision)
    if (response.succeeded) return { ok: true, revision }
    const [kv] = response.responses[0]!.response_range.kvs
    return { ok: false, current: kv === undefined ? undefined : this.#item(kv), revision }
  }

  async #refused(key: string): Promise<WriteResult> {
    const { item, revision } = await this.get(key)
    return { ok: false, current: item, revision }
  }

  #read<T>(call: () => Promise<T>): Promise<T> {
    return this.#interpret(() => persistent(this.#o, (error) => isUnreachable(error) || neverSent(error), call))
  }

  /** etcd's errors by their texts, as its own client does. */
  async #interpret<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      const text = error instanceof Error ? error.message : ''
      if (text.includes('required revision has been compacted')) throw new CompactedError(this.#compacted)
      if (text.includes('required revision is a future revision')) throw new FutureRevisionError(await this.revision())
      throw toldByEtcd(error) ?? error
    }
  }
}

/** An error that came over the wire, as etcd's own client words it. */
function toldByEtcd(error: unknown): StoreError | undefined {
  if (!(error instanceof Error)) return undefined
  const [own] = /etcdserver: .*$/s.exec(error.message) ?? []
  if (own !== undefined) return new StoreError(own, { cause: error })
  // A client of upstream's does not send it: the limits of both ends are the same.
  const [, sizes] = /received message larger than max (\(\d+ vs\. \d+\))/.exec(error.message) ?? []
  if (sizes !== undefined) return new StoreError(`rpc error: code = ResourceExhausted desc = trying to send message larger than max ${sizes}`, { cause: error })
  const [, unavailable] = /^14 UNAVAILABLE: (.*)$/s.exec(error.message) ?? []
  return unavailable === undefined ? undefined : new StoreError(`rpc error: code = Unavailable desc = ${unavailable}`, { cause: error })
}

/** Upstream: apiserver/pkg/storage/feature. */
export function hasOrderedProgress(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  if (major !== 3) return major > 3
  if (minor === 4) return patch >= 31
  return minor === 5 ? patch >= 13 : minor > 5
}

function asBuffer(value: Uint8Array): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}
