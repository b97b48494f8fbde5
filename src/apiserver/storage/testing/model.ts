/**
 * What a KVStore ought to hold, as plain as it can be said: every version of every key, never forgotten. Pure; it knows
 * nothing of time, durability or concurrency. Histories of real stores are compared with it (verify.ts).
 */
export interface Version {
  readonly revision: number
  /** Undefined: deleted. */
  readonly value: string | undefined
  readonly createRevision: number
}

export interface Held {
  readonly key: string
  readonly value: string
  readonly createRevision: number
  readonly modRevision: number
}

export interface Written {
  readonly key: string
  readonly version: Version
  readonly previous: Held | undefined
}

export class Model {
  readonly #keys = new Map<string, Version[]>()
  readonly #log: Written[] = []

  /** Every write, in the order of revisions. */
  get log(): readonly Written[] {
    return this.#log
  }
  get revision(): number {
    return this.#log.at(-1)?.version.revision ?? 0
  }

  /** Writes (or, without a value, deletes) at the next revision. */
  write(key: string, value: string | undefined, revision: number): Written {
    if (revision <= this.revision) throw new Error(`revision ${revision} does not follow ${this.revision}`)
    const previous = this.get(key)
    const version: Version = { revision, value, createRevision: previous?.createRevision ?? revision }
    const versions = this.#keys.get(key)
    if (versions === undefined) this.#keys.set(key, [version])
    else versions.push(version)
    const written = { key, version, previous }
    this.#log.push(written)
    return written
  }

  get(key: string, revision = Infinity): Held | undefined {
    const version = this.#keys.get(key)?.findLast((each) => each.revision <= revision)
    if (version?.value === undefined) return undefined
    return { key, value: version.value, createRevision: version.createRevision, modRevision: version.revision }
  }

  list(prefix: string, revision = Infinity): Held[] {
    const keys = [...this.#keys.keys()].filter((key) => key.startsWith(prefix)).sort()
    return keys.flatMap((key) => this.get(key, revision) ?? [])
  }

  /** The writes under the prefix with revisions in (from, to]. */
  between(prefix: string, from: number, to: number): Written[] {
    return this.#log.filter(({ key, version }) => key.startsWith(prefix) && version.revision > from && version.revision <= to)
  }
}
