/**
 * What the kernel's tables should hold, part by part (the base, and one part for each Service port), and the scripts of
 * iptables-restore that bring the kernel there: of the chains that changed only, or of everything. Pure but for its memory.
 */
import type { Rule } from '../ruleset.ts'
import { type SavedTable, missingJumps, parseSaved } from './jumps.ts'
import { isServiceChain } from './leftovers.ts'
import { type ChainKey, type TableName, canary, chainOf, tableOf } from './names.ts'
import { type Part, sharedChains } from './rules.ts'
import { ruleLines } from './write.ts'

type Lines = ReadonlyMap<ChainKey, string>
interface WrittenPart { readonly own: Lines; readonly shared: Lines }

const nothing: SavedTable = { chains: new Set(), jumps: new Set() }

export class Tables {
  readonly #masqueradeBit: number
  readonly #parts = new Map<string, WrittenPart>()
  /** Lines of a chain by owner. */
  readonly #shared = new Map<ChainKey, Map<string, string>>(sharedChains.map((key) => [key, new Map()]))
  readonly #own = new Map<ChainKey, string>()

  constructor(masqueradeBit = 14) {
    this.#masqueradeBit = masqueradeBit
  }

  /** Every chain with its lines. */
  get chains(): ReadonlyMap<ChainKey, string> {
    return new Map([...[...this.#shared.keys()].map((key) => [key, this.#text(key)] as const), ...this.#own])
  }

  /** How many rules a table has. */
  count(table: TableName): number {
    let lines = 0
    for (const [key, owners] of this.#shared) if (tableOf(key) === table) for (const text of owners.values()) lines += countLines(text)
    for (const [key, text] of this.#own) if (tableOf(key) === table) lines += countLines(text)
    return lines
  }

  /** Takes the new parts (undefined: the part is gone; owner '': the base) and answers the script for what they change; '' for nothing. */
  update(parts: ReadonlyMap<string, Part | undefined>): string {
    const changed = new Set<ChainKey>()
    const removed = new Set<ChainKey>()
    for (const [owner, part] of parts) this.#replace(owner, part, changed, removed)
    return (['filter', 'nat'] as const).map((table) => this.#script(table, changed, removed)).join('')
  }

  /** The script that makes the tables whole whatever is there; `saved` is what iptables-save says of them all. */
  full(saved: string): string {
    const tables = parseSaved(saved)
    const all = new Set([...this.#shared.keys(), ...this.#own.keys()])
    const out = tables.get('mangle')?.chains.has(canary) === true ? [] : [`*mangle\n${chainLine(canary)}COMMIT\n`]
    for (const table of ['filter', 'nat'] as const) {
      const found = tables.get(table) ?? nothing
      // The kubelet's chain, which the proxy leads to but fills only when it must.
      const more = [canary, ...(table === 'filter' && !this.#own.has('filter KUBE-FIREWALL') ? ['KUBE-FIREWALL'] : [])].filter((name) => !found.chains.has(name))
      const stale = [...found.chains].filter((name) => isServiceChain(name) && !all.has(`${table} ${name}`)).map((name): ChainKey => `${table} ${name}`)
      out.push(this.#script(table, all, new Set(stale), more, missingJumps(table, found)))
    }
    return out.join('')
  }

  #script(table: TableName, chains: ReadonlySet<ChainKey>, removed: ReadonlySet<ChainKey>, more: readonly string[] = [], jumps: readonly string[] = []): string {
    const here = [...chains].filter((key) => tableOf(key) === table)
    const gone = [...removed].filter((key) => tableOf(key) === table).map(chainOf)
    if (here.length + gone.length + more.length + jumps.length === 0) return ''
    // A chain's line makes it or empties it; nothing may lead to a chain that is to go, nor to one that is not yet there.
    const lines = [...here.map(chainOf), ...more, ...gone].map(chainLine)
    return [`*${table}\n`, ...lines, ...here.map((key) => this.#text(key)), ...jumps.map((line) => `${line}\n`), ...gone.map((name) => `-X ${name}\n`), 'COMMIT\n'].join('')
  }

  /** The base's lines are the last; the others are in the order of their owners, so that equal states give equal rules. */
  #text(key: ChainKey): string {
    const owners = this.#shared.get(key)
    if (owners === undefined) return this.#own.get(key) ?? ''
    return [...owners.keys()].sort((a, b) => (b === '' ? -1 : a === '' ? 1 : a < b ? -1 : 1)).map((owner) => owners.get(owner)!).join('')
  }

  #replace(owner: string, part: Part | undefined, changed: Set<ChainKey>, removed: Set<ChainKey>): void {
    const old = this.#parts.get(owner)
    const now = part === undefined ? undefined : { own: this.#lines(part.own), shared: this.#lines(part.shared) }
    if (now === undefined) this.#parts.delete(owner)
    else this.#parts.set(owner, now)
    for (const key of old?.own.keys() ?? []) {
      if (now?.own.has(key) === true) continue
      this.#own.delete(key)
      changed.delete(key)
      removed.add(key)
    }
    for (const [key, text] of now?.own ?? []) {
      if (old?.own.get(key) !== text) changed.add(key)
      this.#own.set(key, text)
      removed.delete(key)
    }
    for (const key of new Set([...(old?.shared.keys() ?? []), ...(now?.shared.keys() ?? [])])) {
      const text = now?.shared.get(key)
      if (old?.shared.get(key) === text) continue
      changed.add(key)
      if (text === undefined) this.#shared.get(key)!.delete(owner)
      else this.#shared.get(key)!.set(owner, text)
    }
  }

  #lines(chains: ReadonlyMap<ChainKey, readonly Rule[]>): Lines {
    return new Map([...chains].map(([key, rules]) => [key, ruleLines(chainOf(key), rules, this.#masqueradeBit)]))
  }
}

function chainLine(name: string): string {
  return `:${name} - [0:0]\n`
}

function countLines(text: string): number {
  let lines = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++
  return lines
}
