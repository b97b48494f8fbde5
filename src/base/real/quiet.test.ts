import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createQuietness } from './quiet.ts'

describe('quiet', () => {
  const quiet = { cpuMs: 10, wallMs: 5000, heapBytes: 1e7 }
  const busy = { cpuMs: 600, wallMs: 5000, heapBytes: 1e7 }

  it('comes after the start and after each burst of work, once', () => {
    const isTime = createQuietness()
    expect([busy, quiet, quiet, quiet, busy, busy, quiet, quiet].map(isTime)).toEqual([false, true, false, false, false, false, true, false])
  })

  it('comes when many small things have been done', () => {
    const isTime = createQuietness()
    isTime(quiet)
    expect(Array.from({ length: 10 }, () => isTime({ ...quiet, cpuMs: 100 })).indexOf(true)).toBe(4)
  })

  it('never comes for a heap that takes long to look through', () => {
    const isTime = createQuietness()
    expect(isTime({ ...quiet, heapBytes: 1e9 })).toBe(false)
    expect(isTime(quiet)).toBe(true)
  })
})

it('gives back the room that new objects took', () => {
  const program = `
    import { releaseWhenQuiet } from ${JSON.stringify(join(import.meta.dirname, 'quiet.ts'))}
    import { getHeapSpaceStatistics } from 'node:v8'
    const taken = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').physical_space_size
    let kept = []
    for (let i = 0; i < 2e6; i++) kept[i % 50_000] = { i, text: String(i) }
    kept = undefined
    const before = taken()
    const stop = new AbortController()
    let sleeps = 0
    const clock = { monotonic: () => sleeps * 5000, sleep: async () => { if (++sleeps > 2) { stop.abort(); throw new Error('over') } } }
    await releaseWhenQuiet(clock, stop.signal).catch(() => undefined)
    console.log(JSON.stringify({ before, after: taken(), gc: typeof gc }))
  `
  const { before, after, gc } = JSON.parse(execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program], { encoding: 'utf8' })) as { before: number; after: number; gc: string }
  expect(after).toBeLessThan(before / 2)
  expect(gc).toBe('undefined')
})
