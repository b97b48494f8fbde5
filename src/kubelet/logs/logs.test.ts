import { describe, expect, test } from 'vitest'
import { lastText, parseLogLine } from './cri-log.ts'
import { type LogFile, type LogOptions, readLog, tailPosition } from './reader.ts'
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
