/** What a program and the helpers that it starts use together: a control group of their own counts it, whoever has ended. */
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hierarchies } from '../../src/cluster/hosts/cgroups.ts'
import { type Running, startProgram } from './processes.ts'

export interface Group {
  /** Starts a program inside; helpers that it starts stay in. */
  start(name: string, command: readonly string[], dir: string, env?: Readonly<Record<string, string>>): Running
  cpuSeconds(): number
  /** Resident memory of all members now, in MiB. */
  residentMiB(): number
  /** Watches how much they hold together at most, looking 50 times a second; the function ends it and answers. */
  watchPeak(): () => number
  remove(): Promise<void>
}

export function createGroup(label: string): Group {
  const root = hierarchies().find(({ version }) => version === 2)?.dir
  if (root === undefined) throw new Error('needs a cgroup v2 hierarchy')
  const dir = join(root, `coxswain-bench-${process.pid}-${label}`)
  mkdirSync(dir)
  const timers = new Set<NodeJS.Timeout>()
  const residentMiB = (): number => {
    let kb = 0
    for (const pid of readFileSync(join(dir, 'cgroup.procs'), 'utf8').trim().split('\n')) {
      try {
        kb += Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
      } catch {
        // It has ended meanwhile.
      }
    }
    return kb / 1024
  }
  return {
    start(name, command, folder, env) {
      return startProgram(name, '/bin/sh', ['-c', 'echo $$ >"$0/cgroup.procs" && exec "$@"', dir, ...command], folder, env)
    },
    cpuSeconds: () => Number(/usage_usec (\d+)/.exec(readFileSync(join(dir, 'cpu.stat'), 'utf8'))![1]) / 1e6,
    residentMiB,
    watchPeak() {
      let most = 0
      const timer = setInterval(() => (most = Math.max(most, residentMiB())), 20)
      timers.add(timer)
      return () => {
        clearInterval(timer)
        return Math.max(most, residentMiB())
      }
    },
    async remove() {
      for (const timer of timers) clearInterval(timer)
      for (let tries = 0; ; tries++) {
        try {
          return rmdirSync(dir)
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || tries > 100) throw error
          await sleep(20)
        }
      }
    },
  }
}
