/**
 * What the kernel's table should hold, part by part (the base, and one part for each Service), and the transactions
 * that bring the kernel there: of what changed only, or of everything. Pure but for its memory.
 */
import type { Family } from '../addresses.ts'
import { type Chain, type Rules, type Ruleset, type SetSpec, type Verdict, sameVerdict } from '../ruleset.ts'
import { isServiceChain } from '../rules.ts'
import { type TableName, type Writer, createWriter, tableName } from './write.ts'

/** What is in the kernel's table, as far as clean-up needs it. */
export interface Existing {
  readonly chains: readonly string[]
  readonly sets: readonly string[]
}

interface ChainState { readonly chain: Chain; readonly text: string; readonly owner: string }
interface SetState { readonly spec: SetSpec; readonly text: string; readonly owner: string }

/** Commands in the order in which nft accepts them: references end before what they point to, and begin after it. */
interface Delta {
  readonly deleteElements: Map<string, string[]>
  readonly flushChains: Set<string>
  readonly deleteSets: Set<string>
  readonly addSets: Set<string>
  readonly writeChains: Set<string>
  readonly addElements: Map<string, string[]>
}

export class Table {
  readonly family: Family
  readonly #writer: Writer
  readonly #parts = new Map<string, Rules>()
  readonly #chains = new Map<string, ChainState>()
  readonly #sets = new Map<string, SetState>()
  /** Container, key, owner: two Services may bring one element; the owner with the smallest name has its way. */
  readonly #elements = new Map<string, Map<string, Map<string, Verdict>>>()
  /** Chains that nothing points to any more. Kernels before 6.2 free them only a moment after the last reference. */
  readonly #stale = new Set<string>()

  constructor(family: Family, masqueradeBit = 14, name: TableName = tableName) {
    this.family = family
    this.#writer = createWriter(family, masqueradeBit, name)
  }

  /** All parts as one ruleset, for the tracer. */
  get ruleset(): Ruleset {
    const filled = [...this.#elements].filter(([, keys]) => keys.size > 0)
    const elements = new Map(filled.map(([container, keys]) => [container, new Map([...keys].map(([key, owners]) => [key, winner(owners)]))]))
    return {
      family: this.family, elements,
      chains: new Map([...this.#chains].map(([name, { chain }]) => [name, chain])),
      sets: new Map([...this.#sets].map(([name, { spec }]) => [name, spec])),
    }
  }

  /** Takes the new parts (undefined: the part is gone) and answers the transaction for them; '' when nothing changes, or when `silent`. */
  update(parts: ReadonlyMap<string, Rules | undefined>, silent = false): string {
    const delta: Delta = {
      deleteElements: new Map(), flushChains: new Set(), deleteSets: new Set(), addSets: new Set(), writeChains: new Set(), addElements: new Map(),
    }
    const before = new Map<string, Map<string, Verdict | 'absent'>>()
    for (const [owner, rules] of parts) this.#replacePart(owner, rules, delta, before)
    if (silent) return ''
    for (const [container, keys] of before) this.#elementChanges(container, keys, delta)
    return this.#text(delta)
  }

  /** The transaction that makes the table whole whatever is there. */
  full(existing: Existing, recreate: boolean): string {
    const { table } = this.#writer
    const out = [`add table ${table} { comment "rules for ${table.split(' ')[1]}"; }\n`]
    const baseChains = [...this.#chains].filter(([, { chain }]) => chain.base !== undefined)
    // A base chain of other properties cannot be changed, only made anew.
    if (recreate) for (const [name] of baseChains) out.push(`add chain ${table} ${name}\ndelete chain ${table} ${name}\n`)
    for (const [name, { spec, text }] of this.#sets) {
      out.push(text)
      // Members with a timeout are clients' affinities: they outlive a resync.
      if (spec.timeoutSeconds === undefined) out.push(`flush ${spec.verdicts === true ? 'map' : 'set'} ${table} ${name}\n`)
    }
    for (const [name, { chain }] of this.#chains) if (chain.base === undefined) out.push(`add chain ${table} ${name}\n`)
    for (const name of existing.chains) if (!this.#chains.has(name)) out.push(`flush chain ${table} ${name}\n`)
    for (const [, { text }] of this.#chains) out.push(text)
    for (const [container, keys] of this.#elements) {
      out.push(...batches([...keys].map(([key, owners]) => this.#writer.element(key, winner(owners)))).map((text) => `add element ${table} ${container} { ${text} }\n`))
    }
    for (const name of existing.sets) if (!this.#sets.has(name) && isServiceChain(name)) out.push(`delete set ${table} ${name}\n`)
    for (const name of existing.chains) if (!this.#chains.has(name) && isServiceChain(name)) this.#stale.add(name)
    return out.join('')
  }

  /** The transaction that removes chains left without use by earlier ones; '' when there are none. Asked for once. */
  cleanUp(): string {
    const names = [...this.#stale].filter((name) => !this.#chains.has(name))
    this.#stale.clear()
    return names.map((name) => `delete chain ${this.#writer.table} ${name}\n`).join('')
  }

  get hasStale(): boolean {
    return this.#stale.size > 0
  }

  #replacePart(owner: string, rules: Rules | undefined, delta: Delta, before: Map<string, Map<string, Verdict | 'absent'>>): void {
    const old = this.#parts.get(owner)
    if (rules === undefined) this.#parts.delete(owner)
    else this.#parts.set(owner, rules)
    for (const name of old?.sets.keys() ?? []) if (rules?.sets.has(name) !== true) this.#removeSet(name, owner, delta)
    for (const [name, spec] of rules?.sets ?? []) {
      const text = this.#writer.set(name, spec)
      const known = this.#sets.get(name)
      if (known?.text === text) continue
      if (known !== undefined) this.#removeSet(name, known.owner, delta)
      this.#sets.set(name, { spec, text, owner })
      delta.addSets.add(name)
    }
    const replacedSet = [...delta.deleteSets].some((name) => rules?.sets.has(name))
    for (const name of old?.chains.keys() ?? []) {
      if (rules?.chains.has(name) === true || this.#chains.get(name)?.owner !== owner) continue
      this.#chains.delete(name)
      delta.flushChains.add(name)
      delta.writeChains.delete(name)
      this.#stale.add(name)
    }
    for (const [name, chain] of rules?.chains ?? []) {
      const text = this.#writer.chain(name, chain)
      // A set that is made anew must first be let go by the rules that use it.
      if (this.#chains.get(name)?.text === text && !replacedSet) continue
      if (this.#chains.has(name)) delta.flushChains.add(name)
      this.#chains.set(name, { chain, text, owner })
      delta.writeChains.add(name)
    }
    for (const [container, keys] of old?.elements ?? []) for (const key of keys.keys()) this.#setElement(container, key, owner, undefined, true, before)
    for (const [container, keys] of rules?.elements ?? []) for (const [key, verdict] of keys) this.#setElement(container, key, owner, verdict, false, before)
  }

  #removeSet(name: string, owner: string, delta: Delta): void {
    if (this.#sets.get(name)?.owner !== owner) return
    this.#sets.delete(name)
    delta.deleteSets.add(name)
  }

  #setElement(container: string, key: string, owner: string, verdict: Verdict, remove: boolean, before: Map<string, Map<string, Verdict | 'absent'>>): void {
    const keys = this.#elements.get(container) ?? new Map<string, Map<string, Verdict>>()
    this.#elements.set(container, keys)
    const owners = keys.get(key) ?? new Map<string, Verdict>()
    const remembered = before.get(container) ?? new Map<string, Verdict | 'absent'>()
    before.set(container, remembered)
    if (!remembered.has(key)) remembered.set(key, owners.size === 0 ? 'absent' : winner(owners))
    if (remove) owners.delete(owner)
    else owners.set(owner, verdict)
    if (owners.size === 0) keys.delete(key)
    else keys.set(key, owners)
  }

  #elementChanges(container: string, keys: ReadonlyMap<string, Verdict | 'absent'>, delta: Delta): void {
    for (const [key, old] of keys) {
      const owners = this.#elements.get(container)?.get(key)
      const now = owners === undefined ? 'absent' : winner(owners)
      if (old === 'absent' ? now === 'absent' : now !== 'absent' && sameVerdict(old, now)) continue
      if (old !== 'absent') push(delta.deleteElements, container, key)
      if (now !== 'absent') push(delta.addElements, container, this.#writer.element(key, now))
    }
  }

  #text(delta: Delta): string {
    const { table } = this.#writer
    const out: string[] = []
    for (const [container, keys] of delta.deleteElements) out.push(...batches(keys).map((text) => `delete element ${table} ${container} { ${text} }\n`))
    for (const name of delta.flushChains) out.push(`flush chain ${table} ${name}\n`)
    for (const name of delta.deleteSets) out.push(`delete set ${table} ${name}\n`)
    for (const name of delta.addSets) out.push(this.#sets.get(name)!.text)
    // Chains point to each other: all exist before the first rule.
    for (const name of delta.writeChains) if (this.#chains.get(name)!.chain.base === undefined) out.push(`add chain ${table} ${name}\n`)
    for (const name of delta.writeChains) out.push(this.#chains.get(name)!.text)
    for (const [container, elements] of delta.addElements) out.push(...batches(elements).map((text) => `add element ${table} ${container} { ${text} }\n`))
    return out.join('')
  }
}

/** The command that makes the table vanish, for clean-up. */
export function deleteTable(family: Family, of: TableName = tableName): string {
  const name = `${family === 'IPv4' ? 'ip' : 'ip6'} ${of}`
  return `add table ${name}\ndelete table ${name}\n`
}

function winner(owners: ReadonlyMap<string, Verdict>): Verdict {
  if (owners.size === 1) return owners.values().next().value
  let first: string | undefined
  for (const owner of owners.keys()) if (first === undefined || owner < first) first = owner
  return owners.get(first!)
}

function push(map: Map<string, string[]>, name: string, value: string): void {
  const list = map.get(name)
  if (list === undefined) map.set(name, [value])
  else list.push(value)
}

function batches(items: readonly string[]): string[] {
  const out: string[] = []
  for (let i = 0; i < items.length; i += 500) out.push(items.slice(i, i + 500).join(', '))
  return out
}
