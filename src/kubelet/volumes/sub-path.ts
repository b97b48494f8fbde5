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

/**
 * Makes the folder when it is missing and binds it. Answers what to mount. Containers of the pod may change links
 * meanwhile: what is bound is what was opened, step by step from the volume's root.
 */
export async function prepareSubPath(files: HostFiles, mounts: HostMounts, request: SubPathRequest): Promise<string> {
  const { volumePath, subPath, bindTarget } = request
  validateSubPath(subPath)
  const root = (await files.realPath(volumePath)) ?? volumePath
  const inside = async (): Promise<string | undefined> => {
    const real = await files.realPath(`${root}/${subPath}`)
    if (real !== undefined && real !== root && !real.startsWith(`${root}/`)) throw new Error(`subPath "${subPath}" leads out of the volume`)
    return real
  }
  if ((await inside()) === undefined) await makeInside(files, root, subPath)
  const real = (await inside()) ?? root
  const opened = await files.openBeneath(root, real.slice(root.length))
  try {
    if ((await mounts.below(bindTarget)).includes(bindTarget)) await mounts.unmount(bindTarget)
    await files.remove(bindTarget)
    if (opened.info.type === 'dir') await files.makeDir(bindTarget, 0o750)
    else {
      await files.makeDir(dirname(bindTarget), 0o750)
      await files.write(bindTarget, '', 0o640)
    }
    await mounts.bind(opened.path, bindTarget)
    return bindTarget
  } finally {
    await opened.close()
  }
}

/** From the deepest folder that exists, links in it followed, the rest is made without following any. */
async function makeInside(files: HostFiles, root: string, subPath: string): Promise<void> {
  const existing = await nearestExisting(files, `${root}/${subPath}`)
  if (existing.real !== root && !existing.real.startsWith(`${root}/`)) throw new Error(`subPath "${subPath}" leads out of the volume`)
  const mode = (await files.stat(root))?.mode ?? 0o755
  const opened = await files.openBeneath(root, `${existing.real.slice(root.length)}/${existing.rest}`, { makeDirsMode: mode })
  await opened.close()
}

async function nearestExisting(files: HostFiles, path: string): Promise<{ real: string; rest: string }> {
  for (let at = dirname(path); ; at = dirname(at)) {
    const real = await files.realPath(at)
    if (real !== undefined) return { real, rest: path.slice(at.length + 1) }
  }
}
