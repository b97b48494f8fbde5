/** Packet rules as nft's command language. Pure. */
import { hostPort, type Family } from '../addresses.ts'
import type { Chain, Field, Rule, SetSpec, Statement, Verdict } from '../ruleset.ts'

export const tableName = 'kube-proxy'
export const policyTableName = 'network-policy'
export type TableName = typeof tableName | typeof policyTableName

export interface Writer {
  /** "ip kube-proxy": what every command names. */
  readonly table: string
  /** Commands that make the chain hold exactly its rules. */
  chain(name: string, chain: Chain): string
  set(name: string, spec: SetSpec): string
  element(key: string, verdict: Verdict): string
}

/** A writer for the table of one family; one bit of the packet mark asks for masquerading. */
export function createWriter(family: Family, masqueradeBit = 14, name: TableName = tableName): Writer {
  const context: Context = { family, ip: family === 'IPv4' ? 'ip' : 'ip6', mark: `0x${(2 ** masqueradeBit).toString(16)}` }
  const table = `${family === 'IPv4' ? 'ip' : 'ip6'} ${name}`
  return {
    table,
    chain(name, { base, rules }) {
      const hook = base === undefined ? '' : ` { type ${base.type} hook ${base.hook} priority ${base.priority}; }`
      const lines = [`add chain ${table} ${name}${hook}`, `flush chain ${table} ${name}`]
      for (const rule of rules) lines.push(`add rule ${table} ${name} ${ruleText(rule, context)}`)
      return `${lines.join('\n')}\n`
    },
    set(name, spec) {
      const parts = [`type ${spec.keys.map((key) => keyType(key, family)).join(' . ')}${spec.verdicts === true ? ' : verdict' : ''}`]
      if (spec.timeoutSeconds !== undefined) parts.push('flags dynamic,timeout', `timeout ${spec.timeoutSeconds}s`)
      if (spec.comment !== undefined) parts.push(`comment ${JSON.stringify(spec.comment)}`)
      return `add ${spec.verdicts === true ? 'map' : 'set'} ${table} ${name} { ${parts.join('; ')}; }\n`
    },
    element: (key, verdict) => (verdict === undefined ? key : `${key} : ${verdict === 'drop' ? 'drop' : `goto ${verdict.goto}`}`),
  }
}

function keyType(key: 'address' | 'protocol' | 'port', family: Family): string {
  if (key === 'address') return family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr'
  return key === 'protocol' ? 'inet_proto' : 'inet_service'
}

interface Context { readonly family: Family; readonly ip: 'ip' | 'ip6'; readonly mark: string }

function ruleText(rule: Rule, context: Context): string {
  const text = rule.statements.map((statement) => statementText(statement, context)).join(' ')
  return rule.comment === undefined ? text : `${text} comment ${JSON.stringify(rule.comment.slice(0, 120))}`
}

function statementText(statement: Statement, { ip, mark }: Context): string {
  const field = (name: Field) => ({ saddr: `${ip} saddr`, daddr: `${ip} daddr`, protocol: 'meta l4proto', dport: 'th dport', from: `ct original ${ip} saddr`, to: `ct reply ${ip} saddr` })[name]
  switch (statement.do) {
    case 'in': return `${statement.fields.map(field).join(' . ')} @${statement.set}`
    case 'among': return `${field(statement.field)} ${statement.not === true ? '!= ' : ''}{ ${statement.values.join(', ')} }`
    case 'isLocal': return `fib ${statement.field} type local`
    case 'fromInterface': return `iifname ${statement.not === true ? '!= ' : ''}${JSON.stringify(statement.name)}`
    case 'isNew': return 'ct state new'
    case 'isTranslated': return 'ct status dnat'
    case 'isProtocol': return `meta l4proto ${statement.protocol}`
    case 'toPorts': return `meta l4proto ${statement.protocol} ct reply proto-src { ${statement.ports.join(', ')} }`
    case 'isMarked': return `mark and ${mark} ${statement.not === true ? '==' : '!='} 0`
    case 'mark': return `mark set mark or ${mark}`
    case 'unmark': return `mark set mark xor ${mark}`
    case 'lookup': return `${statement.fields.map(field).join(' . ')} vmap @${statement.map}`
    case 'jump': return `jump ${statement.chain}`
    case 'goto': return `goto ${statement.chain}`
    case 'accept': return 'accept'
    case 'drop': return 'drop'
    case 'reject': return 'reject'
    case 'masquerade': return 'masquerade fully-random'
    case 'translate': return translateText(statement.to, ip)
    case 'choose': return `numgen random mod ${statement.chains.length} vmap { ${statement.chains.map((chain, i) => `${i} : goto ${chain}`).join(', ')} }`
    case 'remember': return `update @${statement.set} { ${ip} saddr }`
    case 'isTo': case 'isState': case 'chance': case 'remembered': case 'return': throw new Error(`rules of nftables have no "${statement.do}"`)
  }
}

function translateText(to: readonly { ip: string; port: number }[], ip: string): string {
  if (to.length === 1) return `dnat to ${hostPort(to[0]!.ip, to[0]!.port)}`
  return `dnat ${ip} addr . port to numgen random mod ${to.length} map { ${to.map((end, i) => `${i} : ${end.ip} . ${end.port}`).join(', ')} }`
}
