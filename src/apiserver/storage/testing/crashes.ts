/** Kills and full disks under the embedded store, and whether what was acknowledged is there afterwards. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { systemClock } from '../../../base/real/env.ts'
import { openLmdbStore } from '../lmdb/lmdb.ts'

interface Write {
  readonly id: string
  readonly op: string
  readonly key: string
  /** Of the acknowledgement. */
  revision?: number
  failed?: string
}

/** What the writers of all rounds said. */
export class Ledger {
  readonly writes: Write[] = []
  readonly #byId = new Map<string, Write>()
  #rest = ''

  /** Takes the writer's words, as they come. */
  hear(data: string): void {
    const lines = (this.#rest + data).split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) {
      const [mark, id = '', a = '', b = ''] = line.split(' ')
      if (mark === '>') {
        const write: Write = { id, op: a, key: b }
        this.writes.push(write)
        this.#byId.set(id, write)
      } else if (mark === '<') this.#byId.get(id)!.revision = Number(a)
      else if (mark === '!') this.#byId.get(id)!.failed = line
    }
  }

  /** The end of a round: half a line is none. */
  endRound(): void {
    this.#rest = ''
  }

  get acknowledged(): number {
    return this.writes.filter(({ revision }) => revision !== undefined).length
  }
}

export interface WriterOptions {
  /** Asked after each of the writer's words whether, and in how many ms, it is to be killed. */
  readonly killAfterMs?: (acknowledged: number) => number | undefined
  /** Files end at so many KiB. */
  readonly fileBlocks?: number
  /** Of each value, in bytes. */
  readonly size?: number
  /** So many acknowledged writes, then the store is closed. */
  readonly limit?: number
  /**
   * What calls of the system meet, in strace's words: "pwrite64:signal=KILL:when=3", "fdatasync:error=EIO:when=2+5",
   * "pwrite64:delay_exit=20000". Files are then written by one thread, so that "when" counts through.
   */
  readonly inject?: readonly string[]
}

/** Why calls of the system cannot be interfered with here; undefined when they can. */
export function straceMissing(): string | undefined {
  return spawnSync('strace', ['-V']).status === 0 ? undefined : 'strace is not installed (Debian package strace)'
}

/** Runs the writer. Resolves when it is gone, with what it wrote to its standard error. */
export async function runWriter(path: string, round: number, ledger: Ledger, o: WriterOptions = {}): Promise<{ readonly signal: NodeJS.Signals | null; readonly complaints: string }> {
  const script = join(import.meta.dirname, '../lmdb/crash-writer.ts')
  const own = [process.execPath, '--disable-warning=ExperimentalWarning', script, path, String(round), String(o.size ?? 200), '20000', String(o.limit ?? Infinity)]
  const limited = o.fileBlocks === undefined ? own : ['bash', '-c', 'ulimit -f "$0"; exec "$@"', String(o.fileBlocks), ...own]
  const [command, ...args] = o.inject === undefined ? limited : ['strace', '-f', '-qq', '-o', '/dev/null', ...o.inject.flatMap((what) => ['-e', `inject=${what}`]), ...limited]
  const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...(o.inject === undefined ? {} : { UV_THREADPOOL_SIZE: '1' }) } })
  let heard = 0
  let killing = false
  let complaints = ''
  child.stderr.on('data', (data: Buffer) => { complaints += data.toString() })
  child.stdout.on('data', (data: Buffer) => {
    ledger.hear(data.toString())
    heard += data.toString().split('<').length - 1
    const delay = killing ? undefined : o.killAfterMs?.(heard)
    if (delay === undefined) return
    killing = true
    setTimeout(() => child.kill('SIGKILL'), delay)
  })
  const [, signal] = await once(child, 'close') as [number | null, NodeJS.Signals | null]
  ledger.endRound()
  return { signal, complaints }
}

/** What the store on disk lacks or has too much of, in sentences. */
export async function damage(path: string, ledger: Ledger): Promise<string[]> {
  const out: string[] = []
  const store = openLmdbStore({ path, clock: systemClock })
  const { items, revision } = await store.list('/w/')
  await store.close()
  const there = new Map(items.map((item) => [item.key, { id: wholeValue(item.value), revision: item.modRevision }]))
  const writesOf = Map.groupBy(ledger.writes, ({ key }) => key)
  for (const [key, writes] of writesOf) {
    const last = writes.findLastIndex((write) => write.revision !== undefined)
    // Behind the last acknowledged write there may be one whose answer was never heard.
    const allowed = [...(last < 0 ? [undefined] : [writes[last]]), ...writes.slice(last + 1).filter(({ failed }) => failed === undefined)]
    const found = there.get(key)
    if (found !== undefined && found.id === undefined) out.push(`${key} holds a part of a value`)
    const fits = allowed.some((write) => (write === undefined || write.op === 'delete' ? found === undefined
      : found?.id === write.id && (write.revision === undefined || write.revision === found.revision)))
    if (!fits) out.push(`${key} holds ${JSON.stringify(found)}; it may hold ${allowed.map((write) => JSON.stringify(write ?? 'nothing')).join(' or ')}`)
  }
  for (const key of there.keys()) if (!writesOf.has(key)) out.push(`nobody wrote ${key}`)
  const highest = Math.max(0, ...ledger.writes.map((write) => write.revision ?? 0))
  if (revision < highest) out.push(`the store is at revision ${revision}, a write was acknowledged at ${highest}`)
  const revisions = items.map((item) => item.modRevision)
  if (new Set(revisions).size !== revisions.length) out.push('two keys have one revision')
  return out
}

function wholeValue(value: Uint8Array): string | undefined {
  const text = Buffer.from(value).toString()
  const id = text.slice(0, text.indexOf(';'))
  return text === `${id};`.repeat(text.length / (id.length + 1)) ? id : undefined
}

/** So many kills at moments of chance, one store throughout. */
export async function killLoop(path: string, kills: number, chance: () => number, progress?: (done: number) => void): Promise<{ kills: number; acknowledged: number; damage: string[] }> {
  const ledger = new Ledger()
  for (let round = 1; round <= kills; round++) {
    const wanted = 1 + Math.floor(chance() * 60)
    await runWriter(path, round, ledger, { killAfterMs: (acknowledged) => (acknowledged >= wanted ? chance() * 4 : undefined) })
    const found = await damage(path, ledger)
    if (found.length > 0) return { kills: round, acknowledged: ledger.acknowledged, damage: found }
    progress?.(round)
  }
  return { kills, acknowledged: ledger.acknowledged, damage: [] }
}

/** The calls by which the store changes its files. */
const writingCalls = ['pwrite64', 'fdatasync', 'ftruncate'] as const

/**
 * Kills before the first, second, third ... of the calls by which files are changed, from the opening of the store to its
 * closing, on one store throughout, until `most` or until a round ends by itself, having reached no such call.
 */
export async function pointLoop(path: string, most: number, progress?: (call: string, when: number) => void): Promise<{ kills: number; acknowledged: number; damage: string[] }> {
  const ledger = new Ledger()
  let kills = 0
  let round = 0
  for (const call of writingCalls) {
    for (let when = 1; when <= most; when++) {
      const { signal } = await runWriter(path, ++round, ledger, { limit: 400, inject: [`${call}:signal=KILL:when=${when}`] })
      const found = await damage(path, ledger)
      if (found.length > 0) return { kills, acknowledged: ledger.acknowledged, damage: [`killed before ${call} ${when}:`, ...found] }
      if (signal !== 'SIGKILL') break
      kills++
      progress?.(call, when)
    }
  }
  return { kills, acknowledged: ledger.acknowledged, damage: [] }
}
