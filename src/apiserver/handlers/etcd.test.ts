import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../base/real/env.ts'
import { isProtobuf } from '../../api/codec/protobuf.ts'
import { builtinResources } from '../resources/index.ts'
import { openEtcdStore } from '../storage/etcd/etcd.ts'
import type { TestEtcd } from '../storage/etcd/testing.ts'
import { etcdMissing, startTestEtcd } from '../storage/etcd/testing.ts'
import type { TestServer } from './testing.ts'
import { testServer } from './testing.ts'

const definitions = builtinResources.filter((d) => ['configmaps', 'deployments'].includes(d.resource))
const maps = '/api/v1/namespaces/default/configmaps'

describe.skipIf(etcdMissing() !== undefined)('two API servers on one etcd', () => {
  let etcd: TestEtcd
  const servers: TestServer[] = []
  beforeAll(async () => {
    etcd = await startTestEtcd()
    for (let i = 0; i < 2; i++) {
      const server = testServer({ definitions, clock: systemClock, store: (clock) => openEtcdStore({ endpoints: [etcd.endpoint], clock }) })
      await server.registry.ready()
      servers.push(server)
    }
  })
  afterAll(async () => {
    for (const server of servers) {
      server.registry.close()
      await server.store.close()
    }
    await etcd.stop()
  })

  it('read what the other wrote, at once', async () => {
    const [a, b] = servers as [TestServer, TestServer]
    for (let i = 0; i < 10; i++) {
      const made = await a.object('create', maps, { metadata: { name: `m${i}` }, data: { i: String(i) } })
      expect(await a.object('get', `${maps}/m${i}`)).toEqual(made)
      expect(await b.object('get', `${maps}/m${i}`)).toEqual(made)
      expect((await b.list(maps)).items).toHaveLength(i + 1)
    }
    await b.call('delete', `${maps}/m0`)
    expect((await a.list(maps)).items).toHaveLength(9)
  })

  it('store what upstream would', async () => {
    const [a] = servers as [TestServer]
    await a.call('create', maps, { body: { metadata: { name: 'bytes' } } })
    const { item } = await a.store.get('/registry/configmaps/default/bytes')
    expect(isProtobuf(item!.value)).toBe(true)
  })

  it('let one of two writers win, and watch each other', async () => {
    const [a, b] = servers as [TestServer, TestServer]
    const made = await a.object('create', maps, { metadata: { name: 'race' } })
    const watch = await b.watch(`${maps}?resourceVersion=${made.metadata.resourceVersion}`)
    const write = (s: TestServer, by: string) => s.object('update', `${maps}/race`, { metadata: made.metadata, data: { by } })
    const results = await Promise.allSettled([write(a, 'a'), write(b, 'b')])
    expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(1)
    const patches = [a, b, a, b].map((s, i) => s.object('patch', `${maps}/race`, { data: { [`p${i}`]: 'x' } }, { mediaType: 'application/merge-patch+json' }))
    await Promise.all(patches)
    const versions: number[] = []
    for await (const batch of watch.events) {
      for (const event of batch) versions.push(Number(event.object.metadata.resourceVersion))
      if (versions.length >= 5) break
    }
    expect(versions).toEqual(versions.toSorted((x, y) => x - y))
    expect(Object.keys((await a.object('get', `${maps}/race`)).data as object)).toHaveLength(5)
  })
})
