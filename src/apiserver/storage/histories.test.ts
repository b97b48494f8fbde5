import { describe, expect, it } from 'vitest'
import { etcdMissing } from './etcd/testing.ts'
import { createMemoryStore } from './memory/memory.ts'
import type { KVStore, RevisionBatch } from './store.ts'
import { backends, checkBackend, memoryHistory } from './testing/backends.ts'
import { violations } from './testing/verify.ts'

const counts = { memory: 1000, lmdb: 200, etcd: 24 }

describe('random histories of many clients', () => {
  it.for(backends.map((name) => [name, counts[name]] as const))('%s: %i histories are strictly serializable and their watches complete', async ([name, count], { skip }) => {
    skip(name === 'etcd' && etcdMissing() !== undefined, etcdMissing())
    expect(await checkBackend(name, count, 'unit')).not.toHaveProperty('wrong')
  })
})

/** What a store that breaks one promise does; each must be found out. */
const faults: Record<string, (store: KVStore) => Partial<KVStore>> = {
  'loses an acknowledged write': (store) => ({
    update: async (key, value, expected) => (expected % 5 === 0 ? { ok: true, revision: await store.revision() + 1 } : store.update(key, value, expected)),
  }),
  'writes twice': (store) => ({
    create: async (key, value) => {
      const result = await store.create(key, value)
      return result.ok && result.revision % 7 === 0 ? store.update(key, value, result.revision) : result
    },
  }),
  'overwrites without looking': (store) => ({
    update: async (key, value, expected) => {
      const { item } = await store.get(key)
      return store.update(key, value, item?.modRevision ?? expected)
    },
  }),
  'reads what was': (store) => ({
    get: async (key, o) => {
      const { revision } = await store.get(key)
      return o?.revision !== undefined || revision < 8 ? store.get(key, o) : store.get(key, { revision: revision - 5 })
    },
  }),
  'lists the present for the past': (store) => ({
    list: async (prefix, { revision, ...o } = {}) => ({ ...await store.list(prefix, o), ...(revision === undefined ? {} : { revision }) }),
  }),
  'counts the rest wrongly': (store) => ({
    list: async (prefix, o) => ({ ...await store.list(prefix, o), remaining: 0, more: false }),
  }),
  'forgets to refuse what is compacted': (store) => ({ compact: () => Promise.resolve(void store) }),
  'drops deletions from watches': (store) => ({
    watch: (...args) => batches(store, args, (batch) => ({ ...batch, events: batch.events.filter((event) => event.type === 'put') })),
  }),
  'repeats events': (store) => ({
    watch: (...args) => batches(store, args, (batch) => ({ ...batch, events: [...batch.events, ...batch.events.slice(0, batch.revision % 3 === 0 ? 1 : 0)] })),
  }),
  'shows no values from before': (store) => ({
    watch: (...args) => batches(store, args, (batch) => ({ ...batch, events: batch.events.map(({ previous: _, ...event }) => event) })),
  }),
  'marks progress too early': (store) => ({
    watch: (...args) => batches(store, args, (batch) => (batch.events.length > 0 ? batch : { ...batch, revision: batch.revision + 1 })),
  }),
  'begins watches too late': (store) => ({ watch: (prefix, from, signal) => store.watch(prefix, from + 1, signal) }),
}

async function* batches(store: KVStore, args: Parameters<KVStore['watch']>, change: (batch: RevisionBatch) => RevisionBatch): AsyncGenerator<RevisionBatch> {
  for await (const batch of store.watch(...args)) yield change(batch)
}

describe('the judge of histories', () => {
  const clock = { now: () => 0, monotonic: () => 0, setTimeout: () => ({ cancel: () => undefined }), sleep: () => Promise.resolve() }

  it.each(Object.keys(faults))('finds out a store that %s', async (name) => {
    for (let i = 0; i < 30; i++) {
      const store = createMemoryStore({ clock })
      const history = await memoryHistory({ ...store, ...faults[name]!(store) }, `judge-${i}`)
      if (violations(history, { exclusive: true }).length > 0) return
    }
    expect.unreachable('thirty histories looked right')
  })

  it('tells a watch that stands still from one that left something out', async () => {
    const judged = (change: (batch: RevisionBatch) => boolean) => {
      const store = createMemoryStore({ clock })
      const watch: KVStore['watch'] = async function* (...args) {
        for await (const batch of store.watch(...args)) if (change(batch)) yield batch
      }
      return memoryHistory({ ...store, watch }, 'judge-stuck').then((history) => violations(history, { exclusive: true }))
    }
    expect(await judged(({ revision }) => revision < 12)).toEqual([expect.stringMatching(/^the watch of everything stands at revision 11 and got no further: writes at 12, .* the last is \d+; 0 of/)])
    expect((await judged(({ revision, events }) => revision !== 12 || events.length === 0)).join('\n')).toMatch(/revision 13 comes behind 11 in the log/)
  })

  it('lets etcd leave out what was before the first events of a watch, and nothing of the others', async () => {
    const without = async (left: (events: number) => boolean) => {
      const store = createMemoryStore({ clock })
      const watch: KVStore['watch'] = (...args) => {
        let events = 0
        return batches(store, args, (batch) => ({ ...batch, events: batch.events.map((event) => (left(events++) ? { ...event, previous: undefined, createRevision: event.type === 'put' ? event.createRevision : 0 } : event)) }))
      }
      return violations(await memoryHistory({ ...store, watch }, 'judge-first'), { exclusive: true, lateStart: true })
    }
    expect(await without((events) => events < 2)).toEqual([])
    expect(await without((events) => events > 8)).not.toEqual([])
  })
})
