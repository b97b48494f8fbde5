/** A file that is put aside when it is long, as upstream's log writer (lumberjack) does it. */
import { closeSync, createReadStream, createWriteStream, fstatSync, mkdirSync, openSync, readdirSync, renameSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Env } from '../../base/env.ts'

export interface RotationSettings {
  /** 0: the file grows for ever. */
  readonly maxMegabytes: number
  /** Files that were put aside and are older than this are removed; 0: none. */
  readonly maxDays: number
  /** Of those, so many are kept; 0: all. */
  readonly maxBackups: number
  readonly compress: boolean
}

const dayMs = 86_400_000

/** Throws when the file cannot be opened. */
export function openRotatingFile(env: Env, path: string, settings: RotationSettings): { write(text: string): void; close(): void } {
  const limit = settings.maxMegabytes * 1024 * 1024
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  let file = openSync(path, 'a', 0o600)
  let size = fstatSync(file).size
  const rotate = () => {
    closeSync(file)
    renameSync(path, backupName(path, env.clock.now()))
    file = openSync(path, 'a', 0o600)
    size = 0
    env.tasks.go('audit log backups', () => tidy(path, settings, env.clock.now()))
  }
  return {
    write(text) {
      const bytes = Buffer.from(text)
      if (limit > 0 && size > 0 && size + bytes.length > limit) rotate()
      writeSync(file, bytes)
      size += bytes.length
    },
    close: () => closeSync(file),
  }
}

function backupName(path: string, now: number): string {
  const extension = extname(path)
  const stamp = new Date(now).toISOString().slice(0, -1).replaceAll(':', '-')
  return join(dirname(path), `${basename(path, extension)}-${stamp}${extension}`)
}

async function tidy(path: string, { maxDays, maxBackups, compress }: RotationSettings, now: number): Promise<void> {
  const extension = extname(path)
  const prefix = `${basename(path, extension)}-`
  const folder = dirname(path)
  const isBackup = (name: string) => name.startsWith(prefix) && /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}/.test(name.slice(prefix.length))
  const backups = readdirSync(folder).filter(isBackup).sort().reverse().map((name) => join(folder, name))
  const old = (name: string) => maxDays > 0 && now - statSync(name).mtimeMs > maxDays * dayMs
  for (const [i, name] of backups.entries()) {
    if ((maxBackups > 0 && i >= maxBackups) || old(name)) unlinkSync(name)
    else if (compress && !name.endsWith('.gz')) {
      await pipeline(createReadStream(name), createGzip(), createWriteStream(`${name}.gz`, { mode: 0o600 }))
      unlinkSync(name)
    }
  }
}
