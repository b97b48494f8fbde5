/** Every two seconds: what nobody wants any more goes. Upstream: kubelet_pods.go HandlePodCleanups, kuberuntime_gc.go. */
import type { Clock, Logger } from '../base/env.ts'
import type { AllocationManager } from './allocation/manager.ts'
import type { CgroupManager } from './cgroups/manager.ts'
import type { RuntimeService } from './cri/contract.ts'
import { findGarbage } from './garbage.ts'
import type { HostFiles } from './host/contract.ts'
import type { Pleg, RuntimeLists } from './pleg.ts'
import { podUid } from './pod.ts'
import type { PodStore } from './pod-store.ts'
import type { PodWorkers } from './pod-workers.ts'
import type { PodRuntime } from './runtime/pod-runtime.ts'
import type { StatusManager } from './status/manager.ts'
import type { UserNamespaceManager } from './userns/manager.ts'
import type { VolumeManager } from './volumes/manager.ts'

/** A look at the runtime that is no older is as good as another one: what is dead stays so. */
const freshMs = 2000
/** ms in a round that removals leave to pods that start. */
const yieldMs = 2000

export interface HousekeepingEnv {
  readonly clock: Clock
  readonly log: Logger
  readonly store: PodStore
  readonly workers: PodWorkers
  readonly pleg: Pleg
  readonly runtime: RuntimeService
  /** Resolves when no pod is being started, or after so many ms. */
  quiet(limitMs: number): Promise<void>
  readonly podRuntime: PodRuntime
  readonly status: StatusManager
  readonly volumes: VolumeManager
  readonly allocation: AllocationManager
  readonly users: UserNamespaceManager
  readonly cgroups: CgroupManager | undefined
  readonly files: HostFiles
  readonly podsDir: string
  readonly podLogsDir: string
  readonly containerLogsDir: string | undefined
}

/**
 * Call it only when all sources of pods were read: what they do not name is ended. `thorough`: old dead containers of
 * living pods go too; upstream does that once a minute.
 */
export async function cleanUp(env: HousekeepingEnv, thorough: boolean): Promise<void> {
  const { store, workers, pleg } = env
  const wanted = new Set(store.list().map(podUid))
  workers.reconcile(wanted)
  for (const pod of store.list()) if (workers.phase(podUid(pod)) === undefined) workers.update({ pod })
  // The runtime may run pods that went while no kubelet ran.
  for (const ref of pleg.runningPods()) {
    if (!wanted.has(ref.uid) && workers.phase(ref.uid) === undefined) workers.update({ runtime: ref, kill: {} })
  }
  for (const { uid } of workers.list()) if (!wanted.has(uid) && workers.phase(uid) === undefined) env.status.forget(uid)
  env.allocation.keep(new Set([...wanted, ...workers.list().map(({ uid }) => uid)]))
  await collect(env, wanted, thorough)
  await removeOrphanFolders(env, wanted)
  if (thorough) await env.volumes.release().catch((error: unknown) => env.log.debug('volumes were not released', { error }))
}

async function collect(env: HousekeepingEnv, wanted: ReadonlySet<string>, thorough: boolean): Promise<void> {
  const { containers, sandboxes } = (thorough ? undefined : env.pleg.seen(freshMs)) ?? await look(env.runtime)
  const busy = new Set(env.workers.list().filter(({ uid }) => isBusy(env, uid, wanted)).map(({ uid }) => uid))
  if (!thorough) for (const uid of wanted) busy.add(uid)
  const garbage = findGarbage(containers, sandboxes, wanted, busy)
  const end = env.clock.monotonic() + yieldMs
  // Removals keep the disk busy, which pods that start feel.
  const whenQuiet = () => env.quiet(thorough ? 0 : end - env.clock.monotonic())
  for (const { id, podUid: uid } of garbage.containers) {
    await whenQuiet()
    const status = wanted.has(uid) ? await env.runtime.containerStatus(id).catch(() => undefined) : undefined
    await env.podRuntime.removeContainer(id, status?.logPath)
  }
  for (const id of garbage.sandboxes) {
    await whenQuiet()
    await env.podRuntime.removeSandbox(id)
  }
}

async function look(runtime: RuntimeService): Promise<RuntimeLists> {
  const [containers, sandboxes] = await Promise.all([runtime.listContainers(), runtime.listPodSandbox()])
  return { containers, sandboxes }
}

/** A pod that is being ended is its worker's; one that is wanted and lives only loses old dead containers. */
function isBusy({ workers }: HousekeepingEnv, uid: string, wanted: ReadonlySet<string>): boolean {
  const phase = workers.phase(uid)
  return phase === 'terminating' || phase === 'terminated' || (phase === 'sync' && !wanted.has(uid))
}

async function removeOrphanFolders(env: HousekeepingEnv, wanted: ReadonlySet<string>): Promise<void> {
  const { files, workers, pleg } = env
  const inRuntime = new Set(pleg.runtimePods().map(({ uid }) => uid))
  const gone = (uid: string) => !wanted.has(uid) && workers.phase(uid) === undefined && !inRuntime.has(uid)
  for (const uid of await files.list(env.podsDir)) {
    if (!gone(uid)) continue
    try {
      await env.volumes.unmount(uid)
      await env.users.release(uid)
      await files.remove(`${env.podsDir}/${uid}`)
    } catch (error) {
      // A driver may be away: what it mounted waits for it, other pods do not.
      env.log.warn('volumes of a pod that is gone are still there', { uid, error })
    }
  }
  for (const name of await files.list(env.podLogsDir)) {
    const uid = name.slice(name.lastIndexOf('_') + 1)
    if (gone(uid)) await files.remove(`${env.podLogsDir}/${name}`)
  }
  for (const uid of (await env.cgroups?.listPods()) ?? []) if (gone(uid)) await env.cgroups!.removePod(uid)
  if (env.containerLogsDir !== undefined) await removeDanglingLinks(files, env.containerLogsDir)
}

async function removeDanglingLinks(files: HostFiles, dir: string): Promise<void> {
  for (const name of await files.list(dir)) {
    if ((await files.stat(`${dir}/${name}`)) === undefined) await files.remove(`${dir}/${name}`)
  }
}
