/** Packet rules as nft's command language. Pure. */
import { hostPort, type Family } from '../addresses.ts'
import type { Chain, Field, Rule, SetSpec, Statement, Verdict } from '../ruleset.ts'

export const tableName = 'kube-proxy'

/** The bit of the packet mark that asks for masquerading (upstream's default, bit 14). */
export const masqueradeMark = '0x4000'

export interface Writer {
  /** "ip kube-proxy": what every command names. */
  readonly table: string
  /** Commands that make the chain hold exactly its rules. */
  chain(name: string, chain: Chain): string
  set(name: string, spec: SetSpec): string
  element(key: string, verdict: Verdict): string
}

/** A writer for the table of one family. */
export function createWriter(family: Family): Writer {
  const table = `${family === 'IPv4' ? 'ip' : 'ip6'} ${tableName}`
  return {
    table,
    chain(name, { base, rules }) {
      const hook = base === undefined ? '' : ` { type ${base.type} hook ${base.hook} priority ${base.priority}; }`
      const lines = [`add chain ${table} ${name}${hook}`, `flush chain ${table} ${name}`]
      for (const rule of rules) lines.push(`add rule ${table} ${name} ${ruleText(rule, family)}`)
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

function ruleText(rule: Rule, family: Family): string {
  const text = rule.statements.map((statement) => statementText(statement, family)).join(' ')
  return rule.comment === undefined ? text : `${text} comment ${JSON.stringify(rule.comment.slice(0, 120))}`
}

function statementText(statement: Statement, family: Family): string {
  const ip = family === 'IPv4' ? 'ip' : 'ip6'
  const field = (name: Field) => ({ saddr: `${ip} saddr`, daddr: `${ip} daddr`, protocol: 'meta l4proto', dport: 'th dport' })[name]
  switch (statement.do) {
    case 'in': return `${statement.fields.map(field).join(' . ')} @${statement.set}`
    case 'among': return `${field(statement.field)} ${statement.not === true ? '!= ' : ''}{ ${statement.values.join(', ')} }`
    case 'isLocal': return `fib ${statement.field} type local`
    case 'isNew': return 'ct state new'
    case 'isTranslated': return 'ct status dnat'
    case 'isProtocol': return `meta l4proto ${statement.protocol}`
    case 'isMarked': return `mark and ${masqueradeMark} != 0`
    case 'mark': return `mark set mark or ${masqueradeMark}`
    case 'unmark': return `mark set mark xor ${masqueradeMark}`
    case 'lookup': return `${statement.fields.map(field).join(' . ')} vmap @${statement.map}`
    case 'jump': return `jump ${statement.chain}`
    case 'goto': return `goto ${statement.chain}`
    case 'drop': return 'drop'
    case 'reject': return 'reject'
    case 'masquerade': return 'masquerade fully-random'
    case 'translate': return translateText(statement.to, ip)
    case 'choose': return `numgen random mod ${statement.chains.length} vmap { ${statement.chains.map((chain, i) => `${i} : goto ${chain}`).join(', ')} }`
    case 'remember': return `update @${statement.set} { ${ip} saddr }`
  }
}

function translateText(to: readonly { ip: string; port: number }[], ip: string): string {
  if (to.length === 1) return `dnat to ${hostPort(to[0]!.ip, to[0]!.port)}`
  return `dnat ${ip} addr . port to numgen random mod ${to.length} map { ${to.map((end, i) => `${i} : ${end.ip} . ${end.port}`).join(', ')} }`
}
