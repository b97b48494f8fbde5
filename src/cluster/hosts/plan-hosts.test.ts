import { describe, expect, it } from 'vitest'
import { nodeAddresses, planHosts, podRanges, rangesOf, serviceRanges, slotCount, whyBadName } from './plan-hosts.ts'
import { canonical } from '../../proxy/addresses.ts'
import { overlap, parseRange } from './ranges.ts'

const plan = (name: string, more: { nodes?: number; slot?: number; takenRanges?: string[]; port?: number } = {}) =>
  planHosts({ name, nodes: 2, dataDir: `/data/${name}`, runDir: `/run/coxswain/${name}`, ...more })

describe('planHosts', () => {
  it('is a function of the name', () => {
    expect(plan('a')).toEqual(plan('a'))
    const [a, b] = [plan('a'), plan('b')]
    expect(a.bridge.name).not.toBe(b.bridge.name)
    expect(a.nodes[0]!.netns).not.toBe(b.nodes[0]!.netns)
    expect(a.apiPort).not.toBe(b.apiPort)
  })

  it('keeps to the kernel\'s limits with the longest name and many nodes', () => {
    const longest = plan('n'.repeat(40), { nodes: 999 })
    for (const node of longest.nodes) expect(node.veth.length).toBeLessThanOrEqual(15)
    expect(longest.bridge.name.length).toBeLessThanOrEqual(15)
    expect(longest.nodes.at(-1)!.containerd.socket.length).toBeLessThan(108)
    expect(new Set(longest.nodes.map((node) => node.address)).size).toBe(999)
  })

  it('takes the next pair of ranges when one is in use, and keeps an earlier choice', () => {
    const first = plan('a')
    const second = plan('a', { takenRanges: ['default', first.nodeRange] })
    expect(second.slot).toBe((first.slot + 1) % slotCount)
    expect(plan('a', { slot: 7, takenRanges: [rangesOf(7).podRange] }).slot).toBe(7)
    expect(plan('a', { takenRanges: ['10.0.0.0/8'] }).slot).toBe(first.slot)
  })

  it('says when nothing is free', () => {
    const takenRanges = Array.from({ length: slotCount }, (_, slot) => rangesOf(slot).podRange)
    expect(() => plan('a', { takenRanges })).toThrow(/no free address range/)
  })

  it('has disjoint ranges inside a slot', () => {
    for (const slot of [0, slotCount - 1]) {
      const ranges = Object.values(rangesOf(slot)).map((text) => parseRange(text)!)
      for (const a of ranges) for (const b of ranges) if (a !== b) expect(overlap(a, b)).toBe(false)
    }
  })

  it('has IPv6 besides when it is asked to, from a range of the name\'s own', () => {
    const dual = (name: string) => planHosts({ name, nodes: 2, dataDir: '/d', runDir: '/r', dualStack: true })
    const one = dual('a')
    expect(one).toMatchObject({ podRange: plan('a').podRange, nodes: plan('a').nodes.map(({ address }) => ({ address })) })
    const site = one.ipv6!.address.split(':').slice(0, 3).join(':')
    expect(site).toMatch(/^fd[0-9a-f]{2}:[0-9a-f]{1,4}:[0-9a-f]{1,4}$/)
    expect(one.ipv6).toEqual({ podRange: `${site}:100::/56`, serviceRange: `${site}:200::/112`, nodeRange: `${site}:300::/64`, address: `${site}:300::1` })
    expect(one.nodes.map(nodeAddresses)).toEqual(one.nodes.map(({ address }, i) => `${address},${site}:300::${['b', 'c'][i]}`))
    expect([podRanges(one), serviceRanges(one)]).toEqual([`${one.podRange},${site}:100::/56`, `${one.serviceRange},${site}:200::/112`])
    // In the one form that the API takes.
    const ranges = Array.from({ length: 200 }, (_, i) => dual(`n${i}`).ipv6!).flatMap(({ podRange, serviceRange, nodeRange }) => [podRange, serviceRange, nodeRange])
    expect(ranges.map(canonical)).toEqual(ranges)
    expect(dual('b').ipv6!.podRange).not.toBe(one.ipv6!.podRange)
    expect([podRanges(plan('a')), nodeAddresses(plan('a').nodes[0]!)]).toEqual([plan('a').podRange, plan('a').nodes[0]!.address])
  })

  it.each(['', 'A', '-a', 'a-', 'a_b', 'x'.repeat(41), '../etc'])('refuses the name %j', (name) => {
    expect(whyBadName(name)).toMatch(/not valid/)
    expect(() => plan(name)).toThrow(/not valid/)
  })

  it('listens where upstream does when nobody named the cluster', () => {
    expect(plan('coxswain').apiPort).toBe(6443)
    expect(plan('coxswain', { port: 7000 }).apiPort).toBe(7000)
  })
})
