/**
 * logind's word that the machine goes down, through the system's own tools: `busctl` listens, `systemd-inhibit` makes the
 * system wait for as long as its child lives. Upstream talks to logind over D-Bus (pkg/kubelet/nodeshutdown/systemd).
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { PowerWatch } from '../shutdown/manager.ts'

const run = promisify(execFile)
const settings = '/etc/systemd/logind.conf.d'
const login = ['org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager'] as const

/** Has logind wait as long as pods are to get. */
async function allowDelay(delayMs: number): Promise<void> {
  const { stdout } = await run('busctl', ['get-property', ...login, 'InhibitDelayMaxUSec'])
  if (Number(stdout.trim().split(' ').at(-1)) / 1000 >= delayMs) return
  await mkdir(settings, { recursive: true })
  await writeFile(`${settings}/99-kubelet.conf`, `# Kubelet logind override\n[Login]\nInhibitDelayMaxSec=${Math.ceil(delayMs / 1000)}\n`)
  await run('systemctl', ['kill', '--signal=SIGHUP', 'systemd-logind'])
}

/** What a line of `busctl monitor --json=short` says of the machine; undefined: nothing. */
export function shutdownSignal(line: string): boolean | undefined {
  try {
    const { type, member, payload } = JSON.parse(line) as { type?: string; member?: string; payload?: { data?: unknown[] } }
    const down = payload?.data?.[0]
    return type === 'signal' && member === 'PrepareForShutdown' && typeof down === 'boolean' ? down : undefined
  } catch {
    return undefined
  }
}

export function createPowerWatch(): PowerWatch {
  let lock: ChildProcess | undefined
  const inhibit = () => {
    lock?.kill()
    lock = spawn('systemd-inhibit', ['--what=shutdown', '--who=kubelet', '--why=Kubelet needs time to handle node shutdown', '--mode=delay', 'sleep', 'infinity'], { stdio: 'ignore' })
    lock.on('error', () => undefined)
  }
  return {
    async *events(delayMs, signal) {
      await allowDelay(delayMs)
      inhibit()
      const monitor = spawn('busctl', ['monitor', '--json=short', '--match', "type='signal',interface='org.freedesktop.login1.Manager',member='PrepareForShutdown'"], { stdio: ['ignore', 'pipe', 'ignore'], signal })
      monitor.on('error', () => undefined)
      try {
        for await (const line of createInterface({ input: monitor.stdout })) {
          const down = shutdownSignal(line)
          if (down === false) inhibit()
          if (down !== undefined) yield down
        }
      } finally {
        monitor.kill()
        lock?.kill()
      }
      throw new Error('the system bus ended')
    },
    release: () => void lock?.kill(),
  }
}
