/** Watches of etcd, one stream each, as iterables of one batch per revision. */
import type { Etcd3 } from 'etcd3'
import type { KeyValue, RevisionBatch, StoreEvent } from '../store.ts'
import { CompactedError } from '../store.ts'

export interface RawKeyValue {
  readonly key: Buffer
  readonly value: Buffer
  readonly create_revision: string
  readonly mod_revision: string
}

interface RawEvent {
  readonly type: string
  readonly kv: RawKeyValue
  readonly prev_kv?: RawKeyValue | null
}

type Stream = Awaited<ReturnType<Etcd3['watchClient']['watch']>>

/** A key-value pair without the first `skip` characters of its key. */
export function keyValue(kv: RawKeyValue, skip: number): KeyValue {
  return {
    key: kv.key.toString().slice(skip), value: kv.value,
    createRevision: Number(kv.create_revision), modRevision: Number(kv.mod_revision),
  }
}

function revisionOf(event: { readonly kv: RawKeyValue }): number {
  return Number(event.kv.mod_revision)
}

function storeEvent(event: RawEvent, skip: number): StoreEvent {
  const { kv } = event
  const previous = event.prev_kv === undefined || event.prev_kv === null ? undefined : keyValue(event.prev_kv, skip)
  const key = kv.key.toString().slice(skip)
  if (event.type === 'Delete') return { type: 'delete', key, previous, createRevision: previous?.createRevision ?? 0 }
  return { type: 'put', key, value: kv.value, previous, createRevision: Number(kv.create_revision) }
}

/** Events grouped by revision; an answer without any is a progress mark. */
export function batches(revision: number, events: readonly RawEvent[], skip: number): RevisionBatch[] {
  if (events.length === 0) return [{ revision, events: [] }]
  const out: { revision: number; events: StoreEvent[] }[] = []
  for (const event of events) {
    const at = revisionOf(event)
    const last = out.at(-1)
    if (last?.revision === at) last.events.push(storeEvent(event, skip))
    else out.push({ revision: at, events: [storeEvent(event, skip)] })
  }
  return out
}

/** The first key behind all that begin with the prefix. */
export function rangeEnd(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix)
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i]! === 0xff) continue
    end[i]! += 1
    return end.subarray(0, i + 1)
  }
  return Buffer.from([0])
}

export class Watches {
  readonly #client: Etcd3['watchClient']
  readonly #prefix: string
  readonly #open = new Map<Stream, string>()

  constructor(client: Etcd3['watchClient'], prefix: string) {
    this.#client = client
    this.#prefix = prefix
  }

  requestProgress(prefix?: string): void {
    for (const [stream, watched] of this.#open) {
      if (prefix === undefined || prefix === watched) stream.write({ progress_request: {} })
    }
  }

  close(): void {
    for (const stream of this.#open.keys()) stream.cancel()
  }

  async *watch(prefix: string, fromRevision: number, signal: AbortSignal): AsyncGenerator<RevisionBatch> {
    if (signal.aborted) return
    const stream = await this.#client.watch()
    if (signal.aborted) {
      stream.on('error', () => undefined)
      stream.cancel()
      return
    }
    const queue: RevisionBatch[] = []
    let end: { error?: Error } | undefined
    let wake: (() => void) | undefined
    const notify = () => wake?.()
    const finish = (error?: Error) => {
      end ??= { error }
      notify()
    }
    stream.on('data', (response) => {
      if (response.canceled) {
        const compacted = Number(response.compact_revision)
        finish(compacted > 0 ? new CompactedError(compacted) : new Error(`etcd cancelled the watch: ${response.cancel_reason}`))
        return
      }
      // Asked for earlier, etcd would answer before it sends the events of the past that the watch begins with.
      if (response.created && end === undefined) this.#open.set(stream, prefix)
      if (!response.created || response.events.length > 0) {
        queue.push(...batches(Number(response.header.revision), response.events, this.#prefix.length))
        notify()
      }
    })
    stream.on('error', (error: Error) => finish(signal.aborted ? undefined : error))
    stream.on('end', () => finish(signal.aborted ? undefined : new Error('etcd ended the watch')))
    const onAbort = () => {
      stream.cancel()
      finish()
    }
    signal.addEventListener('abort', onAbort)
    const key = Buffer.from(this.#prefix + prefix)
    stream.write({
      create_request: { key, range_end: rangeEnd(key), start_revision: fromRevision + 1, prev_kv: true, progress_notify: true },
    })
    try {
      for (;;) {
        const next = queue.shift()
        if (next !== undefined) yield next
        else if (end !== undefined) break
        else await new Promise<void>((resolve) => { wake = resolve })
      }
      if (end.error !== undefined) throw end.error
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#open.delete(stream)
      stream.cancel()
    }
  }
}
