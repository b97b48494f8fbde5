/**
 * One process at a time writes into a folder: two would each acknowledge writes that the other one overwrites. A file names
 * the owner, by its number and when it was started, so that one that was killed is no owner. Processes of another pid
 * namespace cannot be looked at and count as gone: a container that is started again must get its folder back.
 */
import { linkSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface Owner {
  readonly pid: number
  /** In ticks since the boot, where the system tells. */
  readonly started: string
  readonly namespace: string
  /** The folder itself, so that a copy of it has no owner. */
  readonly folder: string
}

/** Takes the folder; what is answered gives it back. Throws when another process, or another store of this one, has it. */
export function ownFolder(folder: string): () => void {
  const file = join(folder, 'owner')
  const { dev, ino } = statSync(folder)
  const own: Owner = { pid: process.pid, started: startOf(process.pid), namespace: pidNamespace(), folder: `${dev}:${ino}` }
  const mine = `${file}.${process.pid}`
  writeFileSync(mine, JSON.stringify(own), { mode: 0o600 })
  try {
    while (!linked(mine, file)) {
      const found = readOwner(file)
      if (found === undefined) continue
      if (lives(found, own)) throw new Error(`another process (${found.pid}) has the store in ${folder} open`)
      giveWay(file, found)
    }
  } finally {
    rmSync(mine, { force: true })
  }
  return () => rmSync(file, { force: true })
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

/** Undefined: it is gone meanwhile. What cannot be read was written by nobody who lives. */
function readOwner(file: string): Owner | undefined {
  try {
    const text = readFileSync(file, 'utf8')
    return JSON.parse(text) as Owner
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    if (!(error instanceof SyntaxError)) throw error
    return { pid: 0, started: '', namespace: '', folder: '' }
  }
}

/** Puts the file of an owner that is gone aside; if somebody else was quicker and it is theirs by now, it goes back. */
function giveWay(file: string, gone: Owner): void {
  const aside = `${file}.gone.${process.pid}`
  try {
    renameSync(file, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (JSON.stringify(readOwner(aside)) !== JSON.stringify(gone)) linked(aside, file)
  rmSync(aside, { force: true })
}

function lives(other: Owner, own: Owner): boolean {
  if (other.folder !== own.folder || other.namespace !== own.namespace) return false
  if (other.started !== '') return startOf(other.pid) === other.started
  try {
    process.kill(other.pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Empty: there is no such process, or the system does not tell. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}
