/**
 * Who of several API servers on one store is alive: each keeps a key with its address that the store forgets when it is not
 * renewed. Keys and values are upstream's, so its servers and ours may stand beside each other
 * (pkg/controlplane/reconcilers/lease.go).
 */
import { encodeProtobuf } from '../../../api/codec/protobuf.ts'
import type { KVStore } from '../../storage/store.ts'

export interface MasterLeases {
  /** Says that the server at this address is alive. */
  renew(address: string): Promise<void>
  /** The addresses of all that are, in order. */
  list(): Promise<readonly string[]>
  remove(address: string): Promise<void>
}

const prefix = '/registry/masterleases/'
/** Upstream's DefaultEndpointReconcilerTTL. */
const ttlSeconds = 15

export function createMasterLeases(store: KVStore): MasterLeases {
  let generation = 0
  const value = (address: string): Uint8Array => encodeProtobuf({
    apiVersion: 'v1', kind: 'Endpoints', metadata: { generation: ++generation }, subsets: [{ addresses: [{ ip: address }] }],
  })
  return {
    async renew(address) {
      for (;;) {
        const { item } = await store.get(prefix + address)
        const written = item === undefined
          ? await store.create(prefix + address, value(address), { ttlSeconds })
          : await store.update(prefix + address, value(address), item.modRevision, { ttlSeconds })
        if (written.ok) return
      }
    },
    list: async () => (await store.list(prefix)).items.map(({ key }) => key.slice(prefix.length)),
    async remove(address) {
      const { item } = await store.get(prefix + address)
      if (item !== undefined) await store.delete(prefix + address, item.modRevision)
    },
  }
}
