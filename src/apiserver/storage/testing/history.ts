/**
 * Random histories: several clients write, read, compact and watch at once, and all that they asked and were told is
 * written down with the order in which it happened. Whether it may happen is verify.ts' business.
 */
import type { SeededRandom } from '../../../base/virtual/random.ts'
import type { KVStore, KeyValue, RevisionBatch } from '../store.ts'
import { CompactedError, FutureRevisionError } from '../store.ts'

export type Operation =
  | { readonly type: 'create'; readonly key: string; readonly value: string }
  | { readonly type: 'update'; readonly key: string; readonly value: string; readonly expected: number }
  | { readonly type: 'delete'; readonly key: string; readonly expected: number }
  | { readonly type: 'get'; readonly key: string; readonly revision?: number }
  | { readonly type: 'list'; readonly prefix: string; readonly revision?: number; readonly after?: string; readonly limit?: number }
  | { readonly type: 'revision' }
  | { readonly type: 'compact'; readonly revision: number }

export interface SeenItem {
  readonly key: string
  readonly value: string
  readonly createRevision: number
  readonly modRevision: number
}

export type Outcome =
  | { readonly type: 'written'; readonly revision: number }
  | { readonly type: 'refused'; readonly revision: number; readonly current: SeenItem | undefined }
  | { readonly type: 'read'; readonly revision: number; readonly items: readonly SeenItem[]; readonly remaining: number; readonly more: boolean }
  | { readonly type: 'done' }
  | { readonly type: 'compacted' }
  | { readonly type: 'future' }
  /** Nobody knows whether it happened. */
  | { readonly type: 'failed'; readonly error: string }

/** `begin` and `end` are places in one order of all that happened. */
export interface Call {
  readonly client: number
  readonly operation: Operation
  readonly begin: number
  end: number
  outcome: Outcome
}

export interface SeenEvent {
  readonly revision: number
  readonly type: 'put' | 'delete'
  readonly key: string
  readonly value: string | undefined
  readonly createRevision: number
  readonly previous: SeenItem | undefined
}

export interface SeenBatch {
  readonly revision: number
  readonly events: readonly SeenEvent[]
}

export interface Watch {
  readonly prefix: string
  readonly from: number
  readonly begin: number
  readonly batches: SeenBatch[]
  /** Told that its beginning is no longer kept. */
  compacted: boolean
  error: string | undefined
  end: number
  /** Stopped before the history's end, so it need not have seen all. */
  stopped: boolean
}

export interface History {
  readonly prefix: string
  readonly startRevision: number
  readonly calls: readonly Call[]
  /** Those of everybody who shared the store. */
  readonly compactions: readonly Call[]
  readonly watches: readonly Watch[]
  /** Everything that was written below the prefix, as a watch of its own saw it. */
  readonly log: Watch
  readonly endRevision: number
}

/** What histories on one store have in common: one order of all that happens, and compactions. */
export interface Shared {
  tick: number
  readonly compactions: Call[]
}

export interface HistoryOptions {
  readonly store: KVStore
  readonly random: SeededRandom
  /** Ends with a slash; only this history writes below it. */
  readonly prefix: string
  readonly clients?: number
  readonly operations?: number
  /** With those that run on the same store at the same time, since a compaction is everybody's. */
  readonly shared?: Shared
  readonly compactions?: boolean
  /** Lets others go on; called between a client's operations. */
  pause(random: SeededRandom): Promise<void>
  /** How long watches may stand still before they are given up. */
  within(ms: number): { readonly over: Promise<'late'>; cancel(): void }
}

const text = (value: Uint8Array | undefined): string | undefined => (value === undefined ? undefined : Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString())
const item = (kv: KeyValue): SeenItem => ({ key: kv.key, value: text(kv.value)!, createRevision: kv.createRevision, modRevision: kv.modRevision })

/** A watch that shows nothing new for so long, though it is asked how far it is, is stuck: a busy machine alone does not do that. */
const stuckMs = 60_000

/** Runs one history to its end; resolves when every watch is at the last write, or stuck. */
export async function runHistory(o: HistoryOptions): Promise<History> {
  const run = new Run(o)
  return run.finish()
}

class Run {
  readonly #o: HistoryOptions
  readonly #calls: Call[] = []
  readonly #watches: Watch[] = []
  readonly #stops = new Map<Watch, AbortController>()
  readonly #running: Promise<void>[] = []
  readonly #keys: readonly string[]
  /** What clients know of the keys: revisions that they saw, right or out of date. */
  readonly #known = new Map<string, number[]>()
  #revisions: number[] = []
  readonly #shared: Shared
  #values = 0

  constructor(o: HistoryOptions) {
    this.#o = o
    this.#shared = o.shared ?? { tick: 0, compactions: [] }
    this.#keys = ['a/1', 'a/2', 'a/3', 'b/1', 'b'].map((name) => o.prefix + name)
  }

  async finish(): Promise<History> {
    const { prefix, clients = 4, operations = 40 } = this.#o
    const { log, startRevision } = await this.#logged()
    await Promise.all(Array.from({ length: clients }, (_, client) => this.#client(client, Math.ceil(operations / clients))))
    const last = await this.#mark('last')
    await this.#arrived([log, ...this.#watches], last)
    for (const stop of this.#stops.values()) stop.abort()
    await Promise.all(this.#running)
    return { prefix, startRevision, calls: this.#calls, compactions: this.#shared.compactions, watches: this.#watches, log, endRevision: last }
  }

  /** The watch of everything, which must stand before the first compaction: it is begun again when another's came first. */
  async #logged(): Promise<{ log: Watch; startRevision: number }> {
    for (let attempt = 1; ; attempt++) {
      const startRevision = await this.#o.store.revision()
      this.#revisions = [startRevision]
      const log = this.#watch(this.#o.prefix, startRevision)
      const first = await this.#mark(`first-${attempt}`)
      await this.#until(() => log.batches.length === 0 && !log.compacted, () => log.batches.length)
      if (!log.compacted) return { log, startRevision }
      await this.#o.store.delete(`${this.#o.prefix}first-${attempt}`, first)
      this.#calls.length = 0
    }
  }

  /** A write of the history's own; its revision. */
  async #mark(name: string): Promise<number> {
    const { outcome } = await this.#call(-1, { type: 'create', key: this.#o.prefix + name, value: name })
    if (outcome.type !== 'written') throw new Error(`the ${name} write was answered ${JSON.stringify(outcome)}`)
    return outcome.revision
  }

  /** Until each has shown, by an event or a progress mark, that it is at the revision. */
  #arrived(watches: readonly Watch[], revision: number): Promise<void> {
    const behind = (): Watch[] => watches.filter((watch) => !watch.stopped && !watch.compacted && watch.error === undefined && reached(watch) < revision)
    return this.#until(() => behind().length > 0, () => behind().reduce((sum, watch) => sum + reached(watch), 0))
  }

  /** Waits for as long as `mark` changes now and then. */
  async #until(waiting: () => boolean, mark: () => number): Promise<void> {
    let late = false
    const patience = (): { cancel(): void } => {
      const limit = this.#o.within(stuckMs)
      let cancelled = false
      void limit.over.then(() => { late ||= !cancelled })
      return { cancel: () => { cancelled = true; limit.cancel() } }
    }
    let before = mark()
    let limit = patience()
    for (let turn = 0; !late && waiting(); turn++) {
      if (turn % 16 === 0) await this.#o.store.requestProgress()
      await this.#o.pause(this.#o.random)
      if (mark() === before) continue
      before = mark()
      limit.cancel()
      limit = patience()
    }
    limit.cancel()
  }

  #next(): number {
    return ++this.#shared.tick
  }

  async #client(client: number, operations: number): Promise<void> {
    const { random, store, prefix } = this.#o
    for (let i = 0; i < operations; i++) {
      await this.#o.pause(random)
      const dice = random.int(100)
      if (dice < 6) this.#watches.push(this.#watch(this.#prefix(), this.#revision()))
      else if (dice < 8) this.#stopOne()
      else if (dice < 11) await store.requestProgress(random.int(2) === 0 ? undefined : `${prefix}a/`)
      else await this.#call(client, this.#operation(dice))
    }
  }

  #operation(dice: number): Operation {
    const { random } = this.#o
    const key = this.#keys[random.int(this.#keys.length)]!
    const value = `v${++this.#values}`
    if (dice < 33) return { type: 'create', key, value }
    if (dice < 53) return { type: 'update', key, value, expected: this.#expected(key) }
    if (dice < 65) return { type: 'delete', key, expected: this.#expected(key) }
    if (dice < 78) return { type: 'get', key, ...(random.int(2) === 0 ? {} : { revision: this.#revision() }) }
    if (dice < 94) {
      return {
        type: 'list', prefix: this.#prefix(), ...(random.int(2) === 0 ? {} : { revision: this.#revision() }),
        ...(random.int(2) === 0 ? {} : { limit: 1 + random.int(3) }), ...(random.int(3) > 0 ? {} : { after: key }),
      }
    }
    if (dice < 96 && this.#o.compactions !== false) return { type: 'compact', revision: this.#revision() }
    return { type: 'revision' }
  }

  #prefix(): string {
    const { random, prefix } = this.#o
    return prefix + ['', 'a/', 'b/', 'b', 'none/'][random.int(5)]!
  }

  /** Most often what the key was last known to have. */
  #expected(key: string): number {
    const known = this.#known.get(key) ?? []
    if (known.length === 0) return this.#revision()
    return this.#o.random.int(4) > 0 ? known.at(-1)! : known[this.#o.random.int(known.length)]!
  }

  /** One that was seen, now and then one that may be yet to come. */
  #revision(): number {
    const { random } = this.#o
    const seen = this.#revisions
    if (random.int(12) === 0) return seen.at(-1)! + 1 + random.int(3)
    return seen[Math.max(0, seen.length - 1 - random.int(20))]!
  }

  #learn(revision: number): void {
    if (revision > this.#revisions.at(-1)!) this.#revisions.push(revision)
  }

  async #call(client: number, operation: Operation): Promise<Call> {
    const call: Call = { client, operation, begin: this.#next(), end: Infinity, outcome: { type: 'failed', error: 'not answered' } }
    this.#calls.push(call)
    if (operation.type === 'compact') this.#shared.compactions.push(call)
    try {
      call.outcome = await this.#perform(operation)
    } catch (error) {
      call.outcome = error instanceof CompactedError ? { type: 'compacted' }
        : error instanceof FutureRevisionError ? { type: 'future' } : { type: 'failed', error: String(error) }
    }
    call.end = this.#next()
    if ('revision' in call.outcome) this.#learn(call.outcome.revision)
    return call
  }

  async #perform(operation: Operation): Promise<Outcome> {
    const { store } = this.#o
    switch (operation.type) {
      case 'create': return this.#written(operation.key, await store.create(operation.key, Buffer.from(operation.value)))
      case 'update': return this.#written(operation.key, await store.update(operation.key, Buffer.from(operation.value), operation.expected))
      case 'delete': return this.#written(undefined, await store.delete(operation.key, operation.expected))
      case 'get': {
        const { item: found, revision } = await store.get(operation.key, operation.revision === undefined ? {} : { revision: operation.revision })
        if (found !== undefined && operation.revision === undefined) this.#know(found.key, found.modRevision)
        return { type: 'read', revision, items: found === undefined ? [] : [item(found)], remaining: 0, more: false }
      }
      case 'list': {
        const { prefix, type: _, ...options } = operation
        const { items, revision, remaining, more } = await store.list(prefix, options)
        return { type: 'read', revision, items: items.map(item), remaining, more }
      }
      case 'revision': return { type: 'read', revision: await store.revision(), items: [], remaining: 0, more: false }
      case 'compact':
        await store.compact(operation.revision)
        return { type: 'done' }
    }
  }

  #written(key: string | undefined, result: Awaited<ReturnType<KVStore['create']>>): Outcome {
    if (!result.ok) {
      if (result.current !== undefined) this.#know(result.current.key, result.current.modRevision)
      return { type: 'refused', revision: result.revision, current: result.current === undefined ? undefined : item(result.current) }
    }
    if (key !== undefined) this.#know(key, result.revision)
    return { type: 'written', revision: result.revision }
  }

  #know(key: string, revision: number): void {
    const known = this.#known.get(key)
    if (known === undefined) this.#known.set(key, [revision])
    else known.push(revision)
  }

  #stopOne(): void {
    const open = this.#watches.filter((watch) => !watch.stopped)
    const watch = open[this.#o.random.int(Math.max(1, open.length))]
    if (watch === undefined) return
    watch.stopped = true
    this.#stops.get(watch)?.abort()
  }

  #watch(prefix: string, from: number): Watch {
    const watch: Watch = { prefix, from, begin: this.#next(), batches: [], compacted: false, error: undefined, end: Infinity, stopped: false }
    const stop = new AbortController()
    this.#stops.set(watch, stop)
    this.#running.push(this.#follow(watch, stop.signal))
    return watch
  }

  async #follow(watch: Watch, signal: AbortSignal): Promise<void> {
    try {
      for await (const batch of this.#o.store.watch(watch.prefix, watch.from, signal)) watch.batches.push(seen(batch))
    } catch (error) {
      if (error instanceof CompactedError) watch.compacted = true
      else watch.error = String(error)
    }
    watch.end = this.#next()
  }
}

/** How far a watch says that it is. */
export function reached(watch: Watch): number {
  return Math.max(watch.from, watch.batches.at(-1)?.revision ?? 0)
}

function seen({ revision, events }: RevisionBatch): SeenBatch {
  return {
    revision,
    events: events.map((event) => ({
      revision, type: event.type, key: event.key, value: text(event.value), createRevision: event.createRevision,
      previous: event.previous === undefined ? undefined : item(event.previous),
    })),
  }
}
