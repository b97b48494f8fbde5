import type { Family } from '../addresses.ts'
import type { RuleBackend } from '../backend.ts'
import type { IptablesPrograms } from './exec/iptables.ts'
import { canary } from './names.ts'
import { type Part, renderBase, renderPort } from './rules.ts'
import { Tables } from './tables.ts'

export interface IptablesOptions {
  readonly masqueradeBit?: number
  /** The kernel takes packets outside a connection's window for valid (nf_conntrack_tcp_be_liberal). */
  readonly liberal?: boolean
  /** Called after each write with how many rules each table has, and how many of them were written now. */
  readonly onWritten?: (table: 'filter' | 'nat', rules: number, written: number) => void
}

/** Above so many endpoints their rules say nothing of what they are for, as upstream's do: comments are most of their size. */
const briefAbove = 1000

/** Rules in the tables filter and nat, through iptables-restore; only chains that changed are written. */
export function createIptablesBackend(family: Family, programs: Pick<IptablesPrograms, 'save' | 'restore' | 'hasChain'>, options: IptablesOptions = {}): RuleBackend {
  const { masqueradeBit = 14, liberal = false, onWritten } = options
  const tables = new Tables(masqueradeBit)
  const endpointCounts = new Map<string, number>()
  let endpoints = 0
  const count = (owner: string, now: number) => {
    endpoints += now - (endpointCounts.get(owner) ?? 0)
    if (now === 0) endpointCounts.delete(owner)
    else endpointCounts.set(owner, now)
  }
  return {
    mode: 'iptables', family, hasStale: false,
    async sync({ changed, options: rules, baseChanged, full }) {
      const parts = new Map<string, Part | undefined>()
      for (const [owner, state] of changed) count(owner, state?.endpoints.length ?? 0)
      const brief = endpoints > briefAbove
      for (const [owner, state] of changed) parts.set(owner, state === undefined ? undefined : renderPort(state.info, state.endpoints, rules, brief))
      if (baseChanged) parts.set('', renderBase(rules, liberal))
      const delta = tables.update(parts)
      const script = full ? tables.full((await programs.save()) ?? '') : delta
      if (script !== '') await programs.restore(script)
      if (onWritten !== undefined) for (const [table, written] of countWritten(script)) onWritten(table, tables.count(table), written)
    },
    // The chains through which everything passes, emptied by a flush, and one that only goes with all the others.
    async intact() {
      const found = await Promise.all([programs.hasChain('nat', 'KUBE-POSTROUTING'), programs.hasChain('filter', 'KUBE-FORWARD'), programs.hasChain('mangle', canary, true)])
      return found.every(Boolean)
    },
    // What is no longer used goes in the transaction that lets it go.
    cleanUp: () => Promise.resolve(),
  }
}

/** How many rules a script writes into each table. */
function countWritten(script: string): ['filter' | 'nat', number][] {
  return (['filter', 'nat'] as const).map((table) => {
    const part = script.split(/^(?=\*)/m).find((text) => text.startsWith(`*${table}\n`)) ?? ''
    return [table, part.match(/^-A /gm)?.length ?? 0]
  })
}
