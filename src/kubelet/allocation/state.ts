/** Allocations by pod, kept in a file of upstream's format. Upstream: pkg/kubelet/allocation/state, pkg/kubelet/checkpointmanager. */
import type { ResourceRequirements } from '../../api/generated/types/core-v1.ts'
import { fnv32a } from '../../api/helpers/template-hash.ts'
import type { Logger } from '../../base/env.ts'
import type { HostFiles } from '../host/contract.ts'
import type { Allocation } from './allocation.ts'

export interface AllocationState {
  get(podUid: string): Allocation | undefined
  set(podUid: string, allocation: Allocation): void
  setContainer(podUid: string, name: string, resources: ResourceRequirements): void
  setPodLevel(podUid: string, resources: ResourceRequirements | undefined): void
  /** Forgets all but these. */
  keep(podUids: ReadonlySet<string>): void
  /** Resolves when what was set is on disk. */
  flush(): Promise<void>
}

/** A file that cannot be read is begun anew: pods then count with what their specs ask. */
export async function openAllocationState(files: HostFiles, log: Logger, path: string): Promise<AllocationState> {
  const entries = new Map<string, Allocation>()
  try {
    const text = await files.readText(path)
    if (text !== undefined && text !== '') for (const [uid, allocation] of Object.entries(parseCheckpoint(text))) entries.set(uid, allocation)
  } catch (error) {
    log.error('allocation state was not read', { path, error })
  }
  let dirty = false
  let writing: Promise<void> | undefined

  async function write(): Promise<void> {
    while (dirty) {
      dirty = false
      try {
        await files.write(`${path}.part`, renderCheckpoint(Object.fromEntries(entries)), 0o600)
        await files.rename(`${path}.part`, path)
      } catch (error) {
        log.error('allocation state was not written', { path, error })
      }
    }
  }

  function save(): void {
    dirty = true
    writing ??= write().finally(() => (writing = undefined))
  }

  function change(podUid: string, next: Partial<Allocation>): void {
    entries.set(podUid, { ContainerResources: {}, ...entries.get(podUid), ...next })
    save()
  }

  return {
    get: (podUid) => entries.get(podUid),
    set(podUid, allocation) {
      entries.set(podUid, allocation)
      save()
    },
    setContainer: (podUid, name, resources) => change(podUid, { ContainerResources: { ...entries.get(podUid)?.ContainerResources, [name]: resources } }),
    setPodLevel: (podUid, resources) => change(podUid, { PodLevelResources: resources ?? null }),
    keep(podUids) {
      const gone = [...entries.keys()].filter((uid) => !podUids.has(uid))
      for (const uid of gone) entries.delete(uid)
      if (gone.length > 0) save()
    },
    flush: async () => writing,
  }
}

/** Throws for a file that was torn. */
export function parseCheckpoint(text: string): Record<string, Allocation> {
  const { data, checksum } = JSON.parse(text) as { data: string; checksum: number }
  if (checksum !== checkpointSum(data)) throw new Error('checkpoint is corrupted')
  return (JSON.parse(data) as { entries?: Record<string, Allocation> }).entries ?? {}
}

export function renderCheckpoint(entries: Readonly<Record<string, Allocation>>): string {
  const data = JSON.stringify({ entries })
  return JSON.stringify({ data, checksum: checkpointSum(data) })
}

/** Upstream hashes Go's dump of the text. */
function checkpointSum(data: string): number {
  return fnv32a(Buffer.from(`(string)${data}`))
}
