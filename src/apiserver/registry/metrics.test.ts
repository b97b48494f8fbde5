import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestApiServer, startTestServer } from '../testing.ts'
import { etcdMissing, startTestEtcd, type TestEtcd } from '../storage/etcd/testing.ts'

const maps = '/api/v1/namespaces/default/configmaps'
const json = { 'content-type': 'application/json' }
const mine = `${maps}?labelSelector=mine%3Dyes`

describe.each(['embedded', 'etcd'])('metrics of a store: %s', (kind) => {
  let etcd: TestEtcd | undefined
  let server: TestApiServer
  beforeAll(async () => {
    if (kind === 'etcd' && etcdMissing() === undefined) etcd = await startTestEtcd()
    server = await startTestServer(etcd === undefined ? {} : { etcd: { endpoints: [etcd.endpoint] } })
  })
  afterAll(async () => {
    await server.stop()
    await etcd?.stop()
  })
  const metric = async (name: string): Promise<number | undefined> => {
    const { text } = await server.call('GET', '/metrics')
    const line = text.split('\n').find((each) => each.startsWith(`${name} `))
    return line === undefined ? undefined : Number(line.slice(name.length + 1))
  }

  it('tell what was asked of the store and what the watch cache did', async ({ skip }) => {
    skip(kind === 'etcd' && etcd === undefined, etcdMissing())
    const of = '{group="",resource="configmaps"}'
    const by = (operation: string) => `{operation="${operation}",group="",resource="configmaps"}`
    const names = [
      `etcd_requests_total${by('create')}`, `etcd_requests_total${by('update')}`, `etcd_requests_total${by('delete')}`, `etcd_request_duration_seconds_count${by('create')}`,
      `apiserver_resource_objects${of}`, 'apiserver_storage_objects{resource="configmaps"}', `apiserver_watch_cache_events_received_total${of}`,
      `apiserver_watch_cache_events_dispatched_total${of}`, `apiserver_storage_events_received_total${of}`,
      'apiserver_cache_list_total{group="",resource="configmaps",index=""}', `apiserver_cache_list_returned_objects_total${of}`,
    ]
    const before = await Promise.all(names.map(metric))
    for (let i = 0; i < 5; i++) {
      const made = await server.call('POST', maps, { body: { metadata: { name: `m-${i}`, labels: { mine: 'yes' } }, data: { i: `${i}` } }, headers: json })
      expect(made.code).toBe(201)
    }
    await server.call('PATCH', `${maps}/m-0`, { body: { data: { i: 'x' } }, headers: { 'content-type': 'application/merge-patch+json' } })
    await server.call('DELETE', `${maps}/m-1`)
    expect((await server.call('GET', mine)).code).toBe(200)
    const after = await Promise.all(names.map(metric))
    expect(after.map((value, i) => value! - (before[i] ?? 0))).toEqual([5, 1, 1, 5, 4, 4, 7, 7, 7, 1, 4])
    expect(await metric(`apiserver_watch_cache_initializations_total${of}`)).toBe(1)
    expect(await metric(`apiserver_resource_size_estimate_bytes${of}`)).toBeGreaterThan(500)
    expect(await metric(`apiserver_terminated_watchers_total${of}`)).toBe(0)
    await expect.poll(() => metric('apiserver_storage_size_bytes{storage_cluster_id="etcd-0"}')).toBeGreaterThan(1000)
  })
})
