import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RuleBackend } from './backend.ts'
import { testBackend } from './testing/backends.ts'
import { flowWorld, podPort } from './testing/flows.ts'
import { type World, startWorld, whyNoKernel } from './testing/kernel.ts'
import { service, slice } from './testing/objects.ts'
import { modes } from './testing/rulesets.ts'
import { ServiceTracker } from './tracker.ts'

const reason = whyNoKernel()

describe.skipIf(reason !== undefined).each(modes)(`traffic while rules change, %s${reason === undefined ? '' : ` (skipped: ${reason})`}`, (mode) => {
  const { addresses, ruleOptions, nodeIP } = flowWorld('IPv4')
  let kernel: World
  let tracker: ServiceTracker
  let backend: RuleBackend
  const ends = (...places: ('pod1' | 'pod2' | 'pod3')[]) => places.map((place) => ({ ip: addresses[place], node: place === 'pod3' ? 'b' : 'a' }))
  const set = (name: string, ...places: ('pod1' | 'pod2' | 'pod3')[]) => tracker.setSlice(slice(name, [{ port: podPort + (name === 'talk' ? 1 : 0) }], ends(...places)), false)
  const sync = (first = false) => backend.sync({ changed: tracker.takeChanges().changed, options: ruleOptions, baseChanged: first, full: first, first })
  const start = async (...places: ('pod1' | 'pod2' | 'pod3')[]) => {
    tracker = new ServiceTracker('IPv4', 'a')
    backend = testBackend(mode, 'IPv4', kernel.enterNode).create()
    for (const [i, name] of ['talk', 'web'].entries()) tracker.setService(`ns/${name}`, service(name, `10.96.0.${i + 1}`, [{ port: 80, nodePort: 30_080 + i }], { type: 'NodePort' }))
    set('talk', ...places)
    set('web', ...places)
    await sync(true)
  }

  beforeAll(async () => {
    kernel = await startWorld()
    await start('pod1', 'pod2', 'pod3')
  })
  afterAll(() => kernel.stop())

  it('no connection breaks and no new one fails while endpoints come and go, the proxy dies and another starts', async () => {
    for (let i = 0; i < 6; i++) expect(await kernel.stream('client', nodeIP, 30_080)).toBe('open')
    for (let i = 0; i < 6; i++) expect(await kernel.stream('pod1', '10.96.0.1', 80)).toBe('open')
    const dials: Promise<string>[] = []
    const dialAll = () => void dials.push(
      kernel.dial('client', 'tcp', nodeIP, 30_081, { timeoutMs: 900 }), kernel.dial('pod2', 'tcp', '10.96.0.2', 80, { timeoutMs: 900 }), kernel.dial('node', 'tcp', '10.96.0.2', 80, { timeoutMs: 900 }),
    )
    const rounds = [['pod1'], ['pod1', 'pod2'], ['pod3'], ['pod2', 'pod3'], ['pod1', 'pod2', 'pod3']] as const
    for (const round of [...rounds, ...rounds, ...rounds]) {
      set('web', ...round)
      dialAll()
      const syncing = sync()
      dialAll()
      await syncing
      await backend.cleanUp()
    }
    // A new process knows nothing of the old one: the rules of the dead serve until its own take their place in one transaction.
    for (let i = 0; i < 3; i++) {
      dialAll()
      const starting = start('pod1', 'pod2')
      for (let dial = 0; dial < 2; dial++) dialAll()
      await starting
    }
    const answers = await Promise.all(dials)
    expect(answers.filter((answer) => !answer.startsWith('pod'))).toEqual([])
    for (const place of ['client', 'pod1'] as const) expect(await kernel.stopStreams(place)).toEqual(Array.from({ length: 6 }, () => 'ok'))
  })
})
