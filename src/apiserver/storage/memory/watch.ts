/** Watches of a core: a short queue each, and the core's history for who reads slower than others write. */
import type { RevisionBatch, StoreEvent } from '../store.ts'
import { CompactedError } from '../store.ts'
import { type MvccCore, batchOf } from './mvcc.ts'

/** Changes that wait for one reader at most. */
const maxQueued = 256

/**
 * KVStore.watch over a core. A reader that is behind by more than its queue goes on from the history, and is told, as by
 * etcd, when what it missed was compacted meanwhile.
 */
export async function* watchCore(core: MvccCore, prefix: string, fromRevision: number, signal: AbortSignal, limit = maxQueued): AsyncGenerator<RevisionBatch> {
  if (fromRevision < core.compacted) throw new CompactedError(core.compacted)
  const first = core.changesSince(prefix, fromRevision, limit)
  const queue: RevisionBatch[] = first.changes.map(batchOf)
  /** The revision of the first change that is not queued. */
  let missed = first.next
  let wake: (() => void) | undefined
  const onEvent = (event: StoreEvent, revision: number) => {
    if (revision <= fromRevision || missed !== undefined) return
    if (queue.length < limit) queue.push({ revision, events: [event] })
    else missed = revision
    wake?.()
  }
  const stop = core.subscribe(prefix, onEvent)
  const stopProgress = core.onProgress(() => {
    // A watch of what is yet to come is told nothing of what was before, and one that is behind is not there yet.
    if (core.revision < fromRevision || missed !== undefined || queue.at(-1)?.revision === core.revision) return
    if (queue.at(-1)?.events.length === 0) queue.pop()
    queue.push({ revision: core.revision, events: [] })
    wake?.()
  })
  const onAbort = () => wake?.()
  signal.addEventListener('abort', onAbort)
  try {
    while (!signal.aborted) {
      const next = queue.shift()
      if (next !== undefined) yield next
      else if (missed !== undefined) {
        const more = core.changesSince(prefix, missed - 1, limit)
        queue.push(...more.changes.map(batchOf))
        missed = more.next
      } else await new Promise<void>((resolve) => { wake = resolve })
    }
  } finally {
    stop()
    stopProgress()
    signal.removeEventListener('abort', onAbort)
  }
}
