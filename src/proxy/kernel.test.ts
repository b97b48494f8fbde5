import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RuleBackend } from './backend.ts'
import { parseConntrack } from './conntrack/exec/conntrack.ts'
import { staleFlows } from './conntrack/stale.ts'
import { type TestBackend, testBackend } from './testing/backends.ts'
import { type Flow, flowWorld, podPort } from './testing/flows.ts'
import { type World, expectFlow, expectNobody, startWorld, whyNoKernel } from './testing/kernel.ts'
import { service, slice } from './testing/objects.ts'
import { modes } from './testing/rulesets.ts'
import { ServiceTracker } from './tracker.ts'

const reason = whyNoKernel()

describe.skipIf(reason !== undefined).each(modes)(`rules in the kernel, %s${reason === undefined ? '' : ` (skipped: ${reason})`}`, (mode) => {
  let kernel: World
  beforeAll(async () => {
    kernel = await startWorld()
  })
  afterAll(() => kernel.stop())

  describe.each(['IPv4', 'IPv6'] as const)('%s', (family) => {
    const world = flowWorld(family)
    const { addresses, ruleOptions, at } = world
    const tracker = new ServiceTracker(family, 'a')
    let made: TestBackend
    let backend: RuleBackend
    const sync = (how: { first?: boolean; full?: boolean } = {}) => {
      const { first = false, full = first } = how
      return backend.sync({ changed: tracker.takeChanges().changed, options: ruleOptions, baseChanged: first, full, first })
    }
    const expectOne = (flow: Omit<Flow, 'name'>) => expectFlow(kernel, world, { name: '', ...flow })

    beforeAll(async () => {
      for (const s of world.services) tracker.setService(`ns/${s.metadata.name}`, s)
      for (const s of world.slices) tracker.setSlice(s, false)
      made = testBackend(mode, family, kernel.enterNode)
      backend = made.create()
      await sync({ first: true })
    })

    it('every flow goes its way', async () => {
      await Promise.all(world.flows.map((flow) => (flow.untouched === mode ? expectNobody(kernel, flow) : expectFlow(kernel, world, flow))))
    })

    it('keeps a client with its endpoint, through a resync too, and lets it go when affinity ends', async () => {
      const ip = at('10.96.0.20')
      const sticky = (sessionAffinity: string) => service('sticky', ip, [{ port: 80 }], { sessionAffinity, sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } })
      tracker.setService('ns/sticky', sticky('ClientIP'))
      tracker.setSlice(slice('sticky', [{ port: podPort }], [{ ip: addresses.pod1, node: 'a' }, { ip: addresses.pod2, node: 'a' }, { ip: addresses.pod3, node: 'b' }]), false)
      await sync()
      const dial = () => kernel.dial('client', 'tcp', ip, 80)
      const first = await dial()
      for (let i = 0; i < 12; i++) expect(await dial()).toBe(first)
      await sync({ full: true })
      expect(await dial()).toBe(first)
      tracker.setService('ns/sticky', sticky('None'))
      await sync()
      const names = new Set<string>()
      for (let i = 0; i < 40; i++) names.add((await dial()).split(' ')[0]!)
      expect(names.size).toBe(3)
      expect((await made.leftInKernel()).filter((name) => name.startsWith('affinity-'))).toEqual([])
    })

    it('follows changes, and cleans up chains that nothing uses', async () => {
      const before = await made.leftInKernel()
      tracker.setSlice(slice('web', [{ port: podPort }], [{ ip: addresses.pod2, node: 'a' }]), false)
      tracker.setService('ns/alone', undefined)
      await sync()
      await expectOne({ from: 'pod1', ip: at('10.96.0.1'), port: 80, expect: ['pod2'] })
      await expectNobody(kernel, { name: 'gone', from: 'pod1', ip: at('10.96.0.11'), port: 80, expect: 'drop' })
      await backend.cleanUp()
      const left = await made.leftInKernel()
      expect(left.length).toBeLessThan(before.length)
      expect(before).toEqual(expect.arrayContaining([...left]))
      tracker.setService('ns/alone', world.services.find((s) => s.metadata.name === 'alone'))
      await sync()
      await expectOne({ from: 'pod2', ip: at('10.96.0.11'), port: 80, expect: ['pod1'] })
    })

    it('moves a UDP sender away from an endpoint that is gone', async () => {
      const dial = () => kernel.dial('pod1', 'udp', at('10.96.0.13'), 53, { sourcePort: 40_001 })
      const first = (await dial()).split(' ')[0]!
      const other = first === 'pod2' ? 'pod3' : 'pod2'
      tracker.setSlice(slice('names', [{ name: 'dns', port: 5353, protocol: 'UDP' }], [{ ip: addresses[other] }]), false)
      await sync()
      expect((await dial()).split(' ')[0]).toBe(first)
      const words = ['-p', 'udp', '-f', family.toLowerCase()]
      const stale = staleFlows(parseConntrack(kernel.onNode('conntrack', ['-L', ...words])), tracker.view()).filter((flow) => flow.sourcePort === 40_001)
      expect(stale).toHaveLength(1)
      kernel.onNode('conntrack', ['-D', ...words, '--orig-src', stale[0]!.source, '--orig-dst', stale[0]!.destination, '--sport', '40001'])
      expect((await dial()).split(' ')[0]).toBe(other)
    })

    it('a back end that starts anew takes over what an earlier one wrote, and what nothing needs any more goes', async () => {
      const known = (await made.leftInKernel()).length
      tracker.setService('ns/local', undefined)
      tracker.touchAll()
      backend = made.create()
      await sync({ first: true })
      await backend.cleanUp()
      expect((await made.leftInKernel()).length).toBeLessThan(known)
      await expectOne({ from: 'pod2', ip: at('10.96.0.2'), port: 80, expect: ['pod1', 'pod3'] })
    })

    it('comes back whole after somebody removed everything', async () => {
      expect(await backend.intact()).toBe(true)
      await made.remove()
      expect(await backend.intact()).toBe(false)
      expect(await made.leftInKernel()).toEqual([])
      expect(await kernel.dial('pod1', 'tcp', at('10.96.0.2'), 80)).not.toContain('pod')
      await sync({ full: true })
      expect(await backend.intact()).toBe(true)
      await expectOne({ from: 'pod2', ip: at('10.96.0.2'), port: 80, expect: ['pod1', 'pod3'] })
    })
  })
})
