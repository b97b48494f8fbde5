import { describe, expect, it } from 'vitest'
import { hostPort } from './addresses.ts'
import { renderBase } from './rules.ts'
import type { Ruleset } from './ruleset.ts'
import { Table } from './nftables/table.ts'
import { type Flow, type FlowWorld, flowWorld, podPort } from './testing/flows.ts'
import { renderChanges, service, slice } from './testing/objects.ts'
import { modes, rulesetOf } from './testing/rulesets.ts'
import { type Outcome, trace } from './trace.ts'
import { ServiceTracker } from './tracker.ts'

const v4 = flowWorld('IPv4')
const { addresses, ruleOptions, services, slices } = v4

function tracked(world: FlowWorld = v4): ServiceTracker {
  const tracker = new ServiceTracker(world.family, 'a')
  for (const s of world.services) tracker.setService(`ns/${s.metadata.name}`, s)
  for (const s of world.slices) tracker.setSlice(s, false)
  return tracker
}

function render(tracker: ServiceTracker, world: FlowWorld = v4): Table {
  const table = new Table(world.family)
  table.update(new Map([['', renderBase(world.ruleOptions)], ...renderChanges(tracker, world.ruleOptions)]))
  return table
}

function follow(rules: Ruleset, flow: Pick<Flow, 'from' | 'ip' | 'port' | 'protocol'>, remembered: Record<string, string[]> = {}, { addresses, nodeIP }: FlowWorld = v4): Outcome[] {
  const packet = { source: addresses[flow.from], destination: flow.ip, port: flow.port, protocol: flow.protocol ?? 'tcp', fromNode: flow.from === 'node' } as const
  return trace(rules, packet, { localAddresses: [nodeIP, '127.0.0.1', '::1'], remembered })
}

describe.each(modes.flatMap((mode) => (['IPv4', 'IPv6'] as const).map((family) => ({ mode, family }))))('the ways of packets through the rules, $mode, $family', ({ mode, family }) => {
  const world = flowWorld(family)
  const rules = rulesetOf(mode, tracked(world), world.ruleOptions)
  it.each(world.flows)('$name', (flow) => {
    const outcomes = follow(rules, flow, {}, world)
    if (flow.untouched === mode) {
      expect(outcomes).toEqual([{ verdict: 'accept', destination: hostPort(flow.ip, flow.port), translated: false, masqueraded: false }])
      return
    }
    if (typeof flow.expect === 'string') {
      expect(outcomes.map(({ verdict }) => verdict)).toEqual([flow.expect])
      return
    }
    expect(outcomes.every(({ verdict }) => verdict === 'accept')).toBe(true)
    const port = flow.protocol === 'udp' ? 5353 : podPort
    expect(outcomes.map(({ destination }) => destination).sort()).toEqual(flow.expect.map((place) => hostPort(world.addresses[place], port)).sort())
    // A node's own packets carry its address anyway.
    if (flow.masqueraded !== undefined && flow.from !== 'node') expect(new Set(outcomes.map((o) => o.masqueraded))).toEqual(new Set([flow.masqueraded]))
  })
})

describe('session affinity', () => {
  const tracker = new ServiceTracker('IPv4', 'a')
  tracker.setService('ns/s', service('s', '10.96.0.1', [{ port: 80 }], { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }))
  tracker.setSlice(slice('s', [{ port: 8080 }], [{ ip: '10.77.0.11', node: 'a' }, { ip: '10.77.1.13', node: 'b' }]), false)
  const rules = render(tracker).ruleset
  const flow = { from: 'pod2', ip: '10.96.0.1', port: 80 } as const

  it('leaves the first choice open and keeps to it', () => {
    expect(follow(rules, flow).map(({ destination }) => destination).sort()).toEqual(['10.77.0.11:8080', '10.77.1.13:8080'])
    const set = [...rules.sets.keys()].find((name) => name.startsWith('affinity-') && name.includes('10.77.1.13'))!
    expect(rules.sets.get(set)!.timeoutSeconds).toBe(60)
    expect(follow(rules, flow, { [set]: [addresses.pod2] }).map(({ destination }) => destination)).toEqual(['10.77.1.13:8080'])
    expect(follow(rules, { ...flow, from: 'pod1' }, { [set]: [addresses.pod2] })).toHaveLength(2)
  })

  it('is kept by the lists of mode iptables too', () => {
    tracker.touchAll()
    const lists = rulesetOf('iptables', tracker, ruleOptions)
    expect(follow(lists, flow).map(({ destination }) => destination).sort()).toEqual(['10.77.0.11:8080', '10.77.1.13:8080'])
    const remembering = [...lists.chains].flatMap(([name, { rules }]) => (JSON.stringify(rules).includes('10.77.1.13') && name.includes('SEP') ? [name.split(' ')[1]!] : []))
    expect(remembering).toHaveLength(1)
    expect(JSON.stringify([...lists.chains])).toContain('"seconds":60')
    // The list is looked at first, and the choice by chance would come after it.
    expect(follow(lists, flow, { [remembering[0]!]: [addresses.pod2] }).map(({ destination }) => destination)).toEqual(['10.77.1.13:8080'])
  })
})

describe('changes', () => {
  it('touch only the Service that changed', () => {
    const tracker = tracked()
    const table = render(tracker)
    expect(tracker.setSlice(slice('web', [{ port: podPort }], [{ ip: addresses.pod3, node: 'b' }]), false)).toBe(true)
    const text = table.update(renderChanges(tracker, ruleOptions))
    expect(text).toContain('add rule ip kube-proxy service-')
    expect(text.match(/flush chain/g)).toHaveLength(2)
    expect(text).not.toMatch(/ns\/(?!web)/)
  })

  it('say nothing when nothing changed', () => {
    const tracker = tracked()
    const table = render(tracker)
    expect(tracker.setSlice(slices[0]!, false)).toBe(false)
    expect(tracker.setService('ns/web', services[0])).toBe(false)
    tracker.touchAll()
    expect(table.update(renderChanges(tracker, ruleOptions))).toBe('')
  })

  it('keep what another Service still needs', () => {
    const tracker = tracked()
    const table = render(tracker)
    tracker.setService('ns/alone', undefined)
    const text = table.update(renderChanges(tracker, ruleOptions))
    expect(text).toContain('delete element ip kube-proxy cluster-ips { 10.96.0.11 }')
    // pod1 also backs web, ports, local...: its hairpin element stays.
    expect(text).not.toContain('hairpin-connections')
    expect(table.hasStale).toBe(true)
    expect(table.cleanUp()).toMatch(/^delete chain ip kube-proxy service-\S+ns\/alone\/tcp\/\n$/)
  })

  it('end in the same rules as a fresh start', () => {
    const tracker = tracked()
    const table = render(tracker)
    tracker.setService('ns/web', undefined)
    tracker.setSlice(slices[1]!, true)
    table.update(renderChanges(tracker, ruleOptions))
    tracker.setService('ns/web', services[0])
    tracker.setSlice(slices[1]!, false)
    table.update(renderChanges(tracker, ruleOptions))
    const fresh = render(tracked()).ruleset
    const sorted = (rules: Ruleset) => ({
      chains: [...rules.chains].sort(([a], [b]) => (a < b ? -1 : 1)),
      elements: [...rules.elements].map(([name, keys]) => [name, [...keys].sort(([a], [b]) => (a < b ? -1 : 1))]).sort(([a], [b]) => (a! < b! ? -1 : 1)),
    })
    expect(sorted(table.ruleset)).toEqual(sorted(fresh))
  })

  it('make a set anew when its timeout changes', () => {
    const sticky = (timeoutSeconds: number) => service('s', '10.96.0.1', [{ port: 80 }], { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds } } })
    const tracker = new ServiceTracker('IPv4', 'a')
    tracker.setService('ns/s', sticky(60))
    tracker.setSlice(slice('s', [{ port: 8080 }], [{ ip: '10.77.0.11', node: 'a' }]), false)
    const table = render(tracker)
    tracker.setService('ns/s', sticky(30))
    const lines = table.update(renderChanges(tracker, ruleOptions)).split('\n')
    const at = (start: string) => lines.findIndex((line) => line.startsWith(start))
    expect(at('flush chain')).toBeLessThan(at('delete set'))
    expect(at('delete set')).toBeLessThan(at('add set'))
    expect(at('add set')).toBeLessThan(at('add rule'))
  })
})

describe('topology', () => {
  const hinted = (node: { nodeName: string; zone?: string }, ends: Parameters<typeof slice>[2]) => {
    const tracker = new ServiceTracker('IPv4', node.nodeName)
    tracker.setService('ns/s', service('s', '10.96.0.1', [{ port: 80 }]))
    tracker.setSlice(slice('s', [{ port: podPort }], ends), false)
    const table = new Table('IPv4')
    const options = { ...ruleOptions, node }
    table.update(new Map([['', renderBase(options)], ...renderChanges(tracker, options)]))
    return follow(table.ruleset, { from: 'pod2', ip: '10.96.0.1', port: 80 }).map(({ destination }) => destination.split(':')[0])
  }
  it('keeps traffic in the zone, or on the node, that the hints name', () => {
    const zones = [{ ip: '10.77.0.1', zones: ['z1'] }, { ip: '10.77.0.2', zones: ['z2'] }]
    expect(hinted({ nodeName: 'a', zone: 'z1' }, zones)).toEqual(['10.77.0.1'])
    expect(hinted({ nodeName: 'a', zone: 'z3' }, zones)).toHaveLength(2)
    expect(hinted({ nodeName: 'a', zone: 'z1' }, [...zones, { ip: '10.77.0.3' }])).toHaveLength(3)
    expect(hinted({ nodeName: 'a' }, [{ ip: '10.77.0.1', nodes: ['a'] }, { ip: '10.77.0.2', nodes: ['b'] }])).toEqual(['10.77.0.1'])
  })
})
