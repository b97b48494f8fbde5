/**
 * Users of the machine for pods that have users of their own: each pod gets a range that no other has, written beside its
 * volumes, so that a kubelet that is started again gives it the same. Upstream: pkg/kubelet/userns/userns_manager.go.
 */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { ContainerConfig, IdMapping, SandboxConfig, UserNamespace } from '../cri/contract.ts'
import type { HostFiles } from '../host/contract.ts'
import { podUid } from '../pod.ts'

export interface UserNamespaceEnv {
  readonly files: HostFiles
  readonly podsDir: string
  /** Users that a pod gets. */
  readonly idsPerPod: number
  readonly maxPods: number
  /** Whether the runtime can do it. */
  supports(runtimeHandler: string): Promise<boolean>
}

export interface UserNamespaceManager {
  /** undefined: the pod's users are the machine's. Throws Error with upstream's text. */
  of(pod: Pod, runtimeHandler: string): Promise<UserNamespace | undefined>
  /** The pod has gone. */
  release(uid: string): Promise<void>
}

interface Stored {
  readonly uidMappings: readonly IdMapping[]
  readonly gidMappings: readonly IdMapping[]
}

export function createUserNamespaceManager(env: UserNamespaceEnv): UserNamespaceManager {
  const { files, idsPerPod } = env
  /** Range by pod; the first is 1, as the machine's own users come before it. */
  const ranges = new Map<string, number>()
  let read: Promise<void> | undefined

  const fileOf = (uid: string) => `${env.podsDir}/${uid}/userns`

  async function stored(uid: string): Promise<Stored | undefined> {
    const text = await files.readText(fileOf(uid))
    if (text === undefined || text === '') return undefined
    const found = JSON.parse(text) as Stored
    const [mapping] = found.uidMappings
    if (mapping === undefined || mapping.length !== idsPerPod || mapping.hostId % idsPerPod !== 0 || mapping.hostId === 0) throw new Error(`wrong user namespace length ${mapping?.length ?? 0}`)
    return found
  }

  async function readAll(): Promise<void> {
    for (const uid of await files.list(env.podsDir)) {
      const found = await stored(uid).catch(() => undefined)
      if (found !== undefined) ranges.set(uid, found.uidMappings[0]!.hostId / idsPerPod)
    }
  }

  function freeRange(): number {
    const used = new Set(ranges.values())
    for (let range = 1; range <= env.maxPods; range++) if (!used.has(range)) return range
    throw new Error('could not find an empty slot to allocate a user namespace')
  }

  async function rangeOf(uid: string): Promise<Stored> {
    read ??= readAll()
    await read
    const before = await stored(uid).catch((error: Error): never => {
      throw new Error(`user namespace: ${error.message}`, { cause: error })
    })
    if (before !== undefined) return before
    let range: number
    try {
      range = ranges.get(uid) ?? freeRange()
    } catch (error) {
      throw new Error(`create user namespace: ${(error as Error).message}`, { cause: error })
    }
    ranges.set(uid, range)
    const mapping: IdMapping = { hostId: range * idsPerPod, containerId: 0, length: idsPerPod }
    const made: Stored = { uidMappings: [mapping], gidMappings: [mapping] }
    await files.makeDir(`${env.podsDir}/${uid}`, 0o750)
    await files.write(`${fileOf(uid)}.part`, JSON.stringify(made), 0o600)
    await files.rename(`${fileOf(uid)}.part`, fileOf(uid))
    return made
  }

  return {
    async of(pod, runtimeHandler) {
      if (pod.spec!.hostUsers !== false) return undefined
      if (!(await env.supports(runtimeHandler))) {
        throw new Error(runtimeHandler === '' ? "can't set `spec.hostUsers: false`, runtime does not support user namespaces" :
          `can't set \`spec.hostUsers: false\`, RuntimeClass handler ${JSON.stringify(runtimeHandler)} does not support user namespaces`)
      }
      const { uidMappings, gidMappings } = await rangeOf(podUid(pod))
      return { mode: 'POD', uids: [...uidMappings], gids: [...gidMappings] }
    },
    async release(uid) {
      await files.remove(fileOf(uid))
      ranges.delete(uid)
    },
  }
}

/** The sandbox with users of its own. */
export function sandboxWithUsers(config: SandboxConfig, users: UserNamespace | undefined): SandboxConfig {
  if (users === undefined) return config
  const { securityContext } = config.linux
  return { ...config, linux: { ...config.linux, securityContext: { ...securityContext, namespaceOptions: { ...securityContext.namespaceOptions, usernsOptions: users } } } }
}

/** The container with the pod's users, who own what is mounted as the machine's users do outside. */
export function containerWithUsers(config: ContainerConfig, users: UserNamespace | undefined): ContainerConfig {
  if (users === undefined) return config
  const { securityContext } = config.linux
  return {
    ...config, mounts: config.mounts.map((mount) => ({ ...mount, uidMappings: users.uids, gidMappings: users.gids })),
    linux: { ...config.linux, securityContext: { ...securityContext, namespaceOptions: { ...securityContext.namespaceOptions, usernsOptions: users } } },
  }
}
