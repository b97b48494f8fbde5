import { describe, expect, it } from 'vitest'
import { planHosts, rangesOf, slotCount, whyBadName } from './plan-hosts.ts'
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

  it.each(['', 'A', '-a', 'a-', 'a_b', 'x'.repeat(41), '../etc'])('refuses the name %j', (name) => {
    expect(whyBadName(name)).toMatch(/not valid/)
    expect(() => plan(name)).toThrow(/not valid/)
  })

  it('listens where upstream does when nobody named the cluster', () => {
    expect(plan('coxswain').apiPort).toBe(6443)
    expect(plan('coxswain', { port: 7000 }).apiPort).toBe(7000)
  })
})
