import { afterEach, describe, expect, it } from 'vitest'
import { endpointSlices, nodes, serviceCIDRs, services } from '../api/generated/resources.ts'
import type { Node } from '../api/generated/types/core-v1.ts'
import type { Component } from '../base/env.ts'
import type { Client } from '../client/client.ts'
import { freePort } from '../client/testing/free-port.ts'
import { type ManualEnv, createManualEnv, settle } from '../client/testing/manual-env.ts'
import type { Family } from './addresses.ts'
import type { RuleBackend, SyncWork } from './backend.ts'
import { chooseNodeIPs, nodePortAddresses } from './node-addresses.ts'
import { type ProxyOptions, createProxy } from './proxy.ts'
import { ManualInformers } from './testing/informers.ts'
import { service, slice } from './testing/objects.ts'

class FakeBackend implements RuleBackend {
  readonly mode = 'nftables'
  readonly family: Family
  readonly hasStale = false
  readonly works: SyncWork[] = []
  isThere = true
  fails = 0
  constructor(family: Family) {
    this.family = family
  }
  sync(work: SyncWork): Promise<void> {
    this.works.push(work)
    this.isThere = true
    return this.fails-- > 0 ? Promise.reject(new Error('no')) : Promise.resolve()
  }
  intact(): Promise<boolean> {
    return Promise.resolve(this.isThere)
  }
  cleanUp(): Promise<void> {
    return Promise.resolve()
  }
  get last(): SyncWork {
    return this.works.at(-1)!
  }
}

const node = (addresses: string[], more: { zone?: string; podCIDRs?: string[] } = {}): Node => ({
  apiVersion: 'v1', kind: 'Node', metadata: { name: 'a', labels: more.zone === undefined ? {} : { 'topology.kubernetes.io/zone': more.zone } }, spec: { podCIDRs: more.podCIDRs },
  status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
} as Node)

const client = { create: () => Promise.reject(new Error('not here')) } as unknown as Client
let running: Component | undefined
let env: ManualEnv
afterEach(async () => {
  const stopped = running?.stop()
  await env.clock.advance(60_000)
  await stopped
})

async function start(options: Partial<ProxyOptions> = {}, families: Family[] = ['IPv4']) {
  env = createManualEnv()
  const informers = new ManualInformers()
  const backends = families.map((family) => new FakeBackend(family))
  running = createProxy(env, client, { nodeName: 'a', backends, informers, ...options })
  await running.start()
  await settle()
  return { informers, backends, v4: backends[0]!, v6: backends[1]! }
}

describe('a proxy', () => {
  it('tells of itself where it serves its metrics', async () => {
    const port = await freePort()
    await start({ metrics: { address: '127.0.0.1', port }, flags: () => ({ 'proxy-mode': 'nftables' }), pages: { '/configz': () => ({ code: 200, body: '{}' }) } })
    const ask = async (path: string, accept = '*/*'): Promise<string> => (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { accept } })).text()
    expect(await ask('/healthz')).toBe('ok')
    expect(await ask('/metrics/slis')).toContain('kubernetes_healthchecks_total{name="ping",status="success",type="healthz"} 1\n')
    expect(JSON.parse(await ask('/statusz', 'application/json;as=Statusz;v=v1beta1;g=config.k8s.io'))).toMatchObject({
      metadata: { name: 'kube-proxy' }, paths: ['/configz', '/flagz', '/healthz', '/metrics', '/proxyMode'],
    })
    expect(await ask('/flagz')).toMatch(/^\nkube-proxy flagz\n[^]*\nproxy-mode\W+nftables\n$/)
  })

  it('waits for the addresses of its node, and then writes everything once', async () => {
    const { informers, v4, v6 } = await start({ detectLocal: 'node', nodePortAddresses: 'primary' }, ['IPv4', 'IPv6'])
    informers.put(services, service('s', '10.0.0.1', [{ port: 80 }]))
    await env.clock.advance(1000)
    expect(v4.works).toEqual([])
    informers.put(nodes, node(['172.31.0.2', 'fd00::2'], { podCIDRs: ['10.1.0.0/24', 'fd01::/64'] }))
    await env.clock.advance(300)
    expect(v4.works).toHaveLength(1)
    expect(v4.last).toMatchObject({ full: true, first: true, options: { nodeIP: '172.31.0.2', nodePortAddresses: ['172.31.0.2'], local: { cidrs: ['10.1.0.0/24'] } } })
    expect([...v4.last.changed.keys()]).toEqual(['ns/s/TCP/'])
    expect(v6.last).toMatchObject({ options: { family: 'IPv6', nodeIP: 'fd00::2', nodePortAddresses: ['fd00::2'], local: { cidrs: ['fd01::/64'] } } })
    expect(v6.last.changed.size).toBe(0)
    await running!.ready
  })

  it('goes on with the loopback when its node has no address after a while', async () => {
    const { v4 } = await start()
    await env.clock.advance(31_000)
    expect(v4.last.options.nodeIP).toBe('127.0.0.1')
    expect(env.complaints.join()).toContain('the node has no address')
  })

  it('writes only what changed, and everything after a failure or when somebody flushed the rules', async () => {
    const { informers, v4 } = await start({ nodeIPs: { IPv4: '172.31.0.2' } })
    informers.put(services, service('s', '10.0.0.1', [{ port: 80 }]), service('t', '10.0.0.2', [{ port: 80 }]))
    await settle()
    const before = v4.works.length
    informers.put(endpointSlices, slice('s', [{ port: 8080 }], [{ ip: '10.1.0.1' }]))
    await settle()
    expect(v4.works).toHaveLength(before + 1)
    expect(v4.last).toMatchObject({ full: false, baseChanged: false })
    expect([...v4.last.changed.keys()]).toEqual(['ns/s/TCP/'])
    await env.clock.advance(30_000)
    expect(v4.works).toHaveLength(before + 1)
    v4.isThere = false
    await env.clock.advance(30_000)
    expect(v4.last).toMatchObject({ full: true, first: true })
    v4.fails = 1
    informers.remove(services, service('t', '10.0.0.2', [{ port: 80 }]))
    await env.clock.advance(2_000)
    expect(v4.last).toMatchObject({ full: true })
    const text = env.metrics.render()
    expect(text).toContain('kubeproxy_sync_proxy_rules_nftables_sync_failures_total{ip_family="IPv4"} 1')
    expect(text).toMatch(/kubeproxy_sync_proxy_rules_service_changes_total [34]/)
    expect(text).toContain('kubeproxy_sync_proxy_rules_endpoint_changes_pending 0')
  })

  it('follows the zone of its node and the ranges of Services', async () => {
    const { informers, v4 } = await start({ nodeIPs: { IPv4: '172.31.0.2' } })
    informers.put(nodes, node(['172.31.0.2'], { zone: 'z1' }))
    informers.put(serviceCIDRs, { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name: 'k' }, spec: { cidrs: ['10.0.0.0/16', 'fd00::/108'] } })
    await settle()
    expect(v4.last).toMatchObject({ baseChanged: true, options: { node: { zone: 'z1' }, serviceCidrs: ['10.0.0.0/16'] } })
  })

  it('asks to be started anew when its pod ranges change', async () => {
    const fatal: Error[] = []
    const { informers } = await start({ detectLocal: 'node', onFatal: (error) => fatal.push(error) })
    informers.put(nodes, node(['172.31.0.2'], { podCIDRs: ['10.1.0.0/24'] }))
    await env.clock.advance(300)
    informers.put(nodes, node(['172.31.0.2'], { podCIDRs: ['10.2.0.0/24'] }))
    expect(fatal[0]!.message).toContain('must be started anew')
  })
})

describe('addresses', () => {
  it('of the node: internal before external, one a family, and --bind-address before all', () => {
    const addresses = [{ type: 'ExternalIP', address: '1.2.3.4' }, { type: 'InternalIP', address: '10.0.0.9' }, { type: 'InternalIP', address: '10.0.0.8' }, { type: 'ExternalIP', address: 'FD00::0009' }]
    expect(chooseNodeIPs(addresses)).toEqual({ IPv4: '10.0.0.9', IPv6: 'fd00::9' })
    expect(chooseNodeIPs(addresses, '192.0.2.1')).toEqual({ IPv4: '192.0.2.1', IPv6: 'fd00::9' })
    expect(chooseNodeIPs([], '::')).toBeUndefined()
  })
  it('that take node ports: of the ranges, the loopback only where the mode can; all where no range of the family is named', () => {
    const own = ['127.0.0.1', '10.0.0.9', '192.168.0.1', '::1', 'fd00::9']
    expect(nodePortAddresses('IPv4', ['10.0.0.0/8', '127.0.0.0/8'], own)).toEqual(['10.0.0.9'])
    expect(nodePortAddresses('IPv4', ['10.0.0.0/8', '127.0.0.0/8'], own, true)).toEqual(['10.0.0.9', '127.0.0.1'])
    expect(nodePortAddresses('IPv6', ['10.0.0.0/8'], own)).toBe('all')
    expect(nodePortAddresses('IPv4', ['0.0.0.0/0'], own)).toBe('all')
  })
})
