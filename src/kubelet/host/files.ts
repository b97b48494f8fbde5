import {
  type FileHandle, chmod, chown, lchown, lstat, mkdir, open, readFile, readdir, readlink, realpath, rename, rm, rmdir, stat, symlink, writeFile,
} from 'node:fs/promises'
import { type Stats, constants } from 'node:fs'
import type { FileInfo, HostFiles, OpenedPath } from './contract.ts'

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR'
}

async function orMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function fileInfo(stats: Stats): FileInfo {
  const type = stats.isFile() ? 'file' : stats.isDirectory() ? 'dir' : stats.isSymbolicLink() ? 'link' : stats.isSocket() ? 'socket' :
    stats.isCharacterDevice() ? 'char' : stats.isBlockDevice() ? 'block' : 'other'
  return { type, mode: stats.mode & 0o7777, size: stats.size, uid: stats.uid, gid: stats.gid, mtimeMs: stats.mtimeMs }
}

async function readTail(path: string, bytes: number): Promise<Buffer | undefined> {
  const handle: FileHandle | undefined = await orMissing(open(path, 'r'))
  if (handle === undefined) return undefined
  try {
    const { size } = await handle.stat()
    const length = Math.min(size, bytes)
    const buffer = Buffer.alloc(length)
    const { bytesRead } = await handle.read(buffer, 0, length, size - length)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** Linux' O_PATH, which Node does not name: a handle that only says which file. */
const pathOnly = 0o10000000

/** Names what a handle holds, for us and for programs that we start. */
const handlePath = (handle: FileHandle): string => `/proc/${process.pid}/fd/${handle.fd}`

async function openBeneath(root: string, path: string, options: { makeDirsMode?: number } = {}): Promise<OpenedPath> {
  const flags = pathOnly | constants.O_NOFOLLOW
  let handle = await open(root, pathOnly)
  try {
    for (const part of path.split('/').filter((name) => name !== '' && name !== '.')) {
      if (part === '..') throw new Error(`${path} must not contain '..'`)
      const inner = `${handlePath(handle)}/${part}`
      if (options.makeDirsMode !== undefined) await makeStep(inner, options.makeDirsMode)
      const next = await open(inner, flags)
      await handle.close()
      handle = next
      if ((await handle.stat()).isSymbolicLink()) throw new Error(`unexpected symlink found ${root}/${path}`)
    }
    const opened = handle
    return { path: handlePath(opened), info: fileInfo(await opened.stat()), close: () => opened.close() }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function makeStep(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path)
    await chmod(path, mode)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

async function diskUse(path: string): Promise<{ bytes: number; inodes: number }> {
  const total = { bytes: 0, inodes: 0 }
  const seen = new Set<number>()
  async function visit(at: string, device: number | undefined): Promise<void> {
    const stats = await orMissing(lstat(at))
    if (stats === undefined || (device !== undefined && stats.dev !== device)) return
    // A file of several names counts once.
    if (stats.nlink > 1 && !stats.isDirectory()) {
      if (seen.has(stats.ino)) return
      seen.add(stats.ino)
    }
    total.bytes += stats.blocks * 512
    total.inodes++
    if (stats.isDirectory()) for (const name of (await orMissing(readdir(at))) ?? []) await visit(`${at}/${name}`, stats.dev)
  }
  await visit(path, undefined)
  return total
}

/** The machine's own files. */
export const systemFiles: HostFiles = {
  read: (path) => orMissing(readFile(path)),
  readText: (path) => orMissing(readFile(path, 'utf8')),
  readTail,
  async write(path, content, mode) {
    await writeFile(path, content)
    if (mode !== undefined) await chmod(path, mode)
  },
  async makeDir(path, mode) {
    const made = await mkdir(path, { recursive: true })
    if (made !== undefined && mode !== undefined) await chmod(path, mode)
  },
  remove: (path) => rm(path, { recursive: true, force: true }),
  async removeEmptyDir(path) {
    await orMissing(rmdir(path))
  },
  rename,
  symlink,
  openBeneath,
  diskUse,
  readLink: (path) => orMissing(readlink(path)),
  list: async (path) => ((await orMissing(readdir(path))) ?? []).sort(),
  async stat(path) {
    const stats = await orMissing(stat(path))
    return stats === undefined ? undefined : fileInfo(stats)
  },
  async lstat(path) {
    const stats = await orMissing(lstat(path))
    return stats === undefined ? undefined : fileInfo(stats)
  },
  chmod,
  async chown(path, uid, gid) {
    const stats = await lstat(path)
    if (stats.isSymbolicLink()) await lchown(path, uid, gid)
    else await chown(path, uid, gid)
  },
  realPath: (path) => orMissing(realpath(path)),
}
