/**
 * Makes and removes the volumes of pods. What is mounted is read from disk, so a kubelet that was killed goes on where it
 * was. Upstream: pkg/kubelet/volumemanager.
 */
import type { Logger } from '../../base/env.ts'
import type { ISCSIPersistentVolumeSource, ISCSIVolumeSource, Node, Pod, Volume } from '../../api/generated/types/core-v1.ts'
import type { RunCommand } from '../host/contract.ts'
import type { Csi } from './csi/csi.ts'
import { NotAttachedError } from './csi/csi.ts'
import { StepError, csiVolume } from './csi/mounter.ts'
import { escapeName, uniqueName } from './csi/names.ts'
import { type Chap, diskOf } from './iscsi/disk.ts'
import { type IscsiRequest, createIscsiVolumes } from './iscsi/volume.ts'
import { type LocalEnv, checkHostPathVolume, mapLocal, mountLocal, mountNfs, releaseLocalDisks } from './local.ts'
import { giveToGroup } from './ownership.ts'
import type { PayloadSources } from './payload.ts'
import { type MountedVolume, type PodVolumesEnv, createPodVolumes } from './pod-volumes.ts'
import { type ClaimedVolume, type FollowClaim, SpecError, volumeFitsNode } from './spec.ts'

export type { MountedVolume } from './pod-volumes.ts'

/** One volume that could not be made; `message` is upstream's. */
export class VolumeError extends Error {
  readonly volume: string
  /** Of the event; undefined: nobody is told, as it will be all right. */
  readonly reason: string | undefined
  constructor(volume: string, message: string, reason: string | undefined = 'FailedMount') {
    super(message)
    this.name = 'VolumeError'
    this.volume = volume
    this.reason = reason
  }
}

export interface VolumeManager {
  /** Makes or refreshes all volumes of the pod. Throws an AggregateError of VolumeErrors. */
  mount(pod: Pod, sources: PayloadSources): Promise<Map<string, MountedVolume>>
  /** Unmounts and removes everything below the pod's volumes. */
  unmount(podUid: string): Promise<void>
  /** Finds what another kubelet process mounted before. */
  restore(): Promise<void>
  /** Lets go of what a kubelet that was killed did not. */
  release(): Promise<void>
  /** For node status: volumes that must not be detached, sorted. */
  inUse(): string[]
  /** Pods that wait for a volume to be attached. */
  waiting(): readonly string[]
}

export interface VolumeManagerEnv extends PodVolumesEnv {
  readonly rootDir: string
  readonly log: Logger
  readonly run: RunCommand
  /** undefined: claims and drivers are not served. */
  readonly persistent?: {
    readonly csi: Csi
    readonly follow: FollowClaim
    node(): Node | undefined
    /** Reads a secret for a disk of a storage network. */
    secret(namespace: string, name: string): Promise<Readonly<Record<string, string>>>
    /** Writes node status when the volumes in use have changed. */
    reportInUse(): Promise<void>
  }
}

export function createVolumeManager(env: VolumeManagerEnv): VolumeManager {
  const { files, mounts, persistent } = env
  const mountPodVolume = createPodVolumes(env)
  const local: LocalEnv = { files, mounts, rootDir: env.rootDir }
  const iscsi = createIscsiVolumes(env)
  /** Pods by unique name of the volume. */
  const users = new Map<string, Set<string>>()
  const waiting = new Set<string>()

  async function use(unique: string, podUid: string): Promise<void> {
    const before = users.get(unique)
    if (before !== undefined) return void before.add(podUid)
    users.set(unique, new Set([podUid]))
    // A controller that sees the volume in use does not detach it under the pod.
    await persistent!.reportInUse()
  }

  async function mountOne(volume: Volume, pod: Pod, sources: PayloadSources, known: { name: string }): Promise<MountedVolume> {
    if (persistent === undefined) return mountPodVolume(volume, pod, sources)
    const claimed = await persistent.follow(pod, volume)
    known.name = claimed?.volume.metadata.name ?? volume.name
    if (claimed !== undefined && !volumeFitsNode(claimed.volume, persistent.node())) {
      throw new StepError('MountVolume.NodeAffinity check', new Error('no matching NodeSelectorTerms'))
    }
    const driven = csiVolume(pod, volume, claimed)
    if (driven !== undefined) {
      if (claimed !== undefined && (await persistent.csi.attaches(driven.driver))) await use(uniqueName(driven.driver, driven.handle), pod.metadata.uid!)
      return { path: await persistent.csi.mounter.mount(pod, driven), readOnly: driven.readOnly }
    }
    if (claimed !== undefined) return mountClaimed(claimed, pod)
    if (volume.iscsi !== undefined) return mountIscsi(pod, volume.name, volume.iscsi, { readOnly: volume.iscsi.readOnly === true, mountOptions: [], block: false, secretNamespace: pod.metadata.namespace! })
    if (volume.nfs === undefined) return mountPodVolume(volume, pod, sources)
    const target = `${env.podDir(pod.metadata.uid!)}/volumes/kubernetes.io~nfs/${volume.name}`
    await mountNfs(local, volume.nfs, target, [])
    return { path: target, readOnly: volume.nfs.readOnly === true }
  }

  async function mountIscsi(
    pod: Pod, name: string, source: ISCSIVolumeSource | ISCSIPersistentVolumeSource,
    { readOnly, mountOptions, block, secretNamespace }: { readOnly: boolean; mountOptions: readonly string[]; block: boolean; secretNamespace: string },
  ): Promise<MountedVolume> {
    const { chapAuthDiscovery: discovery = false, chapAuthSession: session = false, secretRef } = source
    const named = (discovery || session) && secretRef?.name !== undefined
    const secret = named ? await persistent!.secret(secretNamespace, secretRef.name!).catch((error: Error): never => {
      throw new StepError('MountVolume.WaitForAttach', new Error(`couldn't get secret ${secretNamespace}/${secretRef.name} error: ${error.message}`))
    }) : {}
    const chap: Chap = { discovery, session, secret }
    const podDir = env.podDir(pod.metadata.uid!)
    const request: IscsiRequest = { disk: diskOf(name, source), chap, podDir, fsType: source.fsType, readOnly, mountOptions }
    if (block) return { path: await iscsi.map(request, `${podDir}/volumeDevices/kubernetes.io~iscsi/${name}`), readOnly }
    const target = `${podDir}/volumes/kubernetes.io~iscsi/${escapeName(name)}`
    const fresh = await iscsi.mount(request, target)
    const { fsGroup, fsGroupChangePolicy } = pod.spec!.securityContext ?? {}
    if (fresh && fsGroup !== undefined && !readOnly) await giveToGroup(files, { path: target, group: fsGroup, readOnly, policy: fsGroupChangePolicy })
    return { path: target, readOnly }
  }

  async function mountClaimed(claimed: ClaimedVolume, pod: Pod): Promise<MountedVolume> {
    const { metadata, spec } = claimed.volume
    const dir = `${env.podDir(pod.metadata.uid!)}`
    const { readOnly } = claimed
    if (spec?.local !== undefined) {
      if (spec.volumeMode === 'Block') return { path: await mapLocal(local, { claimed }, `${dir}/volumeDevices/kubernetes.io~local-volume`), readOnly }
      const target = `${dir}/volumes/kubernetes.io~local-volume/${escapeName(metadata.name!)}`
      const fresh = await mountLocal(local, { claimed, target })
      const { fsGroup, fsGroupChangePolicy } = pod.spec!.securityContext ?? {}
      if (fresh && fsGroup !== undefined && !readOnly) await giveToGroup(files, { path: target, group: fsGroup, readOnly, policy: fsGroupChangePolicy })
      return { path: target, readOnly }
    }
    if (spec?.hostPath !== undefined) return { path: await checkHostPathVolume(local, claimed), readOnly }
    if (spec?.nfs !== undefined) {
      const target = `${dir}/volumes/kubernetes.io~nfs/${escapeName(metadata.name!)}`
      await mountNfs(local, { ...spec.nfs, readOnly: readOnly || spec.nfs.readOnly === true }, target, spec.mountOptions ?? [])
      return { path: target, readOnly }
    }
    if (spec?.iscsi !== undefined) {
      return mountIscsi(pod, metadata.name!, spec.iscsi, {
        readOnly, mountOptions: spec.mountOptions ?? [], block: spec.volumeMode === 'Block', secretNamespace: spec.iscsi.secretRef?.namespace ?? pod.metadata.namespace!,
      })
    }
    throw new Error('no volume plugin matched')
  }

  /** `known`: the name events tell it by, the persistent volume's where it has one. */
  function failure(volume: Volume, known: { name: string }, error: Error): VolumeError {
    if (error instanceof SpecError) {
      return new VolumeError(volume.name, `Unable to attach or mount volumes: unmounted volumes=[${volume.name}], unattached volumes=[], failed to process volumes=[${volume.name}]: ${error.message}`)
    }
    if (error.cause instanceof NotAttachedError || error instanceof NotAttachedError) return new VolumeError(volume.name, error.message, undefined)
    const step = error instanceof StepError ? error.step : 'MountVolume.SetUp'
    const words = step.includes(' failed') ? step : `${step} failed`
    return new VolumeError(volume.name, `${words} for volume "${known.name}" : ${error.message}`, step.startsWith('MapVolume') ? 'FailedMapVolume' : 'FailedMount')
  }

  const podsDir = `${env.rootDir}/pods`

  async function releaseDisks(): Promise<void> {
    const held = new Set<string>()
    for (const uid of await files.list(podsDir)) for (const name of await files.list(`${podsDir}/${uid}/volumes/kubernetes.io~local-volume`)) held.add(name)
    await releaseLocalDisks(local, (name) => held.has(name))
  }

  return {
    async mount(pod, sources) {
      const mounted = new Map<string, MountedVolume>()
      const errors: VolumeError[] = []
      await Promise.all((pod.spec!.volumes ?? []).map(async (volume) => {
        if (volume.image !== undefined) return
        const known = { name: volume.name }
        try {
          mounted.set(volume.name, await mountOne(volume, pod, sources, known))
        } catch (error) {
          errors.push(failure(volume, known, error as Error))
        }
      }))
      waiting.delete(pod.metadata.uid!)
      if (errors.length === 0) return mounted
      if (errors.some(({ reason }) => reason === undefined)) waiting.add(pod.metadata.uid!)
      throw new AggregateError(errors, errors.map(({ message }) => message).join(', '))
    },
    async unmount(podUid) {
      const dir = env.podDir(podUid)
      const driven = `${dir}/volumes/kubernetes.io~csi/`
      for (const point of await mounts.below(dir)) if (!point.startsWith(driven)) await mounts.unmount(point)
      await persistent?.csi.mounter.unmount(podUid)
      const left = await mounts.below(dir)
      // What is mounted is somebody's data, which removing the folder would delete.
      if (left.length > 0) throw new Error(`volumes are still mounted: ${left.join(', ')}`)
      for (const part of ['volumes', 'volume-subpaths', 'volumeDevices', 'plugins']) await files.remove(`${dir}/${part}`)
      waiting.delete(podUid)
      await releaseDisks()
      await iscsi.release()
      let changed = false
      for (const [unique, pods] of users) {
        if (!pods.delete(podUid) || pods.size > 0) continue
        users.delete(unique)
        changed = true
      }
      if (changed) await persistent?.reportInUse().catch(() => undefined)
    },
    async restore() {
      const pods = await files.list(podsDir)
      for (const uid of pods) {
        for (const unique of (await persistent?.csi.mounter.onDisk([uid])) ?? []) users.set(unique, (users.get(unique) ?? new Set()).add(uid))
      }
    },
    async release() {
      await releaseDisks()
      await iscsi.release()
      await persistent?.csi.mounter.releaseUnused(await files.list(podsDir))
    },
    inUse: () => [...users.keys()].sort(),
    waiting: () => [...waiting],
  }
}
