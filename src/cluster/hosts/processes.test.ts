import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type ProcessDirs, listPrograms, logTail, programPid, startProgram, stopProgram } from './processes.ts'

let dirs: ProcessDirs
beforeEach(() => {
  const dir = mkdtempSync(join(tmpdir(), 'cx-proc-'))
  dirs = { runDir: join(dir, 'run'), logDir: join(dir, 'log') }
})
afterEach(async () => {
  for (const name of listPrograms(dirs)) await stopProgram(dirs, name, 2000)
  rmSync(join(dirs.runDir, '..'), { recursive: true, force: true })
})

async function until<T>(what: () => T | undefined): Promise<T> {
  for (;;) {
    const found = what()
    if (found !== undefined) return found
    await sleep(20)
  }
}

const spec = { name: 'p', command: ['/bin/sh', '-c', 'echo started as $$; exec sleep 1000'] }

it('starts once, starts again after a kill, and stops', async () => {
  expect(startProgram(dirs, spec)).toBe(true)
  const first = await until(() => programPid(dirs, 'p'))
  await until(() => startProgram(dirs, spec) ? undefined : true)
  process.kill(first, 'SIGKILL')
  const second = await until(() => { const pid = programPid(dirs, 'p'); return pid === first ? undefined : pid })
  await until(() => logTail(dirs, 'p', 5).includes(`started as ${second}`) || undefined)
  expect(logTail(dirs, 'p', 5)).toContain('ended with code 137')
  await stopProgram(dirs, 'p', 5000)
  expect(programPid(dirs, 'p')).toBeUndefined()
  expect(listPrograms(dirs)).toEqual([])
})

it('takes over a program whose supervisor was killed', async () => {
  startProgram(dirs, spec)
  const pid = await until(() => programPid(dirs, 'p'))
  const supervisor = Number(readFileSync(join(dirs.runDir, 'pids/p.pid.supervisor'), 'utf8').split(' ')[0])
  process.kill(supervisor, 'SIGKILL')
  await until(() => startProgram(dirs, spec) || undefined)
  await until(() => Number(readFileSync(join(dirs.runDir, 'pids/p.pid.supervisor'), 'utf8').split(' ')[0]) !== supervisor || undefined)
  expect(programPid(dirs, 'p')).toBe(pid)
  await stopProgram(dirs, 'p', 5000)
  expect(programPid(dirs, 'p')).toBeUndefined()
})

it('kills what does not want to end', async () => {
  startProgram(dirs, { name: 'stubborn', command: ['/bin/sh', '-c', 'trap "" TERM; while :; do sleep 1; done'] })
  await until(() => programPid(dirs, 'stubborn'))
  await stopProgram(dirs, 'stubborn', 100)
  expect(programPid(dirs, 'stubborn')).toBeUndefined()
})
