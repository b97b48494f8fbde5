/**
 * iSCSI volumes of pods: the disk is mounted once for the node and bound into each pod. Which pod has which disk is written
 * beside the pod, so that a kubelet that starts again knows. Upstream: pkg/volume/iscsi/{attacher,disk_manager}.go.
 */
import type { HostMounts } from '../../host/contract.ts'
import { StepError } from '../csi/mounter.ts'
import { type IscsiEnv, attach, detach } from './attach.ts'
import { type Chap, type IscsiDisk, diskFromPath, globalPath, pluginDir } from './disk.ts'

export interface IscsiVolumesEnv extends IscsiEnv {
  readonly mounts: HostMounts
  readonly rootDir: string
}

export interface IscsiRequest {
  readonly disk: IscsiDisk
  readonly chap: Chap
  /** The pod's folder. */
  readonly podDir: string
  readonly fsType: string | undefined
  readonly readOnly: boolean
  readonly mountOptions: readonly string[]
}

export interface IscsiVolumes {
  /** Binds the disk to the target; false: it was there before. */
  mount(request: IscsiRequest, target: string): Promise<boolean>
  /** @returns the disk's device, by a link at the path. */
  map(request: IscsiRequest, link: string): Promise<string>
  /** Lets go of disks that no pod has any more. */
  release(): Promise<void>
}

const record = 'iscsi.json'
/** Below a pod's folder: a file a volume, which names the place of its disk. */
const usesDir = 'plugins/kubernetes.io~iscsi'

export function createIscsiVolumes(env: IscsiVolumesEnv): IscsiVolumes {
  const { files, mounts, rootDir } = env
  /** One at a time of each target: a login of one volume must not meet the logout of another. */
  const turns = new Map<string, Promise<unknown>>()
  const inTurn = <T>(iqn: string, work: () => Promise<T>): Promise<T> => {
    const next = (turns.get(iqn) ?? Promise.resolve()).then(work, work)
    turns.set(iqn, next.catch(() => undefined))
    return next
  }
  const isMounted = async (path: string) => (await mounts.below(path)).includes(path)

  async function attached({ disk, chap, podDir }: IscsiRequest, global: string, step: string): Promise<string> {
    await files.makeDir(`${podDir}/${usesDir}`, 0o750)
    await files.write(`${podDir}/${usesDir}/${disk.VolName}`, global)
    const device = await attach(env, disk, chap).catch((error: Error): never => {
      throw new StepError(step, error)
    })
    await files.makeDir(global, 0o750)
    await files.write(`${global}/${record}`, JSON.stringify(disk), 0o600)
    return device
  }

  async function places(): Promise<string[]> {
    const found: string[] = []
    const plugin = pluginDir(rootDir)
    for (const dir of [plugin, `${plugin}/volumeDevices`]) {
      for (const iface of (await files.list(dir)).filter((name) => name.startsWith('iface-'))) {
        for (const name of await files.list(`${dir}/${iface}`)) found.push(`${dir}/${iface}/${name}`)
      }
    }
    return found
  }

  async function held(): Promise<Set<string>> {
    const found = new Set<string>()
    for (const uid of await files.list(`${rootDir}/pods`)) {
      const dir = `${rootDir}/pods/${uid}/${usesDir}`
      for (const name of await files.list(dir)) found.add((await files.readText(`${dir}/${name}`)) ?? '')
    }
    return found
  }

  async function drop(place: string, others: readonly string[]): Promise<void> {
    if (await isMounted(place)) await mounts.unmount(place)
    const text = await files.readText(`${place}/${record}`)
    const disk = text === undefined ? diskFromPath(place) : JSON.parse(text) as IscsiDisk
    const prefix = `/${disk?.Portals[0]}-${disk?.Iqn}-lun-`
    if (disk !== undefined) await detach(env, disk, !others.some((other) => other.includes(prefix)))
    await files.remove(place)
  }

  return {
    mount: (request, target) => inTurn(request.disk.Iqn, async () => {
      if (await isMounted(target)) return false
      const global = globalPath(rootDir, request.disk, false)
      if (!(await isMounted(global))) {
        const device = await attached(request, global, 'MountVolume.WaitForAttach')
        await mounts.formatAndMount(device, global, request.fsType ?? 'ext4', [...(request.readOnly ? ['ro'] : []), ...request.mountOptions]).catch((error: Error): never => {
          throw new StepError('MountVolume.MountDevice', error)
        })
      } else {
        await files.makeDir(`${request.podDir}/${usesDir}`, 0o750)
        await files.write(`${request.podDir}/${usesDir}/${request.disk.VolName}`, global)
      }
      await files.makeDir(target, 0o750)
      await mounts.bind(global, target)
      return true
    }),
    map: (request, link) => inTurn(request.disk.Iqn, async () => {
      const known = await files.readLink(link)
      if (known !== undefined && (await files.stat(link)) !== undefined) return link
      const device = await attached(request, globalPath(rootDir, request.disk, true), 'MapVolume.WaitForAttach')
      await files.makeDir(link.slice(0, link.lastIndexOf('/')), 0o750)
      await files.remove(link)
      await files.symlink(device, link)
      return link
    }),
    async release() {
      const all = await places()
      if (all.length === 0) return
      const used = await held()
      for (const place of all) {
        if (used.has(place)) continue
        const iqn = diskFromPath(place)?.Iqn ?? ''
        await inTurn(iqn, async () => {
          // Another pod may have come for it meanwhile.
          if (!(await held()).has(place)) await drop(place, (await places()).filter((other) => other !== place))
        }).catch((error: unknown) => env.log.warn('iscsi: failed to detach disk', { place, error }))
      }
    },
  }
}
