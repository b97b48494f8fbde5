import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseConntrack } from '../conntrack/exec/conntrack.ts'
import { staleFlows } from '../conntrack/stale.ts'
import { renderBase } from '../rules.ts'
import { type Flow, flowWorld, podPort } from '../testing/flows.ts'
import { type World, expectFlow, startWorld, whyNoKernel } from '../testing/kernel.ts'
import { renderChanges, service, slice } from '../testing/objects.ts'
import { ServiceTracker } from '../tracker.ts'
import { parseListing } from './exec/nft.ts'
import { Table, deleteTable } from './table.ts'

const reason = whyNoKernel()

describe.skipIf(reason !== undefined)(`rules in the kernel${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  let kernel: World
  beforeAll(async () => {
    kernel = await startWorld()
  })
  afterAll(() => kernel.stop())

  describe.each(['IPv4', 'IPv6'] as const)('%s', (family) => {
    const world = flowWorld(family)
    const { addresses, ruleOptions, at } = world
    const tracker = new ServiceTracker(family, 'a')
    const table = new Table(family)
    const nft = (text: string) => kernel.onNode('nft', ['-f', '-'], text)
    const update = () => nft(table.update(renderChanges(tracker, ruleOptions)))
    const existing = () => parseListing(kernel.onNode('nft', ['--terse', '--json', 'list', 'table', family === 'IPv4' ? 'ip' : 'ip6', 'kube-proxy']))
    const expectOne = (flow: Omit<Flow, 'name'>) => expectFlow(kernel, world, { name: '', ...flow })

    beforeAll(() => {
      for (const s of world.services) tracker.setService(`ns/${s.metadata.name}`, s)
      for (const s of world.slices) tracker.setSlice(s, false)
      table.update(new Map([['', renderBase(ruleOptions)], ...renderChanges(tracker, ruleOptions)]))
      nft(table.full({ chains: [], sets: [] }, true))
    })

    it('every flow goes its way', async () => {
      await Promise.all(world.flows.map((flow) => expectFlow(kernel, world, flow)))
    })

    it('keeps a client with its endpoint, through a resync too, and lets it go when affinity ends', async () => {
      const ip = at('10.96.0.20')
      const sticky = (sessionAffinity: string) => service('sticky', ip, [{ port: 80 }], { sessionAffinity, sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } })
      tracker.setService('ns/sticky', sticky('ClientIP'))
      tracker.setSlice(slice('sticky', [{ port: podPort }], [{ ip: addresses.pod1, node: 'a' }, { ip: addresses.pod2, node: 'a' }, { ip: addresses.pod3, node: 'b' }]), false)
      update()
      const dial = () => kernel.dial('client', 'tcp', ip, 80)
      const first = await dial()
      for (let i = 0; i < 12; i++) expect(await dial()).toBe(first)
      nft(table.full(existing(), false))
      expect(await dial()).toBe(first)
      tracker.setService('ns/sticky', sticky('None'))
      update()
      const names = new Set<string>()
      for (let i = 0; i < 40; i++) names.add((await dial()).split(' ')[0]!)
      expect(names.size).toBe(3)
      expect(existing().sets.filter((name) => name.startsWith('affinity-'))).toEqual([])
    })

    it('follows changes, and cleans up chains that nothing uses', async () => {
      tracker.setSlice(slice('web', [{ port: podPort }], [{ ip: addresses.pod2, node: 'a' }]), false)
      tracker.setService('ns/alone', undefined)
      update()
      await expectOne({ from: 'pod1', ip: at('10.96.0.1'), port: 80, expect: ['pod2'] })
      await expectOne({ from: 'pod1', ip: at('10.96.0.11'), port: 80, expect: 'drop' })
      nft(table.cleanUp())
      expect(existing().chains.filter((name) => name.includes('alone'))).toEqual([])
      tracker.setService('ns/alone', world.services.find((s) => s.metadata.name === 'alone'))
      update()
      await expectOne({ from: 'pod2', ip: at('10.96.0.11'), port: 80, expect: ['pod1'] })
    })

    it('moves a UDP sender away from an endpoint that is gone', async () => {
      const dial = () => kernel.dial('pod1', 'udp', at('10.96.0.13'), 53, { sourcePort: 40_001 })
      const first = (await dial()).split(' ')[0]!
      const other = first === 'pod2' ? 'pod3' : 'pod2'
      tracker.setSlice(slice('names', [{ name: 'dns', port: 5353, protocol: 'UDP' }], [{ ip: addresses[other] }]), false)
      update()
      expect((await dial()).split(' ')[0]).toBe(first)
      const words = ['-p', 'udp', '-f', family.toLowerCase()]
      const stale = staleFlows(parseConntrack(kernel.onNode('conntrack', ['-L', ...words])), tracker.view()).filter((flow) => flow.sourcePort === 40_001)
      expect(stale).toHaveLength(1)
      kernel.onNode('conntrack', ['-D', ...words, '--orig-src', stale[0]!.source, '--orig-dst', stale[0]!.destination, '--sport', '40001'])
      expect((await dial()).split(' ')[0]).toBe(other)
    })

    it('comes back whole after somebody removed the table', async () => {
      nft(deleteTable(family))
      expect(await kernel.dial('pod1', 'tcp', at('10.96.0.2'), 80)).not.toContain('pod')
      nft(table.full({ chains: [], sets: [] }, true))
      await expectOne({ from: 'pod2', ip: at('10.96.0.2'), port: 80, expect: ['pod1', 'pod3'] })
    })
  })
})
