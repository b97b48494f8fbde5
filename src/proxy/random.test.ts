import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Table } from './nftables/table.ts'
import { renderBase } from './rules.ts'
import type { Ruleset } from './ruleset.ts'
import { flowWorld } from './testing/flows.ts'
import { renderChanges } from './testing/objects.ts'
import { type RandomService, expectedOf, probes, serviceArb } from './testing/random-world.ts'
import { trace } from './trace.ts'
import { ServiceTracker } from './tracker.ts'

const { nodeIP, ruleOptions } = flowWorld('IPv4')
const options = { ...ruleOptions, node: { nodeName: 'a', zone: 'z1' } }
const worldArb = fc.tuple(serviceArb(1), serviceArb(2), serviceArb(3))

function put(tracker: ServiceTracker, world: readonly RandomService[]): void {
  for (const { service, slice } of world) {
    tracker.setService(`ns/${service.metadata.name}`, service)
    tracker.setSlice(slice, false)
  }
}

function freshRules(world: readonly RandomService[]): Table {
  const tracker = new ServiceTracker('IPv4', 'a')
  put(tracker, world)
  const table = new Table('IPv4')
  table.update(new Map([['', renderBase(options)], ...renderChanges(tracker, options)]))
  return table
}

const sorted = (rules: Ruleset) => ({
  chains: [...rules.chains].sort(([a], [b]) => (a < b ? -1 : 1)), sets: [...rules.sets].sort(([a], [b]) => (a < b ? -1 : 1)),
  elements: [...rules.elements].map(([name, keys]) => [name, [...keys].sort(([a], [b]) => (a < b ? -1 : 1))] as const).sort(([a], [b]) => (a < b ? -1 : 1)),
})

describe('random Services', () => {
  it('send every packet where the API says', () => {
    fc.assert(fc.property(worldArb, (world) => {
      const rules = freshRules(world).ruleset
      for (const probe of probes(world)) {
        const expected = expectedOf(world, probe)
        const outcomes = trace(rules, probe, { localAddresses: [nodeIP, '127.0.0.1'] })
        if (expected.verdict !== 'accept') {
          expect(outcomes.map(({ verdict }) => verdict), JSON.stringify(probe)).toEqual([expected.verdict])
          continue
        }
        expect(outcomes.map(({ destination }) => destination).sort(), JSON.stringify(probe)).toEqual(expected.to)
        for (const { verdict, translated, masqueraded, destination } of outcomes) {
          expect({ verdict, translated, masqueraded }, JSON.stringify({ probe, destination })).toEqual({ verdict: 'accept', translated: expected.translated, masqueraded: expected.masqueraded(destination) })
        }
      }
    }), { numRuns: 60 })
  })

  it('end in the same rules whatever came before', () => {
    fc.assert(fc.property(fc.array(worldArb, { minLength: 2, maxLength: 5 }), fc.array(fc.boolean(), { maxLength: 5 }), (worlds, skips) => {
      const tracker = new ServiceTracker('IPv4', 'a')
      const table = new Table('IPv4')
      table.update(new Map([['', renderBase(options)]]))
      for (const [i, world] of worlds.entries()) {
        if (skips[i] === true) for (const { service } of world) tracker.setService(`ns/${service.metadata.name}`, undefined)
        put(tracker, world)
        table.update(renderChanges(tracker, options))
      }
      expect(sorted(table.ruleset)).toEqual(sorted(freshRules(worlds.at(-1)!).ruleset))
    }), { numRuns: 60 })
  })
})
