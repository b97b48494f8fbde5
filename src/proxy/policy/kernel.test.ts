import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { namespaces, networkPolicies, pods } from '../../api/generated/resources.ts'
import type { Component } from '../../base/env.ts'
import { createSystemEnv } from '../../base/real/env.ts'
import { createNft } from '../nftables/exec/nft.ts'
import { flowWorld, podPort } from '../testing/flows.ts'
import { ManualInformers } from '../testing/informers.ts'
import { type World, startWorld, whyNoKernel } from '../testing/kernel.ts'
import { type PolicyCase, policyCases, policyWorld, reaches } from '../testing/policies.ts'
import { createPolicyEnforcer } from './enforcer.ts'

const reason = whyNoKernel()

describe.skipIf(reason !== undefined)(`policies in the kernel${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  const families = ['IPv4', 'IPv6'] as const
  const env = createSystemEnv()
  let kernel: World
  beforeAll(async () => {
    kernel = await startWorld()
  })
  afterAll(async () => {
    kernel.stop()
    await env.tasks.stop()
  })

  describe.each(families)('%s', (family) => {
    const { addresses } = flowWorld(family)
    const world = policyWorld(family)
    const informers = new ManualInformers()
    let enforcer: Component
    const refusedNow = async () => {
      const answers = await Promise.all(reaches.map(([from, to, port]) => kernel.dial(from, port === 5353 ? 'udp' : 'tcp', addresses[to], port, { timeoutMs: 60 })))
      return reaches.filter((_, i) => !answers[i]!.startsWith('pod')).map(([from, to, port]) => `${from}>${to}:${port}`).sort()
    }
    const use = (one: PolicyCase) => {
      const wanted = world.policiesOf(one)
      for (const policy of informers.of(networkPolicies).list()) if (!wanted.some(({ metadata }) => metadata.name === policy.metadata.name)) informers.remove(networkPolicies, policy)
      informers.put(networkPolicies, ...wanted)
    }

    beforeAll(async () => {
      informers.put(namespaces, ...world.namespaces)
      informers.put(pods, ...world.pods)
      enforcer = createPolicyEnforcer(env, { nodeName: 'a', families: [family], informers, filter: createNft(kernel.enterNode) })
      await enforcer.start()
      await enforcer.ready
    })
    afterAll(() => enforcer.stop())

    it('let through what the tracer says, each after the other', async () => {
      for (const one of family === 'IPv4' ? policyCases : policyCases.filter((_, i) => i % 3 === 1)) {
        use(one)
        await expect.poll(refusedNow, { message: one.name, timeout: 10_000, interval: 20 }).toEqual([...one.refused].sort())
      }
    }, 60_000)

    it('end connections under way', async () => {
      use(policyCases[0]!)
      await expect.poll(refusedNow, { timeout: 10_000 }).toEqual([])
      expect(await kernel.stream('pod2', addresses.pod1, podPort + 1)).toBe('open')
      expect(await kernel.stream('pod3', addresses.pod2, podPort + 1)).toBe('open')
      use(policyCases.find(({ name }) => name === 'nothing in')!)
      await expect.poll(refusedNow, { timeout: 10_000 }).not.toEqual([])
      expect(await kernel.stopStreams('pod2')).toEqual(['stalled'])
      expect(await kernel.stopStreams('pod3')).toEqual(['ok'])
    }, 30_000)
  })
})
