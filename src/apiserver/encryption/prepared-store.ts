/** A store that hands values on when the keys to read them are there: what decodes them need not wait. */
import type { KVStore } from '../storage/store.ts'

/** Reads and watches fail while `prepare` does; whoever reads tries again, as for a store that does not answer. */
export function preparedStore(store: KVStore, prepare: (values: Iterable<Uint8Array>) => Promise<void>): KVStore {
  return {
    ...(store.local === undefined ? {} : { local: store.local }),
    ...(store.progressIsOrdered === undefined ? {} : { progressIsOrdered: () => store.progressIsOrdered!() }),
    revision: () => store.revision(),
    async get(key, options) {
      const result = await store.get(key, options)
      if (result.item !== undefined) await prepare([result.item.value])
      return result
    },
    async list(prefix, options) {
      const result = await store.list(prefix, options)
      await prepare(result.items.map(({ value }) => value))
      return result
    },
    count: (prefix) => store.count(prefix),
    create: (key, value, options) => store.create(key, value, options),
    update: (key, value, expectedRevision, options) => store.update(key, value, expectedRevision, options),
    delete: (key, expectedRevision) => store.delete(key, expectedRevision),
    async *watch(prefix, fromRevision, signal) {
      for await (const batch of store.watch(prefix, fromRevision, signal)) {
        await prepare(batch.events.flatMap(({ value, previous }) => [...(value === undefined ? [] : [value]), ...(previous === undefined ? [] : [previous.value])]))
        yield batch
      }
    },
    requestProgress: (prefix) => store.requestProgress(prefix),
    compact: (revision) => store.compact(revision),
    size: () => store.size(),
    close: () => store.close(),
  }
}
