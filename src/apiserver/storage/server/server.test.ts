import { Etcd3 } from 'etcd3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../base/real/env.ts'
import { createAuthority, issueCertificate } from '../../auth/certificates.ts'
import { openEtcdStore } from '../etcd/etcd.ts'
import { storeOver } from '../memory/base.ts'
import { createMemoryStore } from '../memory/memory.ts'
import { MvccCore } from '../memory/mvcc.ts'
import { Quota } from '../memory/quota.ts'
import type { KVStore } from '../store.ts'
import { storeSuite } from '../suite.ts'
import { createEtcdServer } from './server.ts'
import { inRange, keyRange } from './ranges.ts'

const memory = createMemoryStore({ clock: systemClock })
const server = createEtcdServer({ store: memory, clock: systemClock, addresses: ['127.0.0.1:0'] })
let endpoint: string
let client: Etcd3

beforeAll(async () => {
  const [port] = await server.start()
  endpoint = `http://127.0.0.1:${port}`
  client = new Etcd3({ hosts: endpoint })
})
afterAll(async () => {
  client.close()
  await server.stop()
  await memory.close()
})

let tests = 0
storeSuite({
  name: 'etcd client to our server',
  leaseSlackMs: 1500,
  open: async (): Promise<KVStore> => openEtcdStore({ endpoints: [endpoint], clock: systemClock, prefix: `/test-${++tests}` }),
  passTime: (ms) => systemClock.sleep(ms),
})

describe('etcd\'s API over a store', () => {
  it('answers the client of etcd: put, get, delete, ranges, counts, order', async () => {
    const all = client.namespace('/plain/')
    for (const name of ['a', 'b', 'ba', 'c']) await all.put(name).value(`of ${name}`)
    expect(await all.get('b').string()).toBe('of b')
    expect(await all.getAll().prefix('b').keys()).toEqual(['b', 'ba'])
    expect(await all.getAll().count()).toBe(4)
    expect(await all.getAll().limit(2).sort('Key', 'Descend').keys()).toHaveLength(2)
    await all.put('b').value('again')
    const { kvs: [kv] } = await all.get('b').exec()
    expect([kv!.value.toString(), Number(kv!.mod_revision) > Number(kv!.create_revision), kv!.version]).toEqual(['again', true, '4'])
    expect((await all.delete().prefix('b')).deleted).toBe('2')
    expect(await all.get('b').string()).toBeNull()
  })

  it('counts versions for whoever compares them, as the compactor of kube-apiserver does', async () => {
    const compact = (version: number) => client.if('compact_rev_key', 'Version', '==', version).then(client.put('compact_rev_key').value('9')).else(client.get('compact_rev_key')).commit()
    expect((await compact(0)).succeeded).toBe(true)
    await client.put('/other').value('between')
    expect((await compact(1)).succeeded).toBe(true)
    const late = await compact(1)
    expect([late.succeeded, (late.responses[0] as { response_range?: { kvs: { version: string }[] } }).response_range!.kvs[0]!.version]).toEqual([false, '2'])
  })

  it('deletes what was put under a lease that is revoked', async () => {
    const { ID } = await client.leaseClient.leaseGrant({ TTL: 60 })
    await client.kv.put({ key: Buffer.from('/leased'), value: Buffer.from('x'), lease: ID })
    const [kv] = (await client.kv.range({ key: Buffer.from('/leased') })).kvs
    expect(kv!.lease).toBe(ID)
    await client.leaseClient.leaseRevoke({ ID })
    expect(await client.get('/leased').string()).toBeNull()
    await expect(client.kv.put({ key: Buffer.from('/leased'), value: Buffer.from('x'), lease: ID })).rejects.toThrow('requested lease not found')
  })

  it.each<[string, () => Promise<unknown>, string]>([
    ['a revision to come', () => client.kv.range({ key: Buffer.from('/x'), revision: 1_000_000 }), 'etcdserver: mvcc: required revision is a future revision'],
    ['a transaction over two keys', () => client.if('/x', 'Version', '==', 0).then(client.put('/y').value('1')).commit(), 'etcdserver: a transaction over several keys is not supported by this store'],
    ['users', () => client.auth.authStatus?.() ?? client.auth.userList(), 'UNIMPLEMENTED'],
  ])('refuses %s', async (_, work, message) => {
    await expect(work()).rejects.toThrow(message)
  })

  it('answers HTTP on the same port', async () => {
    const health = await fetch(`${endpoint}/health`)
    expect([health.status, await health.json()]).toEqual([200, { health: 'true', reason: '' }])
    expect(await (await fetch(`${endpoint}/metrics`)).text()).toMatch(/^etcd_mvcc_db_total_size_in_bytes \d+$/m)
    expect((await fetch(`${endpoint}/nothing`)).status).toBe(404)
  })

  it('asks for certificates when it has an authority for clients', async () => {
    const now = new Date()
    const ca = createAuthority('etcd-ca', now)
    const own = issueCertificate(ca, { commonName: 'etcd', ipAddresses: ['127.0.0.1'], usages: ['server'], now, days: 1 })
    const user = issueCertificate(ca, { commonName: 'client', usages: ['client'], now, days: 1 })
    const secure = createEtcdServer({ store: memory, clock: systemClock, addresses: ['127.0.0.1:0'], tls: { ...own, clientCA: ca.cert } })
    const [port] = await secure.start()
    const connect = (certChain?: string, privateKey?: string) => new Etcd3({
      hosts: `https://127.0.0.1:${port}`, defaultCallOptions: () => ({ deadline: Date.now() + 2000 }),
      credentials: { rootCertificate: Buffer.from(ca.cert), ...(certChain === undefined ? {} : { certChain: Buffer.from(certChain), privateKey: Buffer.from(privateKey!) }) },
    })
    const [known, unknown] = [connect(user.cert, user.key), connect()]
    expect(await known.getAll().prefix('/none').count()).toBe(0)
    await expect(unknown.getAll().prefix('/none').count()).rejects.toThrow()
    for (const each of [known, unknown]) each.close()
    await secure.stop()
  })

  it('has an alarm while its quota is used up, and refuses what is no deletion as etcd does', async () => {
    const full = storeOver(new MvccCore(1, 1), systemClock, undefined, new Quota(1000))
    const own = createEtcdServer({ store: full, clock: systemClock, addresses: ['127.0.0.1:0'] })
    const [port] = await own.start()
    const hosts = `http://127.0.0.1:${port}`
    // The library's client shuts a member out that has refused something.
    let etcd = new Etcd3({ hosts })
    const anew = () => {
      etcd.close()
      etcd = new Etcd3({ hosts })
    }
    const health = async () => (await fetch(`${hosts}/health`)).json()
    expect([await health(), (await etcd.maintenance.alarm({ action: 'Get' })).alarms]).toEqual([{ health: 'true', reason: '' }, []])
    await etcd.put('/a').value('x'.repeat(2000))
    await expect(etcd.put('/b').value('x')).rejects.toThrow('8 RESOURCE_EXHAUSTED: etcdserver: mvcc: database space exceeded')
    anew()
    expect([await health(), (await etcd.maintenance.alarm({ action: 'Get' })).alarms]).toEqual([{ health: 'false', reason: 'ALARM NOSPACE' }, [{ memberID: '3084', alarm: 'Nospace' }]])
    await etcd.delete().key('/a')
    await etcd.put('/b').value('x')
    expect(await health()).toEqual({ health: 'true', reason: '' })
    etcd.close()
    await own.stop()
    await full.close()
  })

  it('says who it is', async () => {
    const status = await client.maintenance.status()
    expect([status.version, Number(status.dbSize) > 0]).toEqual(['3.6.8', true])
  })
})

describe('ranges', () => {
  it.each([
    ['/a', '', { start: '/a', end: undefined, prefix: '/a' }],
    ['/a/', '/a0', { start: '/a/', end: '/a0', prefix: '/a/' }],
    ['/a/k\0', '/a0', { start: '/a/k\0', end: '/a0', prefix: '/a/' }],
    ['/a', '/c', { start: '/a', end: '/c', prefix: '' }],
    ['\0', '\0', { start: '', end: null, prefix: '' }],
  ])('from %j to %j', (start, end, range) => {
    expect(keyRange(Buffer.from(start), Buffer.from(end))).toEqual(range)
  })

  it('hold keys from the start to before the end', () => {
    expect(['/a', '/b', '/c'].filter((key) => inRange({ start: '/a', end: '/c', prefix: '' }, key))).toEqual(['/a', '/b'])
    expect(inRange({ start: '/b', end: null, prefix: '' }, '/z')).toBe(true)
  })
})
