import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Table } from './nftables/table.ts'
import { renderBase } from './rules.ts'
import type { Ruleset } from './ruleset.ts'
import { flowWorld } from './testing/flows.ts'
import * as iptables from './iptables/rules.ts'
import { Tables } from './iptables/tables.ts'
import { renderChanges } from './testing/objects.ts'
import { type RandomService, expectedOf, probes, serviceArb } from './testing/random-world.ts'
import { modes, rulesetOf } from './testing/rulesets.ts'
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

function known(world: readonly RandomService[]): ServiceTracker {
  const tracker = new ServiceTracker('IPv4', 'a')
  put(tracker, world)
  return tracker
}

function listsOf(tracker: ServiceTracker): Map<string, iptables.Part | undefined> {
  return new Map([...tracker.takeChanges().changed].map(([owner, state]) => [owner, state === undefined ? undefined : iptables.renderPort(state.info, state.endpoints, options)]))
}

const sorted = (rules: Ruleset) => ({
  chains: [...rules.chains].sort(([a], [b]) => (a < b ? -1 : 1)), sets: [...rules.sets].sort(([a], [b]) => (a < b ? -1 : 1)),
  elements: [...rules.elements].map(([name, keys]) => [name, [...keys].sort(([a], [b]) => (a < b ? -1 : 1))] as const).sort(([a], [b]) => (a < b ? -1 : 1)),
})

/** What iptables-restore --noflush makes of chains and their lines; refuses what it would refuse. */
function restore(kernel: Map<string, string>, script: string): void {
  let table = ''
  for (const line of script.split('\n')) {
    const [word, name = ''] = line.split(' ') as [string, string?]
    const key = `${table} ${name}`
    if (word.startsWith('*')) table = word.slice(1)
    else if (word.startsWith(':')) kernel.set(`${table} ${word.slice(1)}`, '')
    else if (word === '-A' || word === '-I') {
      const to = / -j (KUBE-\S+)/.exec(line)?.[1]
      if (to !== undefined && !kernel.has(`${table} ${to}`)) throw new Error(`no chain ${to}`)
      if (word === '-A' && !kernel.has(key)) throw new Error(`no chain ${name}`)
      kernel.set(key, `${kernel.get(key) ?? ''}${line}\n`)
    } else if (word === '-X') {
      if ([...kernel].some(([other, text]) => other.startsWith(`${table} `) && text.includes(`-j ${name}\n`))) throw new Error(`${name} is in use`)
      if (kernel.get(key) !== '') throw new Error(`${name} is not an empty chain`)
      kernel.delete(key)
    }
  }
}

describe('random Services', () => {
  it.each(modes)('send every packet where the API says, %s', (mode) => {
    fc.assert(fc.property(worldArb, (world) => {
      const rules = rulesetOf(mode, known(world), options)
      for (const probe of probes(world)) {
        const expected = expectedOf(world, probe, mode)
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
      expect(sorted(table.ruleset)).toEqual(sorted(rulesetOf('nftables', known(worlds.at(-1)!), options)))
    }), { numRuns: 60 })
  })

  it('end in the same lists of mode iptables whatever came before, and every script leads from one state to the next', () => {
    fc.assert(fc.property(fc.array(worldArb, { minLength: 2, maxLength: 5 }), fc.array(fc.boolean(), { maxLength: 5 }), (worlds, skips) => {
      const tracker = new ServiceTracker('IPv4', 'a')
      const tables = new Tables()
      const kernel = new Map<string, string>()
      tables.update(new Map([['', iptables.renderBase(options, false)]]))
      restore(kernel, tables.full(''))
      for (const [i, world] of worlds.entries()) {
        if (skips[i] === true) for (const { service } of world) tracker.setService(`ns/${service.metadata.name}`, undefined)
        put(tracker, world)
        restore(kernel, tables.update(listsOf(tracker)))
      }
      const fresh = new Tables()
      fresh.update(new Map([['', iptables.renderBase(options, false)], ...listsOf(known(worlds.at(-1)!))]))
      const byName = (chains: Iterable<readonly [string, string]>) => [...chains].sort(([a], [b]) => (a < b ? -1 : 1))
      expect(byName(tables.chains)).toEqual(byName(fresh.chains))
      expect(byName([...kernel].filter(([key]) => /KUBE-(?!PROXY-CANARY)/.test(key)))).toEqual(byName([...fresh.chains, ['filter KUBE-FIREWALL', ''] as const]))
    }), { numRuns: 60 })
  })
})
