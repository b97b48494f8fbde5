import type { RuleBackend } from '../backend.ts'
import type { Family } from '../addresses.ts'
import type { PacketFilter } from '../packet-filter.ts'
import { renderBase, renderPort } from '../rules.ts'
import type { Rules } from '../ruleset.ts'
import { Table } from './table.ts'

/** Rules in one nftables table; only what changed is written. */
export function createNftablesBackend(family: Family, filter: PacketFilter, masqueradeBit = 14): RuleBackend {
  const table = new Table(family, masqueradeBit)
  return {
    mode: 'nftables', family,
    async sync({ changed, options, baseChanged, full, first }) {
      const parts = new Map<string, Rules | undefined>()
      for (const [owner, state] of changed) parts.set(owner, state === undefined ? undefined : renderPort(state.info, state.endpoints, options))
      if (baseChanged) parts.set('', renderBase(options))
      const delta = table.update(parts, full)
      const text = full ? table.full((await filter.existing(family)) ?? { chains: [], sets: [] }, first) : delta
      if (text !== '') await filter.apply(text)
    },
    // The chain through which everything passes: gone with the table, empty after a flush.
    intact: () => filter.hasRules(family, 'services'),
    get hasStale() {
      return table.hasStale
    },
    async cleanUp() {
      const text = table.cleanUp()
      if (text !== '') await filter.apply(text)
    },
  }
}
