/** Packet rules as lines of iptables-restore. Pure. */
import { hostPort } from '../addresses.ts'
import type { Rule, Statement } from '../ruleset.ts'
import { chainOf } from './names.ts'

/** xt_comment holds 256 bytes with the end. */
const commentMax = 255

/** "-A CHAIN ..." for each rule, one a line; one bit of the packet mark asks for masquerading. */
export function ruleLines(chain: string, rules: readonly Rule[], masqueradeBit: number): string {
  const mark = `0x${(2 ** masqueradeBit).toString(16).padStart(8, '0')}`
  return rules.map((rule) => `-A ${chain} ${ruleText(rule, mark)}\n`).join('')
}

/** A rule's matches and target, without its chain. */
export function ruleText({ statements, comment }: Rule, mark: string): string {
  const said = comment === undefined ? [] : [`-m comment --comment "${comment.slice(0, commentMax)}"`]
  return [...said, ...statements.map((statement) => statementText(statement, mark))].join(' ')
}

function statementText(statement: Statement, mark: string): string {
  const not = 'not' in statement && statement.not === true ? '! ' : ''
  switch (statement.do) {
    case 'isTo': return `${statement.ip === undefined ? '' : `-d ${statement.ip} `}-p ${statement.protocol} -m ${statement.protocol} --dport ${statement.port}`
    case 'among': return `${not}${statement.field === 'saddr' ? '-s' : '-d'} ${single(statement.values)}`
    case 'isLocal': return `-m addrtype --${statement.field === 'saddr' ? 'src' : 'dst'}-type LOCAL`
    case 'fromInterface': return `${not}-i ${statement.name.replace(/\*$/, '+')}`
    case 'isNew': return '-m conntrack --ctstate NEW'
    case 'isState': return `-m conntrack ${not}--ctstate ${statement.states.join(',')}`
    case 'isProtocol': return `-p ${statement.protocol} -m ${statement.protocol}`
    case 'chance': return `-m statistic --mode random --probability ${(1 / statement.of).toFixed(10)}`
    case 'remembered': return `-m recent --name ${statement.set} --rcheck --seconds ${statement.seconds} --reap`
    case 'remember': return `-m recent --name ${statement.set} --set`
    case 'isMarked': return `-m mark ${not}--mark ${mark}/${mark}`
    case 'mark': return `-j MARK --or-mark ${mark}`
    case 'unmark': return `-j MARK --xor-mark ${mark}`
    case 'jump': return `-j ${chainOf(statement.chain)}`
    case 'return': return '-j RETURN'
    case 'accept': return '-j ACCEPT'
    case 'drop': return '-j DROP'
    case 'reject': return '-j REJECT'
    case 'masquerade': return '-j MASQUERADE --random-fully'
    case 'translate': {
      const { ip, port } = single(statement.to)
      return `-j DNAT --to-destination ${hostPort(ip, port)}`
    }
    default: throw new Error(`rules of iptables have no "${statement.do}"`)
  }
}

function single<T>(values: readonly T[]): T {
  if (values.length !== 1) throw new Error(`a rule of iptables takes one value, not ${values.length}`)
  return values[0]!
}
