/**
 * Packet rules as data: what the back ends' rules.ts and policy make, a back end's write.ts writes and the tracer follows. Only the statements
 * that Services and policies need exist; each is understood by the tracer and by the writers whose rules have it.
 */
import type { Family } from './addresses.ts'

/** "from" and "to" are the ends of the connection, whichever way this packet goes and whatever its addresses were translated to. */
export type Field = 'saddr' | 'daddr' | 'protocol' | 'dport' | 'from' | 'to'

export type Statement =
  /** Goes on only when the fields are (not) in a named set or among the values. */
  | { readonly do: 'in'; readonly fields: readonly Field[]; readonly set: string }
  | { readonly do: 'among'; readonly field: 'saddr' | 'daddr' | 'from' | 'to'; readonly values: readonly string[]; readonly not?: boolean }
  /** Goes on only when the address is one of the node's own. */
  | { readonly do: 'isLocal'; readonly field: 'saddr' | 'daddr' }
  /** Goes on only for packets that came in by an interface; a name that ends in "*" stands for all that begin so. */
  | { readonly do: 'fromInterface'; readonly name: string; readonly not?: boolean }
  | { readonly do: 'isNew' }
  /** Goes on only when the destination was translated. */
  | { readonly do: 'isTranslated' }
  | { readonly do: 'isProtocol'; readonly protocol: string }
  /** Goes on only when the connection's destination port is among these ("80", "8000-9000"). */
  | { readonly do: 'toPorts'; readonly protocol: string; readonly ports: readonly string[] }
  /** Goes on only when the packet is on its way to this address (absent: any) and port; iptables only. */
  | { readonly do: 'isTo'; readonly ip?: string; readonly protocol: string; readonly port: number }
  /** Goes on only when the connection is (not) in one of these states; iptables only. */
  | { readonly do: 'isState'; readonly states: readonly ('INVALID' | 'RELATED' | 'ESTABLISHED' | 'DNAT')[]; readonly not?: boolean }
  /** Goes on with one packet of so many, by chance; iptables only. */
  | { readonly do: 'chance'; readonly of: number }
  /** Goes on only when the source address was remembered within so many seconds; iptables only. */
  | { readonly do: 'remembered'; readonly set: string; readonly seconds: number }
  | { readonly do: 'isMarked'; readonly not?: boolean }
  | { readonly do: 'mark' }
  | { readonly do: 'unmark' }
  /** Looks the fields up in a named map of verdicts and follows what it finds. */
  | { readonly do: 'lookup'; readonly fields: readonly Field[]; readonly map: string }
  | { readonly do: 'jump'; readonly chain: string }
  | { readonly do: 'goto'; readonly chain: string }
  /** Goes back to whoever jumped to this chain; iptables only. */
  | { readonly do: 'return' }
  /** Ends this hook's chain; those of lower priority still follow. */
  | { readonly do: 'accept' }
  | { readonly do: 'drop' }
  | { readonly do: 'reject' }
  | { readonly do: 'masquerade' }
  /** Translates the destination to one of these, each equally likely. */
  | { readonly do: 'translate'; readonly to: readonly { readonly ip: string; readonly port: number }[] }
  /** Goes to one of these chains, each equally likely. */
  | { readonly do: 'choose'; readonly chains: readonly string[] }
  /** Adds the source address to a set whose members expire. */
  | { readonly do: 'remember'; readonly set: string }

export interface Rule {
  readonly statements: readonly Statement[]
  readonly comment?: string
}

export type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'

export interface Chain {
  /** Where the kernel enters it; absent: only other chains do. */
  readonly base?: { readonly type: 'filter' | 'nat'; readonly hook: Hook; readonly priority: string }
  readonly rules: readonly Rule[]
}

export interface SetSpec {
  readonly keys: readonly ('address' | 'protocol' | 'port')[]
  /** Members are added by packets and leave after so many seconds. */
  readonly timeoutSeconds?: number
  /** A map from the keys to verdicts. */
  readonly verdicts?: boolean
  readonly comment?: string
}

/** What one map element says: "goto CHAIN" or "drop"; undefined for a set's element. */
export type Verdict = { readonly goto: string } | 'drop' | undefined

/** Elements by key; a key is its fields joined by " . ", as nft writes it. */
export type Elements = ReadonlyMap<string, Verdict>

/** A part of the table: the fixed base, or what one Service adds. */
export interface Rules {
  readonly chains: ReadonlyMap<string, Chain>
  readonly sets: ReadonlyMap<string, SetSpec>
  /** By set or map. Two Services may add the same element. */
  readonly elements: ReadonlyMap<string, Elements>
}

export interface Ruleset extends Rules {
  readonly family: Family
}

export function elementKey(...fields: (string | number)[]): string {
  return fields.join(' . ')
}

export function sameVerdict(a: Verdict, b: Verdict): boolean {
  return typeof a === 'object' && typeof b === 'object' ? a.goto === b.goto : a === b
}
