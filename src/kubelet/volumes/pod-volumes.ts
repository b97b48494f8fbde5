/** Volumes that live and die with their pod: emptyDir, hostPath and those made of files. */
import type { Clock, Random } from '../../base/env.ts'
import type { Pod, Volume } from '../../api/generated/types/core-v1.ts'
import { quantityValue } from '../../api/meta/quantity.ts'
import type { HostFiles, HostMounts } from '../host/contract.ts'
import { podTotals } from '../runtime/resources.ts'
import { folderStamp, writePayload } from './atomic-writer.ts'
import { checkHostPath } from './host-path.ts'
import { isHugePageMedium, pageSizeOption } from './huge-pages.ts'
import { giveToGroup } from './ownership.ts'
import { type PayloadSources, volumePayload } from './payload.ts'

export interface MountedVolume {
  readonly path: string
  readonly readOnly: boolean
}

export interface PodVolumesEnv {
  readonly files: HostFiles
  readonly mounts: HostMounts
  readonly clock: Clock
  readonly random: Random
  /** "<root>/pods/<uid>". */
  podDir(uid: string): string
}

/** Makes one volume, or brings its files up to date. Throws Error with upstream's text. */
export type MountPodVolume = (volume: Volume, pod: Pod, sources: PayloadSources) => Promise<MountedVolume>

export function createPodVolumes(env: PodVolumesEnv): MountPodVolume {
  const { files, mounts } = env

  async function ensureTmpfs(folder: string, sizeBytes: number | undefined): Promise<boolean> {
    await files.makeDir(folder, 0o750)
    if ((await mounts.below(folder)).includes(folder)) return false
    await mounts.tmpfs(folder, { sizeBytes })
    return true
  }

  async function ensureHugePages(folder: string, option: string): Promise<boolean> {
    await files.makeDir(folder, 0o777)
    if ((await mounts.below(folder)).includes(folder)) return false
    await mounts.mount('nodev', folder, 'hugetlbfs', [option])
    return true
  }

  async function mountEmptyDir(volume: Volume, pod: Pod, folder: string, fsGroup: number | undefined): Promise<void> {
    const { medium = '', sizeLimit } = volume.emptyDir!
    let fresh = (await files.lstat(folder)) === undefined
    if (medium === 'Memory') fresh = await ensureTmpfs(folder, tmpfsSize(pod, sizeLimit))
    else if (isHugePageMedium(medium)) fresh = await ensureHugePages(folder, pageSizeOption(medium, pod))
    else if (medium === '') await files.makeDir(folder, 0o777)
    else throw new Error(`unknown storage medium "${medium}"`)
    if (!fresh) return
    // The root of a tmpfs has its own mode, with the sticky bit.
    if (medium === '') await files.chmod(folder, 0o777)
    if (fsGroup !== undefined) await give(folder, fsGroup)
  }

  const give = (path: string, group: number) => giveToGroup(files, { path, group, readOnly: false, policy: 'OnRootMismatch' })

  return async (volume, pod, sources) => {
    if (volume.hostPath !== undefined) {
      await checkHostPath(files, volume.hostPath.path, volume.hostPath.type ?? '')
      return { path: volume.hostPath.path, readOnly: false }
    }
    const folder = `${env.podDir(pod.metadata.uid!)}/volumes/kubernetes.io~${pluginName(volume)}/${volume.name}`
    const fsGroup = pod.spec!.securityContext?.fsGroup
    if (volume.emptyDir !== undefined) {
      await mountEmptyDir(volume, pod, folder, fsGroup)
      return { path: folder, readOnly: false }
    }
    const payload = await volumePayload(volume, pod, sources)
    if (payload === undefined) throw new Error(`no volume plugin matched volume "${volume.name}"`)
    if (volume.configMap === undefined) await ensureTmpfs(folder, undefined)
    else await files.makeDir(folder, 0o777)
    const stamp = folderStamp(env.clock.now(), env.random.int(1_000_000_000))
    const changed = await writePayload(files, folder, payload, { fsGroup, stamp })
    if (changed && fsGroup !== undefined) await giveRoot(folder, fsGroup)
    return { path: folder, readOnly: true }
  }

  /** New files of the folder are the group's too. */
  async function giveRoot(folder: string, group: number): Promise<void> {
    await files.chown(folder, -1, group)
    await files.chmod(folder, ((await files.stat(folder))?.mode ?? 0o777) | 0o2770)
  }
}

function pluginName(volume: Volume): string {
  if (volume.emptyDir !== undefined) return 'empty-dir'
  if (volume.configMap !== undefined) return 'configmap'
  if (volume.secret !== undefined) return 'secret'
  return volume.downwardAPI !== undefined ? 'downward-api' : 'projected'
}

/** The smaller of the volume's limit and the pod's memory limit. */
function tmpfsSize(pod: Pod, sizeLimit: string | number | undefined): number | undefined {
  const limits = podTotals(pod, 'limits')
  const candidates = [sizeLimit === undefined ? 0 : quantityValue(sizeLimit), limits.declared.memory ? limits.memory : 0].filter((size) => size > 0)
  return candidates.length === 0 ? undefined : Math.min(...candidates)
}
