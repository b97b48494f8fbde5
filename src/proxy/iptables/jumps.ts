/** Where the kernel's own chains lead to the proxy's, and what of it a saved state lacks (upstream: iptablesJumpChains). Pure. */
import type { Chain, Hook, Rule } from '../ruleset.ts'
import type { ChainKey, TableName } from './names.ts'
import { chainOf, tableOf } from './names.ts'
import { ruleText } from './write.ts'

interface Jump { readonly from: ChainKey; readonly to: ChainKey; readonly rule: Rule }

function jump(from: ChainKey, to: ChainKey, comment: string, isNew = false): Jump {
  return { from, to, rule: { statements: [...(isNew ? [{ do: 'isNew' } as const] : []), { do: 'jump', chain: to }], ...(comment === '' ? {} : { comment }) } }
}

const services = 'kubernetes service portals'
const external = 'kubernetes externally-visible service portals'
const firewall = 'kubernetes load balancer firewall'

/** In the order in which they are put before what is there: the last stands first. */
const jumps: readonly Jump[] = [
  jump('filter INPUT', 'filter KUBE-EXTERNAL-SERVICES', external, true),
  jump('filter FORWARD', 'filter KUBE-EXTERNAL-SERVICES', external, true),
  jump('filter INPUT', 'filter KUBE-NODEPORTS', 'kubernetes health check service ports'),
  jump('filter FORWARD', 'filter KUBE-SERVICES', services, true),
  jump('filter OUTPUT', 'filter KUBE-SERVICES', services, true),
  jump('filter FORWARD', 'filter KUBE-FORWARD', 'kubernetes forwarding rules'),
  jump('filter INPUT', 'filter KUBE-PROXY-FIREWALL', firewall, true),
  jump('filter OUTPUT', 'filter KUBE-PROXY-FIREWALL', firewall, true),
  jump('filter FORWARD', 'filter KUBE-PROXY-FIREWALL', firewall, true),
  jump('nat OUTPUT', 'nat KUBE-SERVICES', services),
  jump('nat PREROUTING', 'nat KUBE-SERVICES', services),
  jump('nat POSTROUTING', 'nat KUBE-POSTROUTING', 'kubernetes postrouting rules'),
  jump('filter INPUT', 'filter KUBE-FIREWALL', ''),
  jump('filter OUTPUT', 'filter KUBE-FIREWALL', ''),
]

/** The table's jumps that the saved state has not, as lines of iptables-restore. */
export function missingJumps(table: TableName, saved: SavedTable): string[] {
  return jumps.filter(({ from, to }) => tableOf(from) === table && !saved.jumps.has(`${chainOf(from)} ${chainOf(to)}`))
    .map(({ from, rule }) => `-I ${chainOf(from)} ${ruleText(rule, '')}`)
}

/** The kernel's own chains with the jumps alone, for the tracer. */
export function entryChains(): Map<ChainKey, Chain> {
  const out = new Map<ChainKey, Chain>()
  for (const { from } of jumps) {
    const type = tableOf(from) === 'nat' ? 'nat' : 'filter'
    const hook = chainOf(from).toLowerCase() as Hook
    const priority = type === 'filter' ? '0' : hook === 'postrouting' ? '100' : '-100'
    out.set(from, { base: { type, hook, priority }, rules: jumps.filter((one) => one.from === from).map(({ rule }) => rule).reverse() })
  }
  return out
}

/** What iptables-save says of one table, as far as a full write needs it. */
export interface SavedTable {
  readonly chains: ReadonlySet<string>
  /** "FORWARD KUBE-SERVICES" for each rule of a chain of the kernel's that leads to one of the proxy's. */
  readonly jumps: ReadonlySet<string>
}

/** The tables in the text of iptables-save. */
export function parseSaved(text: string): Map<string, SavedTable> {
  const out = new Map<string, SavedTable>()
  for (const part of text.split(/^\*/m).slice(1)) {
    const lines = part.split('\n')
    const chains = lines.filter((line) => line.startsWith(':')).map((line) => line.slice(1, line.indexOf(' ')))
    const found = lines.flatMap((line) => {
      const match = /^-A ([A-Z]+) (?:.* )?-j (KUBE-\S+)/.exec(line)
      return match === null ? [] : [`${match[1]} ${match[2]}`]
    })
    out.set(lines[0]!.trim(), { chains: new Set(chains), jumps: new Set(found) })
  }
  return out
}
