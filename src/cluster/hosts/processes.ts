/** Programs of a cluster that go on in the background, found again by their pid files; each under a supervise.sh. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export interface ProgramSpec {
  /** Unique in the cluster: "control-plane", "node-1", "containerd-1". */
  readonly name: string
  readonly command: readonly string[]
  /** Network namespace to start it in; absent: the machine's. */
  readonly netns?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface ProcessDirs {
  readonly runDir: string
  readonly logDir: string
}

const supervise = fileURLToPath(new URL('./supervise.sh', import.meta.url))

/** Starts it unless it runs under its supervisor already. Returns whether it was started. */
export function startProgram(dirs: ProcessDirs, spec: ProgramSpec): boolean {
  if (isAlive(`${pidFile(dirs, spec.name)}.supervisor`)) return false
  mkdirSync(join(dirs.runDir, 'pids'), { recursive: true })
  mkdirSync(dirs.logDir, { recursive: true })
  // nsenter rather than `ip netns exec`, which would mount another /sys and so hide the cgroups.
  const enter = spec.netns === undefined ? [] : ['nsenter', `--net=/run/netns/${spec.netns}`, '--']
  const child = spawn('/bin/sh', [supervise, pidFile(dirs, spec.name), logFile(dirs, spec.name), ...enter, ...spec.command], {
    detached: true, stdio: 'ignore', cwd: '/', env: { ...process.env, ...spec.env },
  })
  child.unref()
  return true
}

/** The program's process id while it runs. */
export function programPid(dirs: ProcessDirs, name: string): number | undefined {
  return isAlive(pidFile(dirs, name))
}

/** Names of all programs that were started here and not stopped. */
export function listPrograms(dirs: ProcessDirs): string[] {
  const dir = join(dirs.runDir, 'pids')
  if (!existsSync(dir)) return []
  return [...new Set(readdirSync(dir).filter((file) => /\.pid(\.supervisor)?$/.test(file)).map((file) => file.replace(/\.pid.*$/, '')))].sort()
}

/** Asks the program to end, kills it after `graceMs`, and resolves when it and its supervisor are gone. */
export async function stopProgram(dirs: ProcessDirs, name: string, graceMs: number): Promise<void> {
  const file = pidFile(dirs, name)
  const supervisor = isAlive(`${file}.supervisor`)
  if (supervisor !== undefined) signal(supervisor, 'SIGTERM')
  else signal(isAlive(file), 'SIGTERM')
  const gone = () => isAlive(file) === undefined && isAlive(`${file}.supervisor`) === undefined
  for (let waited = 0; !gone() && waited < graceMs; waited += 50) await sleep(50)
  if (!gone()) {
    signal(isAlive(`${file}.supervisor`), 'SIGKILL')
    signal(isAlive(file), 'SIGKILL')
    while (!gone()) await sleep(20)
  }
  rmSync(file, { force: true })
  rmSync(`${file}.supervisor`, { force: true })
}

/** The end of what the program wrote, to show when it does not start. */
export function logTail(dirs: ProcessDirs, name: string, lines: number): string {
  const file = logFile(dirs, name)
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n') : ''
}

export function logFile(dirs: ProcessDirs, name: string): string {
  return join(dirs.logDir, `${name}.log`)
}

function pidFile(dirs: ProcessDirs, name: string): string {
  return join(dirs.runDir, 'pids', `${name}.pid`)
}

/** The pid in the file when that very process lives: numbers are used again, start times are not. */
function isAlive(file: string): number | undefined {
  if (!existsSync(file)) return undefined
  const [pid, time] = readFileSync(file, 'utf8').trim().split(' ')
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[19] === time && fields[0] !== 'Z' ? Number(pid) : undefined
  } catch {
    return undefined
  }
}

function signal(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
