/** The rules of each mode as data that the tracer follows. */
import { entryChains } from '../iptables/jumps.ts'
import * as iptables from '../iptables/rules.ts'
import { Table } from '../nftables/table.ts'
import { type RuleOptions, renderBase } from '../rules.ts'
import type { Chain, Rule, Ruleset } from '../ruleset.ts'
import type { ServiceTracker } from '../tracker.ts'
import { renderChanges } from './objects.ts'

export const modes = ['nftables', 'iptables'] as const
export type Mode = (typeof modes)[number]

/** Everything that the tracker has not yet told, as rules of one mode. */
export function rulesetOf(mode: Mode, tracker: ServiceTracker, options: RuleOptions): Ruleset {
  if (mode === 'iptables') return iptablesRuleset(tracker, options)
  const table = new Table(options.family)
  table.update(new Map([['', renderBase(options)], ...renderChanges(tracker, options)]))
  return table.ruleset
}

function iptablesRuleset(tracker: ServiceTracker, options: RuleOptions): Ruleset {
  const base = iptables.renderBase(options, false)
  const ports = [...tracker.takeChanges().changed.values()].flatMap((state) => (state === undefined ? [] : [iptables.renderPort(state.info, state.endpoints, options)]))
  const rules = new Map<string, Rule[]>([...iptables.sharedChains, 'filter KUBE-FIREWALL'].map((key) => [key, []]))
  for (const part of [...ports, base]) for (const [key, more] of [...part.own, ...part.shared]) rules.set(key, [...(rules.get(key) ?? []), ...more])
  const chains = new Map<string, Chain>([...entryChains(), ...[...rules].map(([key, list]) => [key, { rules: list }] as const)])
  return { family: options.family, chains, sets: new Map(), elements: new Map() }
}
