import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseConntrack } from '../conntrack/exec/conntrack.ts'
import { staleFlows } from '../conntrack/stale.ts'
import { renderBase } from '../rules.ts'
import { type Flow, addresses, flows, nodeIP, podPort, ruleOptions, services, slices } from '../testing/flows.ts'
import { type World, startWorld, whyNoKernel } from '../testing/kernel.ts'
import { renderChanges, service, slice } from '../testing/objects.ts'
import { ServiceTracker } from '../tracker.ts'
import { parseListing } from './exec/nft.ts'
import { Table, deleteTable } from './table.ts'

const reason = whyNoKernel()

describe.skipIf(reason !== undefined)(`rules in the kernel${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  let world: World
  const tracker = new ServiceTracker('IPv4', 'a')
  const table = new Table('IPv4')
  const nft = (text: string) => world.onNode('nft', ['-f', '-'], text)
  const update = () => nft(table.update(renderChanges(tracker, ruleOptions)))
  const existing = () => parseListing(world.onNode('nft', ['--terse', '--json', 'list', 'table', 'ip', 'kube-proxy']))

  beforeAll(async () => {
    world = await startWorld()
    for (const s of services) tracker.setService(`ns/${s.metadata.name}`, s)
    for (const s of slices) tracker.setSlice(s, false)
    table.update(new Map([['', renderBase(ruleOptions)], ...renderChanges(tracker, ruleOptions)]))
    nft(table.full({ chains: [], sets: [] }, true))
  })
  afterAll(() => world.stop())

  async function expectFlow(flow: Flow): Promise<void> {
    const tries = typeof flow.expect === 'string' ? 1 : flow.expect.length * 8
    const answers = await Promise.all(Array.from({ length: tries }, () => world.dial(flow.from, flow.protocol ?? 'tcp', flow.ip, flow.port)))
    if (typeof flow.expect === 'string') return expect(answers).toEqual([flow.expect])
    // Which endpoint is chance: all that answered are expected ones, and with eight tries for each both come up.
    expect(new Set(answers.map((answer) => answer.split(' ')[0]))).toEqual(new Set(flow.expect))
    const seen = new Set(answers.map((answer) => answer.split(' ')[1]))
    if (flow.masqueraded === true) for (const address of seen) expect([nodeIP, '169.254.1.1']).toContain(address)
    if (flow.masqueraded === false) expect(seen).toEqual(new Set([addresses[flow.from]]))
  }

  it.each(flows)('$name', expectFlow)

  it('keeps a client with its endpoint, through a resync too, and lets it go when affinity ends', async () => {
    const sticky = (sessionAffinity: string) => service('sticky', '10.96.0.20', [{ port: 80 }], { sessionAffinity, sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } })
    tracker.setService('ns/sticky', sticky('ClientIP'))
    tracker.setSlice(slice('sticky', [{ port: podPort }], [{ ip: addresses.pod1, node: 'a' }, { ip: addresses.pod2, node: 'a' }, { ip: addresses.pod3, node: 'b' }]), false)
    update()
    const dial = () => world.dial('client', 'tcp', '10.96.0.20', 80)
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
    await expectFlow({ name: '', from: 'pod1', ip: '10.96.0.1', port: 80, expect: ['pod2'] })
    await expectFlow({ name: '', from: 'pod1', ip: '10.96.0.11', port: 80, expect: 'drop' })
    nft(table.cleanUp())
    expect(existing().chains.filter((name) => name.includes('alone'))).toEqual([])
    tracker.setService('ns/alone', services.find((s) => s.metadata.name === 'alone'))
    update()
    await expectFlow({ name: '', from: 'pod2', ip: '10.96.0.11', port: 80, expect: ['pod1'] })
  })

  it('moves a UDP sender away from an endpoint that is gone', async () => {
    const dial = () => world.dial('pod1', 'udp', '10.96.0.13', 53, 40_001)
    const first = (await dial()).split(' ')[0]!
    const other = first === 'pod2' ? 'pod3' : 'pod2'
    tracker.setSlice(slice('names', [{ name: 'dns', port: 5353, protocol: 'UDP' }], [{ ip: addresses[other] }]), false)
    update()
    expect((await dial()).split(' ')[0]).toBe(first)
    const stale = staleFlows(parseConntrack(world.onNode('conntrack', ['-L', '-p', 'udp'])), tracker.view()).filter((flow) => flow.sourcePort === 40_001)
    expect(stale).toHaveLength(1)
    world.onNode('conntrack', ['-D', '-p', 'udp', '--orig-src', stale[0]!.source, '--orig-dst', stale[0]!.destination, '--sport', '40001'])
    expect((await dial()).split(' ')[0]).toBe(other)
  })

  it('comes back whole after somebody removed the table', async () => {
    nft(deleteTable('IPv4'))
    expect(await world.dial('pod1', 'tcp', '10.96.0.2', 80)).not.toContain('pod')
    nft(table.full({ chains: [], sets: [] }, true))
    await expectFlow({ name: '', from: 'pod2', ip: '10.96.0.2', port: 80, expect: ['pod1', 'pod3'] })
  })
})
