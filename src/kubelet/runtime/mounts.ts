/** The mounts of a container: its volumes, the hosts file, the file for its last words. Upstream: kubelet_pods.go makeMounts. */
import type { Pod, VolumeMount } from '../../api/generated/types/core-v1.ts'
import type { Mount, MountPropagation } from '../cri/contract.ts'
import type { HostFiles, HostMounts } from '../host/contract.ts'
import { type AnyContainer, isHostNetwork } from '../pod.ts'
import type { MountedVolume } from '../volumes/manager.ts'
import { prepareSubPath, validateSubPath } from '../volumes/sub-path.ts'
import { expandSubPath } from './expansion.ts'
import { hostNetworkHostsFile, managedHostsFile } from './hosts-file.ts'

export interface MountInput {
  readonly pod: Pod
  readonly container: AnyContainer
  readonly podDir: string
  readonly volumes: ReadonlyMap<string, MountedVolume>
  readonly env: ReadonlyMap<string, string>
  readonly podIps: readonly string[]
  readonly hostname: { hostname: string; domain: string }
  /** Names the file of the last words. */
  readonly unique: string
}

const hostsPath = '/etc/hosts'
const propagations: Readonly<Record<string, MountPropagation>> = {
  None: 'PROPAGATION_PRIVATE', HostToContainer: 'PROPAGATION_HOST_TO_CONTAINER', Bidirectional: 'PROPAGATION_BIDIRECTIONAL',
}

/** Writes the files that are mounted. Throws Error with upstream's text. */
export async function makeMounts(files: HostFiles, hostMounts: HostMounts, input: MountInput): Promise<Mount[]> {
  const { pod, container, podDir } = input
  const mounts: Mount[] = []
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) mounts.push(await volumeMount(files, hostMounts, input, mount, index))
  const ownHosts = container.volumeMounts?.some(({ mountPath }) => mountPath === hostsPath) === true
  if (!ownHosts && (input.podIps.length > 0 || isHostNetwork(pod))) {
    const aliases = pod.spec!.hostAliases ?? []
    const text = isHostNetwork(pod) ? hostNetworkHostsFile((await files.readText(hostsPath)) ?? '', aliases) :
      managedHostsFile(input.podIps, input.hostname, aliases)
    await files.write(`${podDir}/etc-hosts`, text, 0o644)
    mounts.push({ containerPath: hostsPath, hostPath: `${podDir}/etc-hosts`, readonly: false, selinuxRelabel: true })
  }
  const messagePath = container.terminationMessagePath ?? ''
  if (messagePath !== '') {
    const dir = `${podDir}/containers/${container.name}`
    await files.makeDir(dir, 0o750)
    // Any user of the container must be able to write it.
    await files.write(`${dir}/${input.unique}`, '', 0o666)
    mounts.push({ containerPath: messagePath, hostPath: `${dir}/${input.unique}`, readonly: false, selinuxRelabel: true })
  }
  return mounts
}

async function volumeMount(files: HostFiles, hostMounts: HostMounts, input: MountInput, mount: VolumeMount, index: number): Promise<Mount> {
  const { pod, container, podDir } = input
  const subPath = (mount.subPathExpr ?? '') === '' ? (mount.subPath ?? '') : expandSubPath(mount.subPathExpr!, input.env)
  if (subPath !== '') validateSubPath(subPath)
  const common = {
    containerPath: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
    propagation: propagations[mount.mountPropagation ?? 'None'] ?? 'PROPAGATION_PRIVATE',
  }
  const image = pod.spec!.volumes?.find(({ name }) => name === mount.name)?.image
  if (image !== undefined) {
    return { ...common, hostPath: '', readonly: true, image: { image: image.reference ?? '' }, imageSubPath: subPath }
  }
  const volume = input.volumes.get(mount.name)
  if (volume === undefined) throw new Error(`cannot find volume "${mount.name}" to mount into container "${container.name}"`)
  let hostPath = volume.path
  if (subPath !== '') {
    try {
      hostPath = await prepareSubPath(files, hostMounts, {
        volumePath: volume.path, subPath, bindTarget: `${podDir}/volume-subpaths/${mount.name}/${container.name}/${index}`,
      })
    } catch (error) {
      throw new Error(`failed to prepare subPath for volumeMount "${mount.name}" of container "${container.name}": ${(error as Error).message}`, { cause: error })
    }
  }
  return { ...common, hostPath, readonly: mount.readOnly === true || volume.readOnly }
}

/** Volumes that the container sees as block devices. Upstream: makeBlockVolumes. */
export function makeDevices(container: AnyContainer, volumes: ReadonlyMap<string, MountedVolume>): { containerPath: string; hostPath: string; permissions: string }[] {
  return (container.volumeDevices ?? []).map(({ name, devicePath }) => {
    const volume = volumes.get(name)
    if (volume === undefined) throw new Error(`cannot find volume "${name}" to pass into container "${container.name}"`)
    return { containerPath: devicePath, hostPath: volume.path, permissions: volume.readOnly ? 'r' : 'mrw' }
  })
}
