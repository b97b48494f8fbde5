/** Gives the files of a volume to a pod's group. Upstream: pkg/volume/volume_linux.go. */
import type { FileInfo, HostFiles } from '../host/contract.ts'

const writeBits = 0o660
const readBits = 0o440
const folderBits = 0o2110

export interface OwnershipRequest {
  readonly path: string
  readonly group: number
  readonly readOnly: boolean
  /** "OnRootMismatch": nothing is done when the root has group and mode already. */
  readonly policy: string | undefined
}

export async function giveToGroup(files: HostFiles, { path, group, readOnly, policy }: OwnershipRequest): Promise<void> {
  const root = await files.lstat(path)
  if (root === undefined) return
  if (policy === 'OnRootMismatch' && rootMatches(root, group, readOnly)) return
  await give(files, path, root, group, readOnly)
}

export function rootMatches({ type, gid, mode }: FileInfo, group: number, readOnly: boolean): boolean {
  const wanted = (readOnly ? readBits : writeBits) | folderBits
  return type === 'dir' && gid === group && (mode & wanted) === wanted
}

/** The root comes last, so that a walk that was broken off is done again. */
async function give(files: HostFiles, path: string, info: FileInfo, group: number, readOnly: boolean): Promise<void> {
  if (info.type === 'dir') {
    for (const name of await files.list(path)) {
      const inner = await files.lstat(`${path}/${name}`)
      if (inner !== undefined) await give(files, `${path}/${name}`, inner, group, readOnly)
    }
  }
  await files.chown(path, -1, group)
  // The mode of a link is that of what it points at.
  if (info.type === 'link') return
  await files.chmod(path, info.mode | (readOnly ? readBits : writeBits) | (info.type === 'dir' ? folderBits : 0))
}
