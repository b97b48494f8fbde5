/**
 * Changes all files of a volume at once for its readers: files live in a dated folder, "..data" links to it and each
 * visible name links through "..data"; one rename switches over. Upstream: pkg/volume/util/atomic_writer.go.
 */
import type { HostFiles } from '../host/contract.ts'
import type { Payload } from './payload.ts'

const dataLink = '..data'
const newLink = '..data_tmp'

export interface WriteOptions {
  /** Group of the files, which it may read. */
  readonly fsGroup?: number
  /** Names the new folder: "..2026_11_24_08_00_00.123456789". */
  readonly stamp: string
}

/** "2026_11_24_08_00_00.<suffix>" of a time. */
export function folderStamp(nowMs: number, suffix: number): string {
  const [date, time] = new Date(nowMs).toISOString().slice(0, 19).split('T') as [string, string]
  return `..${date.replaceAll('-', '_')}_${time.replaceAll(':', '_')}.${String(suffix).padStart(9, '0')}`
}

/** Makes `dir` show `payload`. Answers whether anything changed; files that are already so are not touched. */
export async function writePayload(files: HostFiles, dir: string, payload: Payload, options: WriteOptions): Promise<boolean> {
  const current = await files.readLink(`${dir}/${dataLink}`)
  const before = current === undefined ? undefined : await readFolder(files, `${dir}/${current}`)
  if (before !== undefined && same(before, payload)) {
    await linkVisible(files, dir, payload)
    return false
  }
  const folder = `${dir}/${options.stamp}`
  await writeFolder(files, folder, payload, options.fsGroup)
  await files.remove(`${dir}/${newLink}`)
  await files.symlink(options.stamp, `${dir}/${newLink}`)
  await files.rename(`${dir}/${newLink}`, `${dir}/${dataLink}`)
  await linkVisible(files, dir, payload)
  await removeStale(files, dir, options.stamp, payload)
  return true
}

/** First parts of the paths: what is seen in the volume itself. */
function visibleNames(payload: Payload): Set<string> {
  return new Set([...payload.keys()].map((path) => path.split('/')[0]!))
}

async function writeFolder(files: HostFiles, folder: string, payload: Payload, fsGroup: number | undefined): Promise<void> {
  const dirs = new Set<string>([folder])
  await files.makeDir(folder, 0o755)
  for (const [path, { data, mode, uid }] of payload) {
    const parts = path.split('/')
    for (let i = 1; i < parts.length; i++) dirs.add(`${folder}/${parts.slice(0, i).join('/')}`)
    if (parts.length > 1) await files.makeDir(`${folder}/${parts.slice(0, -1).join('/')}`, 0o755)
    const target = `${folder}/${path}`
    await files.write(target, data, fsGroup === undefined ? mode : mode | 0o440)
    if (uid !== undefined || fsGroup !== undefined) await files.chown(target, uid ?? -1, fsGroup ?? -1)
  }
  if (fsGroup === undefined) return
  for (const dir of dirs) {
    await files.chown(dir, -1, fsGroup)
    await files.chmod(dir, 0o2755)
  }
}

async function readFolder(files: HostFiles, folder: string): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>()
  const walk = async (dir: string, prefix: string): Promise<void> => {
    for (const name of await files.list(dir)) {
      const path = `${dir}/${name}`
      if ((await files.lstat(path))?.type === 'dir') await walk(path, `${prefix}${name}/`)
      else found.set(prefix + name, (await files.read(path)) ?? Buffer.alloc(0))
    }
  }
  await walk(folder, '')
  return found
}

function same(before: ReadonlyMap<string, Buffer>, payload: Payload): boolean {
  if (before.size !== payload.size) return false
  for (const [path, { data }] of payload) if (before.get(path)?.equals(data) !== true) return false
  return true
}

async function linkVisible(files: HostFiles, dir: string, payload: Payload): Promise<void> {
  for (const name of visibleNames(payload)) {
    if ((await files.lstat(`${dir}/${name}`)) === undefined) await files.symlink(`${dataLink}/${name}`, `${dir}/${name}`)
  }
}

async function removeStale(files: HostFiles, dir: string, stamp: string, payload: Payload): Promise<void> {
  const keep = visibleNames(payload).add(dataLink).add(stamp)
  for (const name of await files.list(dir)) if (!keep.has(name)) await files.remove(`${dir}/${name}`)
}
