/** What of the runtime's dead things may go. Pure. Upstream: kuberuntime_gc.go with one dead container kept a name. */
import type { Container, Sandbox } from './cri/contract.ts'
import { readContainerRecord, readSandboxPod } from './runtime/labels.ts'

export interface Garbage {
  readonly containers: readonly { id: string; podUid: string }[]
  readonly sandboxes: readonly string[]
}

/** `keep`: pods whose last dead containers stay for logs and restart counts; `busy`: pods that are being ended. */
export function findGarbage(
  containers: readonly Container[], sandboxes: readonly Sandbox[], keep: ReadonlySet<string>, busy: ReadonlySet<string>,
): Garbage {
  const dead = new Map<string, Container[]>()
  for (const container of containers) {
    const record = readContainerRecord(container)
    if (record === undefined) continue
    if (container.state === 'CONTAINER_RUNNING' || busy.has(record.podUid)) continue
    // One that was made and not started yet is about to be, as long as its pod is wanted.
    if (container.state === 'CONTAINER_CREATED' && keep.has(record.podUid)) continue
    const key = `${record.podUid}/${record.name}`
    dead.set(key, [...(dead.get(key) ?? []), container])
  }
  const removed: { id: string; podUid: string }[] = []
  for (const [key, list] of dead) {
    const podUid = key.slice(0, key.indexOf('/'))
    const newestFirst = list.sort((a, b) => b.createdAt - a.createdAt)
    for (const { id } of newestFirst.slice(keep.has(podUid) ? 1 : 0)) removed.push({ id, podUid })
  }
  const gone = new Set(removed.map(({ id }) => id))
  const stillUsed = new Set(containers.filter(({ id }) => !gone.has(id)).map(({ podSandboxId }) => podSandboxId))
  return { containers: removed, sandboxes: deadSandboxes(sandboxes, stillUsed, keep, busy) }
}

function deadSandboxes(sandboxes: readonly Sandbox[], used: ReadonlySet<string>, keep: ReadonlySet<string>, busy: ReadonlySet<string>): string[] {
  const byPod = new Map<string, Sandbox[]>()
  for (const sandbox of sandboxes) {
    const uid = readSandboxPod(sandbox)?.uid
    if (uid !== undefined && !busy.has(uid)) byPod.set(uid, [...(byPod.get(uid) ?? []), sandbox])
  }
  const removed: string[] = []
  for (const [uid, list] of byPod) {
    const newestFirst = list.sort((a, b) => b.createdAt - a.createdAt)
    // The newest of a pod that is kept tells its addresses.
    for (const sandbox of newestFirst.slice(keep.has(uid) ? 1 : 0)) {
      if (sandbox.state !== 'SANDBOX_READY' && !used.has(sandbox.id)) removed.push(sandbox.id)
    }
  }
  return removed
}
