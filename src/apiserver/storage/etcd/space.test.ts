/** An etcd whose quota is used up: what clients of the API server are told, in kube-apiserver's words, and the way out of it. */
import { Etcd3 } from 'etcd3'
import { expect, it } from 'vitest'
import { systemClock } from '../../../base/real/env.ts'
import { startTestServer } from '../../testing.ts'
import { defragmentMember, disarmNoSpace } from './defragment.ts'
import { etcdMissing, startTestEtcd } from './testing.ts'

const maps = '/api/v1/namespaces/default/configmaps'
const json = { 'content-type': 'application/json' }

it.skipIf(etcdMissing() !== undefined)('refuses writes, reads and deletes on, and writes again when it was compacted, defragmented and disarmed', { timeout: 60_000 }, async () => {
  const etcd = await startTestEtcd(['--quota-backend-bytes=4000000', '--unsafe-no-fsync'])
  const client = new Etcd3({ hosts: etcd.endpoint })
  const server = await startTestServer({ etcd: { endpoints: [etcd.endpoint] } })
  try {
    const create = (name: string) => server.call('POST', maps, { body: { metadata: { name }, data: { a: 'x'.repeat(200_000) } }, headers: json })
    let made = 0
    let answer = await create('m-0')
    for (; answer.code === 201 && made < 50; answer = await create(`m-${made}`)) made++
    const refusal = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'etcdserver: mvcc: database space exceeded', code: 500 }
    expect(answer.json).toEqual(refusal)
    expect((await server.call('PATCH', `${maps}/m-0`, { body: { data: { a: 'y' } }, headers: { 'content-type': 'application/merge-patch+json' } })).json).toEqual(refusal)
    for (let i = 0; i < made; i++) expect((await server.call(i % 2 === 0 ? 'GET' : 'DELETE', `${maps}/m-${i}`)).code).toBe(200)
    const { header } = await client.kv.range({ key: Buffer.from('/') })
    await client.kv.compact({ revision: header.revision, physical: true })
    const { before, after } = await defragmentMember({ endpoints: [etcd.endpoint], clock: systemClock })
    expect(after).toBeLessThan(before)
    const o = { endpoints: [etcd.endpoint], clock: systemClock }
    expect(await disarmNoSpace(o)).toEqual([expect.stringMatching(/^[0-9a-f]+$/)])
    expect(await disarmNoSpace(o)).toEqual([])
    expect((await create('again')).code).toBe(201)
  } finally {
    await server.stop()
    client.close()
    await etcd.stop()
  }
})
