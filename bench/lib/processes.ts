/** Programs under measurement: started with their output in files, ended by the process id that was recorded. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Running {
  readonly name: string
  readonly pid: number
  readonly log: string
  /** Whether it has ended by itself. */
  readonly exited: () => boolean
  stop(): Promise<void>
}

/** A folder of its own below the system's temporary one, removed by the caller with `remove`. */
export function workFolder(name: string): { dir: string; remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), `bench-${name}-`))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

/** `env` is added to this process's. */
export function startProgram(name: string, command: string, args: readonly string[], dir: string, env: Readonly<Record<string, string>> = {}): Running {
  const log = join(dir, `${name}.log`)
  const out = openSync(log, 'a')
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', out, out], cwd: dir, env: { ...process.env, ...env } })
  let exited = false
  const ended = new Promise<void>((resolve) => child.once('exit', () => {
    exited = true
    resolve()
  }))
  return {
    name, pid: child.pid!, log, exited: () => exited,
    async stop() {
      if (exited) return
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await ended
      clearTimeout(timer)
    },
  }
}

/** A port of 127.0.0.1 that nobody listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** Milliseconds from `since` until the address answers 200; throws with the log's end when the program is gone or late. */
export async function untilReady(url: string, running: Running, since: number, limitMs = 60_000): Promise<number> {
  for (;;) {
    if ((await statusOf(url)) === 200) return performance.now() - since
    if (running.exited() || performance.now() - since > limitMs) {
      throw new Error(`${running.name} did not become ready; its log ends:\n${readFileSync(running.log, 'utf8').slice(-2000)}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const req = request(url, { rejectUnauthorized: false, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    req.once('error', () => resolve(undefined))
    req.setTimeout(2_000, () => req.destroy())
    req.end()
  })
}

/** Resident memory in MiB. */
export function residentMiB(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1] ?? 0) / 1024
}

/** Largest resident memory in MiB since the last call for this process. */
export function peakMiB(pid: number): number {
  const match = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  } catch {
    // Without the right to reset it the peak is that of the whole life.
  }
  return Number(match?.[1] ?? 0) / 1024
}

/** User and system time in seconds since the process started. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
