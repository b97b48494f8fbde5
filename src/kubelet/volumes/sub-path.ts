/** A mount of a part of a volume: it must stay inside, whatever links a container has put there. */
import { dirname } from 'node:path'
import type { HostFiles, HostMounts } from '../host/contract.ts'

/** Throws with upstream's text for a path that could leave the volume. */
export function validateSubPath(subPath: string): void {
  if (subPath.startsWith('/')) throw new Error(`error SubPath \`${subPath}\` must not be an absolute path`)
  if (subPath.split('/').includes('..')) throw new Error(`unable to provision SubPath \`${subPath}\`: must not contain '..'`)
}

export interface SubPathRequest {
  readonly volumePath: string
  readonly subPath: string
  /** Where the part is bound, so that later changes of links cannot move it. */
  readonly bindTarget: string
}

/** Makes the folder when it is missing and binds it. Answers what to mount. */
export async function prepareSubPath(files: HostFiles, mounts: HostMounts, request: SubPathRequest): Promise<string> {
  const { volumePath, subPath, bindTarget } = request
  validateSubPath(subPath)
  const root = (await files.realPath(volumePath)) ?? volumePath
  const wanted = `${root}/${subPath}`
  if ((await files.realPath(wanted)) === undefined) {
    const existing = await nearestExisting(files, wanted)
    if (existing !== root && !existing.startsWith(`${root}/`)) throw new Error(`subPath "${subPath}" leads out of the volume`)
    const mode = (await files.stat(root))?.mode ?? 0o755
    await files.makeDir(wanted, mode)
  }
  const real = (await files.realPath(wanted))!
  if (real !== root && !real.startsWith(`${root}/`)) throw new Error(`subPath "${subPath}" leads out of the volume`)
  if ((await mounts.below(bindTarget)).includes(bindTarget)) await mounts.unmount(bindTarget)
  await files.remove(bindTarget)
  if ((await files.stat(real))?.type === 'dir') await files.makeDir(bindTarget, 0o750)
  else {
    await files.makeDir(dirname(bindTarget), 0o750)
    await files.write(bindTarget, '', 0o640)
  }
  await mounts.bind(real, bindTarget)
  return bindTarget
}

async function nearestExisting(files: HostFiles, path: string): Promise<string> {
  for (let at = dirname(path); ; at = dirname(at)) {
    const real = await files.realPath(at)
    if (real !== undefined) return real
  }
}
