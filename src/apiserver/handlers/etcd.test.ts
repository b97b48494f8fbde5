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

  it('store what is too large without managed fields, unless it is applied; and refuse what is too large all the same', async () => {
    const [a] = servers as [TestServer]
    const keys = (count: number, value: string) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`${'k'.repeat(240)}-${i}`, value]))
    // Less than etcd takes, together with what is said of each key more.
    const large = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: keys(3600, 'xx') })
    expect(await a.object('create', maps, large('created'))).toMatchObject({ metadata: { name: 'created' } })
    expect((await a.object('get', `${maps}/created`)).metadata.managedFields).toBeUndefined()
    const small = await a.object('create', maps, { metadata: { name: 'patched' }, data: { a: 'b' } })
    expect(small.metadata.managedFields).toHaveLength(1)
    const patched = await a.object('patch', `${maps}/patched`, { data: keys(3600, 'xx') }, { mediaType: 'application/merge-patch+json' })
    expect(patched.metadata.managedFields).toBeUndefined()
    const tooLarge = { message: 'etcdserver: request is too large' }
    await expect(a.call('patch', `${maps}/applied?fieldManager=f`, { body: large('applied'), mediaType: 'application/apply-patch+yaml' })).rejects.toMatchObject(tooLarge)
    const deployment = (bytes: number) => ({
      metadata: { name: `of-${bytes}` },
      spec: { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i', env: [{ name: 'E', value: 'x'.repeat(bytes) }] }] } } },
    })
    const deployments = '/apis/apps/v1/namespaces/default/deployments'
    await expect(a.call('create', deployments, { body: deployment(1_600_000) })).rejects.toMatchObject(tooLarge)
    await expect(a.call('create', deployments, { body: deployment(2_200_000) })).rejects.toMatchObject({ message: expect.stringMatching(/^rpc error: code = ResourceExhausted desc = trying to send message larger than max \(22\d{5} vs\. 2097152\)$/) })
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
