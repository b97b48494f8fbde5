/**
 * A KVStore as a gRPC server with etcd's v3 API, so that programs that keep their state in etcd - upstream's kube-apiserver
 * above all - keep it here. One member; the authentication service and Maintenance's snapshots are not there.
 */
import { createRequire } from 'node:module'
import grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { Clock } from '../../../base/env.ts'
import { isUsedUp } from '../memory/quota.ts'
import type { KVStore } from '../store.ts'
import { createKVService } from './kv.ts'
import { createLeaseBook } from './leases.ts'
import { EtcdError, type Header, type WatchRequest } from './messages.ts'
import { type Listener, type Pages, type Tls, listen } from './listener.ts'
import { createWatchStream } from './watch.ts'

export interface EtcdServerOptions {
  readonly store: KVStore
  readonly clock: Clock
  /** "127.0.0.1:2379"; port 0: a free one. */
  readonly addresses: readonly string[]
  readonly tls?: Tls
  /** Addresses that answer /health, /readyz and /metrics without TLS, as etcd's --listen-metrics-urls. */
  readonly metricsAddresses?: readonly string[]
  readonly name?: string
  /** As etcd's --watch-progress-notify-interval. */
  readonly progressIntervalMs?: number
}

export interface EtcdServer {
  /** Ports by address, in the order of the options. */
  start(): Promise<readonly number[]>
  stop(): Promise<void>
}

/** What a client that asks for features is told; ours answers progress requests in order, as 3.5.13 and later do. */
export const etcdVersion = '3.6.8'

const memberId = 0x0c0c
const clusterId = 0xc0c0

type Unary = grpc.handleUnaryCall<object, object>
type Services = Record<string, { service: grpc.ServiceDefinition }>

export function createEtcdServer(options: EtcdServerOptions): EtcdServer {
  const { store, clock } = options
  const header = (revision: number): Header => ({ cluster_id: clusterId, member_id: memberId, revision, raft_term: 2 })
  const leases = createLeaseBook(clock)
  const kv = createKVService(store, leases, header)
  const now = async (): Promise<Header> => header(await store.revision())
  const services = (grpc.loadPackageDefinition(loadSync(createRequire(import.meta.url).resolve('etcd3/proto/rpc.proto'), {
    keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true,
  })) as unknown as { etcdserverpb: Services }).etcdserverpb
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1, 'grpc.max_concurrent_streams': 4_294_967_295 })

  server.addService(services['KV']!.service, {
    Range: unary(kv.range), Put: unary(kv.put), DeleteRange: unary(kv.deleteRange), Txn: unary(kv.txn), Compact: unary(kv.compact),
  })
  server.addService(services['Watch']!.service, {
    Watch(call: grpc.ServerDuplexStream<WatchRequest, object>) {
      const stream = createWatchStream({ store, clock, header, wire: kv.wire, progressIntervalMs: options.progressIntervalMs ?? 600_000 }, (response) => sent(call, response))
      call.on('data', (request: WatchRequest) => stream.receive(request))
      call.on('end', () => { stream.close(); call.end() })
      call.on('cancelled', () => stream.close())
      call.on('error', () => stream.close())
    },
  })
  server.addService(services['Lease']!.service, {
    LeaseGrant: unary(async ({ TTL, ID }: { TTL: number; ID: number }) => {
      const { id, ttl } = leases.grant(TTL, ID)
      return { header: await now(), ID: id, TTL: ttl }
    }),
    LeaseRevoke: unary(async ({ ID }: { ID: number }) => {
      for (const key of leases.revoke(ID)) await kv.deleteRange({ key: Buffer.from(key), range_end: new Uint8Array(), prev_kv: false })
      return { header: await now() }
    }),
    LeaseTimeToLive: unary(async ({ ID, keys }: { ID: number; keys: boolean }) => ({
      header: await now(), ID, TTL: leases.remaining(ID), grantedTTL: leases.granted(ID), keys: keys ? leases.keysOf(ID).map((key) => Buffer.from(key)) : [],
    })),
    LeaseLeases: unary(async () => ({ header: await now(), leases: leases.ids().map((ID) => ({ ID })) })),
  })
  server.addService(services['Cluster']!.service, {
    MemberList: unary(async () => ({
      header: await now(), members: [{ ID: memberId, name: options.name ?? 'default', peerURLs: [], clientURLs: options.addresses.map((address) => `http${options.tls ? 's' : ''}://${address}`) }],
    })),
  })
  server.addService(services['Maintenance']!.service, {
    Status: unary(async () => {
      const own = await now()
      return { header: own, version: etcdVersion, dbSize: await store.size(), leader: memberId, raftIndex: own.revision, raftTerm: own.raft_term, ...(isFull(store) ? { errors: ['memberID:3084 alarm:NOSPACE '] } : {}) }
    }),
    // An alarm goes when there is room again; nobody has to disarm it.
    Alarm: unary(async () => ({ header: await now(), alarms: isFull(store) ? [{ memberID: memberId, alarm: 'Nospace' }] : [] })),
  })

  const listeners: Listener[] = []
  return {
    async start() {
      const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure())
      const pages = statusPages(store)
      for (const address of options.addresses) listeners.push(await listen(address, options.tls, pages, (connection) => injector.injectConnection(connection)))
      const ports = listeners.map(({ port }) => port)
      for (const address of options.metricsAddresses ?? []) listeners.push(await listen(address, undefined, pages))
      return ports
    },
    async stop() {
      server.forceShutdown()
      await Promise.all(listeners.splice(0).map((listener) => listener.close()))
    },
  }
}

function isFull(store: KVStore): boolean {
  const space = store.space?.()
  return space !== undefined && isUsedUp(space)
}

/** What etcd shows to whoever asks with HTTP. */
function statusPages(store: KVStore): Pages {
  return async (path) => {
    const json = (value: object) => ({ status: 200, type: 'application/json', text: JSON.stringify(value) })
    const text = (lines: readonly string[]) => ({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', text: `${lines.join('\n')}\n` })
    switch (path) {
      case '/health':
        await store.revision()
        return isFull(store) ? { ...json({ health: 'false', reason: 'ALARM NOSPACE' }), status: 503 } : json({ health: 'true', reason: '' })
      case '/livez':
      case '/readyz':
        await store.revision()
        return text(['ok'])
      case '/version':
        return json({ etcdserver: etcdVersion, etcdcluster: '3.6.0', storage: '3.6.0' })
      case '/metrics':
        return text([
          '# HELP etcd_server_has_leader Whether or not a leader exists. 1 is existence, 0 is not.', '# TYPE etcd_server_has_leader gauge', 'etcd_server_has_leader 1',
          '# HELP etcd_mvcc_db_total_size_in_bytes Total size of the underlying database physically allocated in bytes.',
          '# TYPE etcd_mvcc_db_total_size_in_bytes gauge', `etcd_mvcc_db_total_size_in_bytes ${await store.size()}`,
          ...spaceLines(store.space?.()),
          '# HELP etcd_debugging_mvcc_current_revision The current revision of store.', '# TYPE etcd_debugging_mvcc_current_revision gauge',
          `etcd_debugging_mvcc_current_revision ${await store.revision()}`,
        ])
      default:
        return undefined
    }
  }
}

function spaceLines(space: ReturnType<NonNullable<KVStore['space']>> | undefined): string[] {
  if (space === undefined) return []
  return [
    '# HELP etcd_server_quota_backend_bytes Current backend storage quota size in bytes.', '# TYPE etcd_server_quota_backend_bytes gauge', `etcd_server_quota_backend_bytes ${space.quota}`,
    '# HELP etcd_mvcc_db_total_size_in_use_in_bytes Total size of the underlying database logically in use in bytes.', '# TYPE etcd_mvcc_db_total_size_in_use_in_bytes gauge',
    `etcd_mvcc_db_total_size_in_use_in_bytes ${space.used}`,
  ]
}

function unary<Q extends object>(work: (request: Q) => Promise<object>): Unary {
  return (call, callback) => {
    work(call.request as Q).then((response) => callback(null, response), (error: unknown) => {
      callback(error instanceof EtcdError ? { code: error.code, details: error.message } : { code: grpc.status.UNKNOWN, details: String(error) })
    })
  }
}

function sent(call: grpc.ServerDuplexStream<WatchRequest, object>, response: object): Promise<void> {
  if (call.writableEnded || call.destroyed || call.write(response)) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      call.off('drain', done).off('close', done).off('cancelled', done)
      resolve()
    }
    call.on('drain', done).on('close', done).on('cancelled', done)
  })
}
