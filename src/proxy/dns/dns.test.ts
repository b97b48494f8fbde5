/** DNS-based service discovery 1.1.0, asked over the wire by node's own resolver and by raw messages. */
import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { endpointSlices, namespaces, services } from '../../api/generated/resources.ts'
import { createSystemEnv } from '../../base/real/env.ts'
import type { Component } from '../../base/env.ts'
import { ManualInformers } from '../testing/informers.ts'
import { service, slice } from '../testing/objects.ts'
import { createDns } from './dns.ts'
import { ipv6Bytes, rcodes, types } from './message.ts'
import { listen } from './server/server.ts'
import { trimForDns } from './view.ts'

const informers = new ManualInformers()
const env = createSystemEnv()
const resolver = new Resolver({ timeout: 2_000, tries: 1 })
let dns: Component & { readonly port: () => number }
let elsewhere: { port: number; close(): Promise<void> }
const asked: string[] = []

beforeAll(async () => {
  informers.put(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } })
  informers.put(
    services,
    service('web', '10.96.0.10', [{ name: 'http', port: 80, protocol: 'TCP' }, { name: 'dns', port: 53, protocol: 'UDP' }], { clusterIPs: ['10.96.0.10', 'fd00::10'] }),
    service('db', 'None', [{ name: 'sql', port: 5432, protocol: 'TCP' }]),
    service('early', 'None', [{ name: 'sql', port: 5432, protocol: 'TCP' }], { publishNotReadyAddresses: true }),
    service('empty', 'None', []),
    service('alias', '', [], { type: 'ExternalName', externalName: 'web.ns.svc.cluster.local' }),
    service('outside', '', [], { type: 'ExternalName', externalName: 'example.org' }),
  )
  const ends = [{ ip: '10.1.0.1', hostname: 'db-0' }, { ip: '10.1.0.2' }, { ip: '10.1.0.3', ready: false }]
  const ports = [{ name: 'sql', port: 5433 }]
  informers.put(endpointSlices, slice('db', ports, ends), slice('early', ports, [{ ip: '10.1.0.4', ready: false }]), slice('db', ports, [{ ip: 'fd00:1::1', hostname: 'db-0' }], { name: 'db-6' }),
    slice('web', [{ name: 'http', port: 8080 }], [{ ip: '10.1.0.9', hostname: 'w' }]))
  // A server for the rest of the world: 192.0.2.1 to everything, nothing at all to "silent".
  elsewhere = await listen('127.0.0.1', 0, (message) => {
    const name = message.toString('latin1', 13, 13 + message[12]!)
    asked.push(name)
    const end = message.indexOf(0, 12) + 5
    const answer = Buffer.concat([message.subarray(0, end), Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1])])
    Buffer.from([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]).copy(answer, 2)
    return Promise.resolve(answer)
  })
  dns = createDns(env, { informers, address: '127.0.0.1', port: 0, upstreams: [`127.0.0.1:${elsewhere.port}`] })
  await dns.start()
  await dns.ready
  resolver.setServers([`127.0.0.1:${dns.port()}`])
})
afterAll(async () => {
  await dns.stop()
  await elsewhere.close()
})

const domain = 'cluster.local'
const code = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => 'answered', (error: NodeJS.ErrnoException) => error.code)

/** The answer to one raw question. */
function raw(name: string, type: number, { edns = 0, tcp = false }: { edns?: number; tcp?: boolean } = {}): Promise<Buffer> {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  const opt = edns === 0 ? [] : [Buffer.from([0, 0, types.OPT, edns >> 8, edns & 255, 0, 0, 0, 0, 0, 0])]
  const message = Buffer.concat([Buffer.from([1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, opt.length]), ...labels, Buffer.from([0, type >> 8, type & 255, 0, 1]), ...opt])
  return new Promise((resolve, reject) => {
    if (tcp) {
      const socket = connect(dns.port(), '127.0.0.1', () => socket.write(Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message])))
      const parts: Buffer[] = []
      socket.on('data', (part: Buffer) => {
        parts.push(part)
        const all = Buffer.concat(parts)
        if (all.length < 2 || all.length < 2 + all.readUInt16BE(0)) return
        socket.destroy()
        resolve(all.subarray(2))
      })
      socket.on('error', reject)
      return
    }
    const socket = createSocket('udp4')
    socket.on('message', (answer) => {
      socket.close()
      resolve(answer)
    })
    socket.send(message, dns.port(), '127.0.0.1')
  })
}

describe('service discovery 1.1.0', () => {
  it('says its version', async () => {
    expect(await resolver.resolveTxt(`dns-version.${domain}`)).toEqual([['1.1.0']])
  })

  it('has an address for a Service, of each family', async () => {
    expect(await resolver.resolve4(`web.ns.svc.${domain}`)).toEqual(['10.96.0.10'])
    expect(await resolver.resolve6(`web.ns.svc.${domain}`)).toEqual(['fd00::10'])
  })

  it('has SRV records for named ports, whose targets come along', async () => {
    expect(await resolver.resolveSrv(`_http._tcp.web.ns.svc.${domain}`)).toEqual([{ name: `web.ns.svc.${domain}`, port: 80, priority: 0, weight: 50, type: 'SRV' }])
    expect(await resolver.resolveSrv(`_dns._udp.web.ns.svc.${domain}`)).toEqual([{ name: `web.ns.svc.${domain}`, port: 53, priority: 0, weight: 50, type: 'SRV' }])
    const answer = await raw(`_http._tcp.web.ns.svc.${domain}`, types.SRV, { edns: 1232 })
    expect(answer.includes(Buffer.from([10, 96, 0, 10]))).toBe(true)
    expect(answer.includes(ipv6Bytes('fd00::10'))).toBe(true)
    expect(await code(resolver.resolveSrv(`_http._udp.web.ns.svc.${domain}`))).toBe('ENOTFOUND')
  })

  it('has ready endpoints only for a headless Service, of each family', async () => {
    expect((await resolver.resolve4(`db.ns.svc.${domain}`)).sort()).toEqual(['10.1.0.1', '10.1.0.2'])
    expect(await resolver.resolve6(`db.ns.svc.${domain}`)).toEqual(['fd00:1::1'])
    expect(await resolver.resolve4(`early.ns.svc.${domain}`)).toEqual(['10.1.0.4'])
  })

  it('has a name for every endpoint: its host name, or one from its address', async () => {
    expect(await resolver.resolve4(`db-0.db.ns.svc.${domain}`)).toEqual(['10.1.0.1'])
    expect(await resolver.resolve4(`10-1-0-2.db.ns.svc.${domain}`)).toEqual(['10.1.0.2'])
    const found = await resolver.resolveSrv(`_sql._tcp.db.ns.svc.${domain}`)
    expect(found.map(({ name, port }) => `${name}:${port}`).sort()).toEqual([`10-1-0-2.db.ns.svc.${domain}:5433`, `db-0.db.ns.svc.${domain}:5433`])
    expect(await code(resolver.resolve4(`10-1-0-3.db.ns.svc.${domain}`))).toBe('ENOTFOUND')
  })

  it('goes back from addresses to names', async () => {
    expect(await resolver.reverse('10.96.0.10')).toEqual([`web.ns.svc.${domain}`])
    expect(await resolver.reverse('fd00::10')).toEqual([`web.ns.svc.${domain}`])
    expect(await resolver.reverse('10.1.0.1')).toEqual([`db-0.db.ns.svc.${domain}`])
    expect(await resolver.reverse('10.1.0.2')).toEqual([`10-1-0-2.db.ns.svc.${domain}`])
  })

  it('follows an ExternalName inside and outside of the cluster', async () => {
    expect(await resolver.resolveCname(`alias.ns.svc.${domain}`)).toEqual([`web.ns.svc.${domain}`])
    expect(await resolver.resolve4(`alias.ns.svc.${domain}`)).toEqual(['10.96.0.10'])
    expect(await resolver.resolve4(`outside.ns.svc.${domain}`)).toEqual(['192.0.2.1'])
  })

  it('has an address for each pod by its dashed address', async () => {
    expect(await resolver.resolve4(`10-1-0-7.ns.pod.${domain}`)).toEqual(['10.1.0.7'])
    expect(await resolver.resolve6(`fd00--7.ns.pod.${domain}`)).toEqual(['fd00::7'])
    expect(await code(resolver.resolve4(`10-1-0-777.ns.pod.${domain}`))).toBe('ENOTFOUND')
  })

  it('tells names that are not there from names without such a record', async () => {
    for (const name of ['none.ns.svc', 'web.nowhere.svc', 'web.ns', 'a.b.c.web.ns.svc', '10-1-0-1.nowhere.pod']) {
      expect(await code(resolver.resolve4(`${name}.${domain}`)), name).toBe('ENOTFOUND')
    }
    for (const name of ['ns.svc', 'svc', 'pod', 'ns.pod', 'empty.ns.svc']) expect(await code(resolver.resolve4(`${name}.${domain}`)), name).toBe('ENODATA')
    expect(await code(resolver.resolve6(`early.ns.svc.${domain}`))).toBe('ENODATA')
    const negative = await raw(`none.ns.svc.${domain}`, types.A)
    expect(negative[3]! & 15).toBe(rcodes.NXDOMAIN)
    // A SOA record says for how long that holds.
    expect(negative.readUInt16BE(8)).toBe(1)
  })

  it('passes every other name on, once for many askers, and keeps the answer', async () => {
    await Promise.all(Array.from({ length: 5 }, () => resolver.resolve4('kept.example.org')))
    expect(await resolver.resolve4('kept.example.org')).toEqual(['192.0.2.1'])
    expect(asked.filter((name) => name === 'kept')).toHaveLength(1)
  })

  it('takes names in any case and gives them back as asked', async () => {
    const answer = await raw('WeB.ns.SVC.cluster.LOCAL', types.A)
    expect(answer.toString('latin1', 13, 16)).toBe('WeB')
    expect(answer.readUInt16BE(6)).toBe(1)
  })

  it('answers over TCP what is too long for UDP, and says so', async () => {
    const many = Array.from({ length: 200 }, (_, i) => ({ ip: `10.2.0.${i}` }))
    informers.put(services, service('many', 'None', []))
    informers.put(endpointSlices, slice('many', [{ port: 1 }], many))
    const short = await raw(`many.ns.svc.${domain}`, types.A)
    expect(short[2]! & 2).toBe(2)
    expect(short.length).toBeLessThanOrEqual(512)
    const long = await raw(`many.ns.svc.${domain}`, types.A, { tcp: true })
    expect(long.readUInt16BE(6)).toBe(200)
    expect(await resolver.resolve4(`many.ns.svc.${domain}`)).toHaveLength(200)
  })

  it('follows changes at once', async () => {
    const one = service('changing', '10.96.0.77', [])
    informers.put(services, one)
    expect(await resolver.resolve4(`changing.ns.svc.${domain}`)).toEqual(['10.96.0.77'])
    informers.put(services, service('changing', '10.96.0.78', []))
    expect(await resolver.resolve4(`changing.ns.svc.${domain}`)).toEqual(['10.96.0.78'])
    informers.remove(services, one)
    expect(await code(resolver.resolve4(`changing.ns.svc.${domain}`))).toBe('ENOTFOUND')
  })

  it('needs no more of an object than what is kept of it', () => {
    const whole = slice('db', [{ name: 'sql', port: 5433 }], [{ ip: '10.1.0.1', hostname: 'db-0', node: 'a', zones: ['z'] }, { ip: '10.1.0.3', ready: false }])
    expect(trimForDns(whole)).toEqual({
      apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4', metadata: { namespace: 'ns', name: 'db-abcde', labels: { 'kubernetes.io/service-name': 'db' } },
      endpoints: [{ addresses: ['10.1.0.1'], hostname: 'db-0' }, { addresses: ['10.1.0.3'], conditions: { ready: false } }], ports: [{ name: 'sql', port: 5433, protocol: 'TCP' }],
    })
  })
})
