/**
 * Volumes of storage drivers on this node: staged once, published for each pod, and taken away again by what was written
 * beside them. Upstream: pkg/volume/csi/csi_{attacher,mounter,block}.go.
 */
import type { Pod, SecretReference, Volume } from '../../../api/generated/types/core-v1.ts'
import type { CSIDriver } from '../../../api/generated/types/storage-v1.ts'
import { rpcCode, RpcError } from '../../rpc/error.ts'
import type { HostFiles, HostMounts } from '../../host/contract.ts'
import { giveToGroup } from '../ownership.ts'
import type { ClaimedVolume } from '../spec.ts'
import type { CsiNode, StringMap, VolumeCapability } from './contract.ts'
import { type CsiPaths, type VolumeData, attachmentName, dataFile, escapeName, inlineHandle, uniqueName } from './names.ts'
import { givesGroup, podAttributes, refuseLifecycle } from './policy.ts'

export interface CsiMounterEnv {
  readonly files: HostFiles
  readonly mounts: HostMounts
  readonly paths: CsiPaths
  readonly nodeName: string
  driver(name: string): CsiNode
  /** undefined: there is no such object. */
  driverObject(name: string): Promise<CSIDriver | undefined>
  secret(ref: SecretReference): Promise<StringMap>
  /** Tokens of the pod's service account that the driver's object asks for, by attribute. */
  tokens(pod: Pod, driver: CSIDriver): Promise<StringMap>
  /** What the attach step left for the node; waits for nothing. Throws when the volume is not attached yet. */
  publishContext(driver: string, handle: string): Promise<StringMap>
  /** Grows the volume when its claim asks for that. */
  expand(request: ExpandWish): Promise<void>
}

export interface ExpandWish {
  readonly pod: Pod
  readonly claimed: ClaimedVolume
  readonly volumePath: string
  readonly stagingPath: string | undefined
}

/** One volume of a pod in the driver's words. */
export interface CsiVolume {
  /** Of the persistent volume; of the pod's volume where that is the volume itself. */
  readonly name: string
  readonly driver: string
  readonly handle: string
  readonly readOnly: boolean
  readonly fsType: string
  readonly attributes: StringMap
  readonly publishSecret: SecretReference | undefined
  readonly stageSecret: SecretReference | undefined
  readonly mountOptions: readonly string[]
  readonly accessMode: string
  readonly block: boolean
  /** undefined: it lives and dies with the pod. */
  readonly claimed: ClaimedVolume | undefined
}

/** undefined: not a driver's. */
export function csiVolume(pod: Pod, volume: Volume, claimed: ClaimedVolume | undefined): CsiVolume | undefined {
  const source = claimed?.volume.spec?.csi
  if (source !== undefined) {
    const { metadata, spec } = claimed!.volume
    return {
      name: metadata.name!, driver: source.driver, handle: source.volumeHandle, readOnly: claimed!.readOnly || source.readOnly === true, fsType: source.fsType ?? '',
      attributes: source.volumeAttributes ?? {}, publishSecret: source.nodePublishSecretRef, stageSecret: source.nodeStageSecretRef,
      mountOptions: spec?.mountOptions ?? [], accessMode: spec?.accessModes?.[0] ?? 'ReadWriteOnce', block: spec?.volumeMode === 'Block', claimed,
    }
  }
  if (volume.csi === undefined) return undefined
  const { driver, fsType = '', readOnly = false, volumeAttributes = {}, nodePublishSecretRef } = volume.csi
  return {
    name: volume.name, driver, handle: inlineHandle(pod.metadata.uid!, volume.name), readOnly, fsType, attributes: volumeAttributes,
    publishSecret: nodePublishSecretRef === undefined ? undefined : { name: nodePublishSecretRef.name, namespace: pod.metadata.namespace },
    stageSecret: undefined, mountOptions: [], accessMode: 'ReadWriteOnce', block: false, claimed: undefined,
  }
}

export interface CsiMounter {
  /** Answers the folder, or the link to the device. */
  mount(pod: Pod, volume: CsiVolume): Promise<string>
  /** Unpublishes all volumes of the pod, and unstages those that no other pod has. */
  unmount(podUid: string): Promise<void>
  /** Unstages what a kubelet that was killed left behind. `pods`: UIDs with folders. */
  releaseUnused(pods: readonly string[]): Promise<void>
  /** Unique names of persistent volumes that pods of this node have, read from disk. */
  onDisk(pods: readonly string[]): Promise<Set<string>>
}

/** A failure at one of the steps, named as upstream's events name it. */
export class StepError extends Error {
  readonly step: string
  constructor(step: string, cause: Error) {
    super(cause.message, { cause })
    this.step = step
  }
}

export function createCsiMounter(env: CsiMounterEnv): CsiMounter {
  const { files, mounts, paths } = env
  /** What this process has done; another may have done it before, and drivers take a second call as the first. */
  const staged = new Set<string>()
  const published = new Set<string>()
  const locks = createLocks()

  const writeData = async (dir: string, data: VolumeData): Promise<void> => {
    await files.makeDir(dir, 0o750)
    await files.write(`${dir}/${dataFile}`, JSON.stringify(data), 0o644)
  }
  const readData = async (dir: string): Promise<VolumeData | undefined> => {
    const text = await files.readText(`${dir}/${dataFile}`)
    return text === undefined ? undefined : (JSON.parse(text) as VolumeData)
  }
  const isMounted = async (path: string) => (await mounts.below(path)).includes(path)

  /** A folder that nothing is mounted on any more goes; with anything in it, it stays. */
  async function removeMountDir(dir: string): Promise<void> {
    if ((await files.lstat(dir)) !== undefined) {
      if (await isMounted(dir)) return
      if ((await files.lstat(dir))?.type === 'dir') await files.removeEmptyDir(dir)
      else await files.remove(dir)
    }
    const parent = dir.slice(0, dir.lastIndexOf('/'))
    await files.remove(`${parent}/${dataFile}`)
    await files.removeEmptyDir(parent)
  }

  function capabilityOf(volume: CsiVolume, group: number | undefined): VolumeCapability {
    const { block, fsType, mountOptions, accessMode } = volume
    return { block, fsType, mountOptions, accessMode, group }
  }

  async function stage(volume: CsiVolume, node: CsiNode, capabilities: ReadonlySet<string>, group: number | undefined): Promise<string | undefined> {
    const unique = uniqueName(volume.driver, volume.handle)
    const publishContext = await env.publishContext(volume.driver, volume.handle)
    if (!capabilities.has('STAGE_UNSTAGE_VOLUME')) return undefined
    const dir = paths.staging(volume.driver, volume.handle)
    const stagingPath = volume.block ? paths.blockStaging(volume.name) : `${dir}/globalmount`
    const key = `${unique} ${volume.block}`
    if (staged.has(key)) return stagingPath
    const secrets = volume.stageSecret === undefined ? {} : await secretOf('NodeStageSecretRef', volume.stageSecret)
    await files.makeDir(stagingPath, 0o750)
    if (!volume.block) await writeData(dir, { volumeHandle: volume.handle, driverName: volume.driver })
    try {
      await node.stage({
        volumeId: volume.handle, stagingPath, publishContext, volumeContext: volume.attributes, secrets, capability: capabilityOf(volume, group),
      })
    } catch (error) {
      if (isFinal(error) && !volume.block) await removeMountDir(stagingPath).catch(() => undefined)
      throw error
    }
    staged.add(key)
    return stagingPath
  }

  async function secretOf(field: string, ref: SecretReference): Promise<StringMap> {
    try {
      return await env.secret(ref)
    } catch (error) {
      throw new Error(`fetching ${field} ${ref.namespace}/${ref.name} failed: ${(error as Error).message}`, { cause: error })
    }
  }

  async function publish(pod: Pod, volume: CsiVolume, object: CSIDriver | undefined, node: CsiNode, stagingPath: string | undefined, group: number | undefined): Promise<string> {
    const uid = pod.metadata.uid!
    const lifecycle = volume.claimed === undefined ? 'Ephemeral' : 'Persistent'
    const dir = volume.block ? paths.blockData(volume.name) : paths.published(uid, volume.name)
    const targetPath = volume.block ? paths.blockPublished(volume.name, uid) : `${dir}/mount`
    const key = `${uid} ${volume.name}`
    const isRemount = published.has(key)
    if (isRemount && object?.spec.requiresRepublish !== true) return targetPath
    let secrets = volume.publishSecret === undefined ? {} : await secretOf('NodePublishSecretRef', volume.publishSecret)
    let volumeContext = object?.spec.podInfoOnMount === true ? { ...volume.attributes, ...podAttributes(pod, lifecycle) } : volume.attributes
    const tokens = object === undefined ? {} : await env.tokens(pod, object)
    if (object?.spec.serviceAccountTokenInSecrets === true) secrets = { ...secrets, ...tokens }
    else volumeContext = { ...volumeContext, ...tokens }
    await files.makeDir(targetPath.slice(0, targetPath.lastIndexOf('/')), 0o750)
    await writeData(dir, {
      specVolID: volume.name, volumeHandle: volume.handle, driverName: volume.driver, nodeName: env.nodeName, volumeLifecycleMode: lifecycle,
      attachmentID: attachmentName(volume.handle, volume.driver, env.nodeName),
    })
    try {
      await node.publish({
        volumeId: volume.handle, stagingPath, targetPath, readOnly: volume.readOnly, volumeContext, secrets, capability: capabilityOf(volume, group),
        publishContext: volume.claimed === undefined ? {} : await env.publishContext(volume.driver, volume.handle),
      })
    } catch (error) {
      if (isFinal(error) && !isRemount && !volume.block) await removeMountDir(targetPath).catch(() => undefined)
      throw error
    }
    published.add(key)
    return targetPath
  }

  /** UIDs of pods that a volume is published for. */
  async function users(pods: readonly string[], { driverName, volumeHandle }: VolumeData): Promise<string[]> {
    const using: string[] = []
    for (const uid of pods) {
      for (const name of await files.list(paths.publishedRoot(uid))) {
        const data = await readData(`${paths.publishedRoot(uid)}/${name}`)
        if (data?.driverName === driverName && data.volumeHandle === volumeHandle) using.push(uid)
      }
    }
    return using
  }

  async function unstage({ driverName, volumeHandle }: VolumeData, stagingPath: string, block: boolean): Promise<void> {
    const node = env.driver(driverName)
    staged.delete(`${uniqueName(driverName, volumeHandle)} ${block}`)
    if ((await node.capabilities()).has('STAGE_UNSTAGE_VOLUME')) await node.unstage(volumeHandle, stagingPath)
    await removeMountDir(stagingPath)
  }

  async function unpublish(podUid: string, name: string, otherPods: readonly string[]): Promise<void> {
    const dir = `${paths.publishedRoot(podUid)}/${name}`
    const data = await readData(dir)
    if (data === undefined) return removeMountDir(`${dir}/mount`)
    await locks(uniqueName(data.driverName, data.volumeHandle), async () => {
      published.delete(`${podUid} ${data.specVolID}`)
      await env.driver(data.driverName).unpublish(data.volumeHandle, `${dir}/mount`)
      await removeMountDir(`${dir}/mount`)
      if (data.volumeLifecycleMode === 'Ephemeral' || (await users(otherPods, data)).length > 0) return
      const staging = paths.staging(data.driverName, data.volumeHandle)
      if ((await readData(staging)) !== undefined) await unstage(data, `${staging}/globalmount`, false)
    })
  }

  async function unmap(podUid: string, name: string): Promise<void> {
    const dir = paths.blockData(name)
    const data = await readData(dir)
    const link = `${paths.blockLinks(podUid)}/${name}`
    if (data !== undefined) {
      await locks(uniqueName(data.driverName, data.volumeHandle), async () => {
        published.delete(`${podUid} ${data.specVolID}`)
        const target = paths.blockPublished(name, podUid)
        await env.driver(data.driverName).unpublish(data.volumeHandle, target)
        if (!(await isMounted(target))) await files.remove(target)
        const publishDir = target.slice(0, target.lastIndexOf('/'))
        if ((await files.list(publishDir)).length > 0) return
        await files.removeEmptyDir(publishDir)
        await unstage(data, paths.blockStaging(name), true)
        await files.remove(`${dir}/${dataFile}`)
        await files.removeEmptyDir(dir)
        await files.removeEmptyDir(dir.slice(0, dir.lastIndexOf('/')))
      })
    }
    await files.remove(link)
  }

  async function mountFiles(pod: Pod, volume: CsiVolume): Promise<string> {
    const object = await env.driverObject(volume.driver)
    const lifecycle = volume.claimed === undefined ? 'Ephemeral' : 'Persistent'
    const refused = refuseLifecycle(volume.driver, object, lifecycle)
    if (refused !== undefined) throw new StepError('MountVolume.SetUp', new Error(`kubernetes.io/csi: mounter.SetupAt failed to check volume lifecycle mode: ${refused}`))
    const stepName = volume.block ? ['MapVolume.SetUpDevice', 'MapVolume.MapPodDevice'] as const : ['MountVolume.MountDevice', 'MountVolume.SetUp'] as const
    const node = withStep(stepName[0], () => env.driver(volume.driver))
    const capabilities = await inStep(stepName[0], () => node.capabilities())
    const wantedGroup = pod.spec!.securityContext?.fsGroup
    const group = capabilities.has('VOLUME_MOUNT_GROUP') ? wantedGroup : undefined
    const stagingPath = volume.claimed === undefined ? undefined : await inStep(stepName[0], () => stage(volume, node, capabilities, group))
    const target = await inStep(stepName[1], async () => {
      const path = await publish(pod, volume, object, node, stagingPath, group)
      if (wantedGroup !== undefined && group === undefined && !volume.block && givesGroup(volume, object)) {
        await giveToGroup(files, { path, group: wantedGroup, readOnly: volume.readOnly, policy: pod.spec!.securityContext?.fsGroupChangePolicy })
      }
      return path
    })
    if (volume.claimed !== undefined && !volume.readOnly) {
      await inStep('MountVolume.Setup failed while expanding volume', () => env.expand({ pod, claimed: volume.claimed!, volumePath: target, stagingPath }))
    }
    return volume.block ? linkDevice(pod.metadata.uid!, volume.name, target) : target
  }

  async function linkDevice(podUid: string, name: string, device: string): Promise<string> {
    const dir = paths.blockLinks(podUid)
    const link = `${dir}/${escapeName(name)}`
    await files.makeDir(dir, 0o750)
    if ((await files.readLink(link)) !== device) {
      await files.remove(link)
      await files.symlink(device, link)
    }
    return link
  }

  return {
    mount: (pod, volume) => locks(uniqueName(volume.driver, volume.handle), () => mountFiles(pod, volume)),
    async unmount(podUid) {
      const others = (await files.list(paths.podsDir)).filter((uid) => uid !== podUid)
      for (const name of await files.list(paths.publishedRoot(podUid))) await unpublish(podUid, name, others)
      for (const name of await files.list(paths.blockLinks(podUid))) await unmap(podUid, name)
    },
    async releaseUnused(pods) {
      for (const driver of await files.list(paths.stagingRoot)) {
        if (driver === 'volumeDevices') continue
        for (const sha of await files.list(`${paths.stagingRoot}/${driver}`)) {
          const dir = `${paths.stagingRoot}/${driver}/${sha}`
          const data = await readData(dir)
          if (data === undefined) continue
          await locks(uniqueName(data.driverName, data.volumeHandle), async () => {
            if ((await users(pods, data)).length === 0) await unstage(data, `${dir}/globalmount`, false)
          })
        }
      }
    },
    async onDisk(pods) {
      const names = new Set<string>()
      for (const uid of pods) {
        for (const name of await files.list(paths.publishedRoot(uid))) {
          const data = await readData(`${paths.publishedRoot(uid)}/${name}`)
          if (data?.volumeLifecycleMode === 'Persistent') names.add(uniqueName(data.driverName, data.volumeHandle))
        }
      }
      for (const uid of pods) {
        for (const name of await files.list(paths.blockLinks(uid))) {
          const data = await readData(paths.blockData(name))
          if (data !== undefined) names.add(uniqueName(data.driverName, data.volumeHandle))
        }
      }
      return names
    },
  }
}

/** A failure after which the driver certainly has nothing under way. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof RpcError)) return true
  const unsure: readonly number[] = [rpcCode.canceled, rpcCode.deadlineExceeded, rpcCode.unavailable, rpcCode.resourceExhausted, rpcCode.aborted]
  return !unsure.includes(error.code)
}

function withStep<T>(step: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new StepError(step, error as Error)
  }
}

async function inStep<T>(step: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof StepError ? error : new StepError(step, error as Error)
  }
}

/** One piece of work at a time for each key. */
function createLocks(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return async (key, work) => {
    const turn = (last.get(key) ?? Promise.resolve()).then(work, work)
    last.set(key, turn)
    try {
      return await turn
    } finally {
      if (last.get(key) === turn) last.delete(key)
    }
  }
}

