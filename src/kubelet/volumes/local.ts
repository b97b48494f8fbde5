/** Persistent volumes that are a folder or a disk of the node, and shares of file servers. Upstream: pkg/volume/{local,hostpath,nfs}. */
import type { HostFiles, HostMounts } from '../host/contract.ts'
import { checkHostPath } from './host-path.ts'
import type { ClaimedVolume } from './spec.ts'

export interface LocalEnv {
  readonly files: HostFiles
  readonly mounts: HostMounts
  readonly rootDir: string
}

export interface LocalRequest {
  readonly claimed: ClaimedVolume
  /** Where the pod's volume is to be seen. */
  readonly target: string
}

const defaultFsType = 'ext4'

/** Mounts a local volume at the target; false: it was mounted before. */
export async function mountLocal(env: LocalEnv, { claimed, target }: LocalRequest): Promise<boolean> {
  const { metadata, spec } = claimed.volume
  const { path, fsType = defaultFsType } = spec!.local!
  const type = (await env.files.stat(path))?.type
  if (type === undefined) throw new Error(`path ${JSON.stringify(path)} does not exist`)
  if (type !== 'dir' && type !== 'block') throw new Error('only directory and block device are supported')
  if ((await env.mounts.below(target)).includes(target)) return false
  let source = path
  if (type === 'block') {
    source = `${env.rootDir}/plugins/kubernetes.io/local-volume/mounts/${metadata.name}`
    await env.files.makeDir(source, 0o750)
    if (!(await env.mounts.below(source)).includes(source)) {
      await env.mounts.formatAndMount(path, source, fsType, [...(claimed.readOnly ? ['ro'] : []), ...(spec!.mountOptions ?? [])])
    }
  }
  await env.files.makeDir(target, 0o750)
  await env.mounts.bind(source, target)
  return true
}

/** A disk for the pod: a link to its device, below `links`. */
export async function mapLocal(env: LocalEnv, { claimed }: { claimed: ClaimedVolume }, links: string): Promise<string> {
  const { metadata, spec } = claimed.volume
  const { path } = spec!.local!
  const type = (await env.files.stat(path))?.type
  if (type !== 'block') throw new Error(`${path} is not a block device`)
  const link = `${links}/${metadata.name}`
  await env.files.makeDir(links, 0o750)
  if ((await env.files.readLink(link)) !== path) {
    await env.files.remove(link)
    await env.files.symlink(path, link)
  }
  return link
}

export async function checkHostPathVolume(env: LocalEnv, { volume }: ClaimedVolume): Promise<string> {
  const { path, type = '' } = volume.spec!.hostPath!
  await checkHostPath(env.files, path, type)
  return path
}

export interface NfsShare {
  readonly server: string
  readonly path: string
  readonly readOnly?: boolean
}

/** Mounts a share at the target; a target that is mounted is left alone. Rejects with mount(8)'s text. */
export async function mountNfs(env: LocalEnv, share: NfsShare, target: string, options: readonly string[]): Promise<void> {
  if ((await env.mounts.below(target)).includes(target)) return
  await env.files.makeDir(target, 0o750)
  const server = share.server.includes(':') ? `[${share.server}]` : share.server
  const all = [...new Set([...options, ...(share.readOnly === true ? ['ro'] : [])])].sort()
  await env.mounts.mount(`${server}:${share.path}`, target, 'nfs', all).catch(async (error: unknown): Promise<never> => {
    // What cannot be mounted leaves no folder that a container could write to.
    if ((await env.mounts.below(target)).includes(target)) await env.mounts.unmount(target)
    await env.files.removeEmptyDir(target)
    throw error
  })
}

/** Disks whose last pod went are unmounted; upstream does so when it lets go of a device. */
export async function releaseLocalDisks(env: LocalEnv, isUsed: (volume: string) => boolean): Promise<void> {
  const dir = `${env.rootDir}/plugins/kubernetes.io/local-volume/mounts`
  for (const name of await env.files.list(dir)) {
    if (isUsed(name)) continue
    if ((await env.mounts.below(`${dir}/${name}`)).length > 0) await env.mounts.unmount(`${dir}/${name}`)
    await env.files.removeEmptyDir(`${dir}/${name}`)
  }
}
