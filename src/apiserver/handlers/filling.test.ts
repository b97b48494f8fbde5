/** A server whose caches are still being filled from a store elsewhere. */
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../base/env.ts'
import { builtinResources } from '../resources/index.ts'
import { createMemoryStore } from '../storage/memory/memory.ts'
import type { KVStore } from '../storage/store.ts'
import { testServer } from './testing.ts'

const definitions = builtinResources.filter((d) => ['configmaps', 'namespaces'].includes(d.resource))
const maps = '/api/v1/namespaces/default/configmaps'

/** One state behind many stores, as in another process; lists wait until they are let through. */
function elsewhere(clock: Clock): { store: KVStore; letThrough(): void } {
  const inner = createMemoryStore({ clock })
  let letThrough!: () => void
  const open = new Promise<void>((resolve) => (letThrough = resolve))
  const store = new Proxy(inner, {
    get(target, key) {
      if (key === 'local') return undefined
      if (key === 'list') return async (...args: Parameters<KVStore['list']>) => (await open, target.list(...args))
      const value: unknown = target[key as keyof KVStore]
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value
    },
  })
  return { store, letThrough }
}

describe('while the caches are being filled', () => {
  const begin = async () => {
    let store!: KVStore
    let letThrough!: () => void
    const key = '/registry/configmaps/default/there'
    const server = testServer({ definitions, store: (clock) => ({ store, letThrough } = elsewhere(clock)).store })
    await store.create(key, Buffer.from(JSON.stringify({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'there', namespace: 'default' } })))
    return { server, letThrough }
  }

  it('nobody is told that nothing is stored: lists, watches and writes wait', async () => {
    const { server, letThrough } = await begin()
    const answers = Promise.all([
      server.list(`${maps}?resourceVersion=0`), server.call('get', `${maps}/there?resourceVersion=0`),
      server.watch(`${maps}?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0&allowWatchBookmarks=true`),
    ])
    letThrough()
    const [list, got, watch] = await answers
    expect(list.items).toHaveLength(1)
    expect(got).toMatchObject({ code: 200 })
    for await (const batch of watch.events) {
      expect(batch.map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK'])
      break
    }
    server.registry.close()
  })

  it('a store that does not answer is told after three seconds, for writes too', async () => {
    const { server, letThrough } = await begin()
    const calls = [server.list(maps), server.call('create', maps, { body: { metadata: { name: 'a' } } })]
    server.env.clock.advance(3000)
    for (const call of calls) {
      await expect(call).rejects.toMatchObject({ code: 429, status: { reason: 'TooManyRequests', message: 'storage is (re)initializing', details: { retryAfterSeconds: 1 } } })
    }
    letThrough()
    server.registry.close()
  })
})
