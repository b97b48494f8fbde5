import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { createManualEnv } from '../../client/testing/manual-env.ts'
import type { Container, ContainerStatus } from '../cri/contract.ts'
import { createFakeCri } from '../cri/fake.ts'
import { systemFiles } from '../host/files.ts'
import { lastText, parseLogLine } from './cri-log.ts'
import { type LogFile, type LogOptions, readLog, tailPosition } from './reader.ts'
import { createLogRotator, rotationStamp, surplus } from './rotate.ts'
import { containerForLogs } from './status.ts'

const t = (s: number) => `2026-01-01T00:00:0${s}.000000001Z`
const content = `${t(1)} stdout F one\n${t(2)} stderr F two\n${t(3)} stdout P thr\n${t(4)} stdout F ee\n`

/** A file whose content can grow. */
function memoryFile(initial: string): LogFile & { append(text: string): void; next?: LogFile } {
  let bytes = Buffer.from(initial)
  let wake: (() => void) | undefined
  const file: LogFile & { append(text: string): void; next?: LogFile } = {
    append(text) {
      bytes = Buffer.concat([bytes, Buffer.from(text)])
      wake?.()
    },
    read: async (position, length) => bytes.subarray(position, position + length), size: async () => bytes.length,
    successor: async () => file.next, changed: () => new Promise((resolve) => (wake = resolve)), close: async () => undefined,
  }
  return file
}

const all: LogOptions = { follow: false, previous: false, timestamps: false, tailLines: undefined, limitBytes: undefined, since: undefined, stream: 'All' }
const signal = new AbortController().signal

async function text(options: Partial<LogOptions>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of readLog(memoryFile(content), { ...all, ...options }, async () => true, signal)) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

describe('reading a log', () => {
  test('whole, with timestamps, from one stream', async () => {
    expect(await text({})).toBe('one\ntwo\nthree\n')
    expect(await text({ timestamps: true })).toBe(`${t(1)} one\n${t(2)} two\n${t(3)} three\n`)
    expect(await text({ stream: 'Stderr' })).toBe('two\n')
  })
  test('the end, a part, since', async () => {
    expect(await text({ tailLines: 0 })).toBe('')
    expect(await text({ tailLines: 3 })).toBe('two\nthree\n')
    expect(await text({ tailLines: 99 })).toBe('one\ntwo\nthree\n')
    expect(await text({ limitBytes: 5 })).toBe('one\nt')
    expect(await text({ since: Date.parse('2026-01-01T00:00:02Z') })).toBe('two\nthree\n')
  })
  test('follows until the container has ended, over a rotation', async () => {
    const file = memoryFile(`${t(1)} stdout F one\n`)
    let running = true
    const seen: string[] = []
    const done = (async () => {
      for await (const chunk of readLog(file, { ...all, follow: true }, async () => running, signal)) {
        seen.push(chunk.toString())
        if (seen.length === 1) setImmediate(() => file.append(`${t(2)} stdout F two\n`))
        if (seen.length === 2) setImmediate(() => {
          running = false
          file.next = memoryFile(`${t(3)} stdout F three\n`)
          file.append('')
        })
      }
    })()
    await done
    expect(seen.join('')).toBe('one\ntwo\nthree\n')
  })
  test('tail positions in files larger than a block', async () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `line ${i} ${'x'.repeat(50)}\n`)
    const file = memoryFile(lines.join(''))
    const at = await tailPosition(file, 2000)
    expect((await file.read(at, 10)).toString()).toBe('line 3000 ')
  })
  test('lines of another shape are left out', () => {
    expect(parseLogLine(Buffer.from('garbage'))).toBeUndefined()
    expect(parseLogLine(Buffer.from(`${t(1)} stdout F\n`))?.text.toString()).toBe('\n')
    expect(lastText(Buffer.from(content), 2, 100)).toBe('three\n')
  })
})

test('which container a log is of', () => {
  const status = (state: object, lastState: object = {}) => ({ containerStatuses: [{ name: 'c', image: '', imageID: '', ready: false, restartCount: 0, containerID: 'containerd://now', state, lastState }] })
  const ended = { terminated: { exitCode: 1, containerID: 'containerd://old' } }
  expect(containerForLogs('p', status({ running: {} }, ended), 'c', false)).toBe('now')
  expect(containerForLogs('p', status({ running: {} }, ended), 'c', true)).toBe('old')
  expect(containerForLogs('p', status({ waiting: { reason: 'CrashLoopBackOff' } }, ended), 'c', false)).toBe('old')
  expect(() => containerForLogs('p', status({ running: {} }), 'c', true)).toThrow('previous terminated container "c" in pod "p" not found')
  expect(() => containerForLogs('p', status({ waiting: { reason: 'ImagePullBackOff' } }), 'c', false)).toThrow('container "c" in pod "p" is waiting to start: trying and failing to pull image')
  expect(() => containerForLogs('p', {}, 'c', false)).toThrow('container "c" in pod "p" is not available')
})

describe('cutting a log', () => {
  test('names and what is too much', () => {
    expect(rotationStamp(Date.parse('2026-11-26T04:00:01.5Z'))).toBe('20261126-040001')
    expect(surplus(['l.3', 'l.1', 'l.2', 'l.4'], 3)).toEqual(['l.1', 'l.2', 'l.3'])
    expect(surplus(['l.1'], 3)).toEqual([])
  })
  test('one that grew too big is renamed, older ones are compressed, the runtime opens it again', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'rotate-'))
    try {
      const env = createManualEnv()
      const path = `${dir}/0.log`
      const reopened: string[] = []
      const runtime = {
        ...createFakeCri(env.clock).runtime, listContainers: async () => [{ id: 'c' } as Container], containerStatus: async () => ({ logPath: path }) as ContainerStatus,
        async reopenContainerLog(id: string) {
          reopened.push(id)
          if (reopened.length === 3) throw new Error('away')
          writeFileSync(path, '')
        },
      }
      const rotator = createLogRotator({ ...env, files: systemFiles, runtime, maxBytes: 4, maxFiles: 3, intervalMs: 10_000 })
      for (const text of ['first', 'second', 'third']) {
        writeFileSync(path, text)
        await rotator.look()
        await env.clock.advance(1000)
      }
      expect(readFileSync(path, 'utf8')).toBe('third')
      const cut = readdirSync(dir).sort()
      expect(cut).toEqual(['0.log', '0.log.20260101-000001.gz'])
      expect(gunzipSync(readFileSync(`${dir}/${cut[1]}`)).toString()).toBe('second')
      writeFileSync(path, 'ok')
      await rotator.look()
      expect(reopened).toHaveLength(3)
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})
