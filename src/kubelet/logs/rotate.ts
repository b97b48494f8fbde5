/** Logs of containers that grow too big are cut: renamed, compressed, and in the end removed. Upstream: pkg/kubelet/logs/container_log_manager.go. */
import { gzipSync } from 'node:zlib'
import type { Clock, Logger } from '../../base/env.ts'
import type { RuntimeService } from '../cri/contract.ts'
import type { HostFiles } from '../host/contract.ts'

export interface LogRotationEnv {
  readonly clock: Clock
  readonly log: Logger
  readonly files: HostFiles
  readonly runtime: RuntimeService
  readonly maxBytes: number
  /** With the one that is written. */
  readonly maxFiles: number
  /** ms between looks. */
  readonly intervalMs: number
}

export interface LogRotator {
  /** One look at all containers that run. */
  look(): Promise<void>
  run(signal: AbortSignal): Promise<void>
}

const temporary = '.tmp'
const compressed = '.gz'

/** "20261126-040000", as upstream names a cut log. */
export function rotationStamp(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[-:]|\..*$/g, '').replace('T', '-')
}

/** Of the cut files of a log: what is to be removed, so that with the newest one and the live one not too many are left. */
export function surplus(names: readonly string[], maxFiles: number): string[] {
  const sorted = [...names].sort()
  return sorted.slice(0, Math.max(0, sorted.length - Math.max(0, maxFiles - 2)))
}

export function createLogRotator(env: LogRotationEnv): LogRotator {
  const { files } = env

  async function cutFiles(path: string): Promise<string[]> {
    const at = path.lastIndexOf('/')
    const dir = path.slice(0, at)
    const prefix = `${path.slice(at + 1)}.`
    return (await files.list(dir)).filter((name) => name.startsWith(prefix)).map((name) => `${dir}/${name}`)
  }

  async function compress(path: string): Promise<void> {
    const content = await files.read(path)
    if (content === undefined) return
    await files.write(path + temporary, gzipSync(content), 0o640)
    await files.rename(path + temporary, path + compressed)
    await files.remove(path)
  }

  async function rotate(id: string, path: string): Promise<void> {
    const found = await cutFiles(path)
    for (const name of found) if (name.endsWith(temporary)) await files.remove(name)
    const cut = found.filter((name) => !name.endsWith(temporary))
    const gone = new Set(surplus(cut, env.maxFiles))
    for (const name of gone) await files.remove(name)
    for (const name of cut) if (!gone.has(name) && !name.endsWith(compressed)) await compress(name)
    const cutTo = `${path}.${rotationStamp(env.clock.now())}`
    await files.rename(path, cutTo)
    try {
      await env.runtime.reopenContainerLog(id)
    } catch (error) {
      // The runtime goes on writing the old file: it gets its name back.
      await files.rename(cutTo, path)
      throw error
    }
  }

  async function look(): Promise<void> {
    for (const { id } of await env.runtime.listContainers({ state: { state: 'CONTAINER_RUNNING' } })) {
      try {
        const { logPath } = await env.runtime.containerStatus(id)
        const info = logPath === '' ? undefined : await files.stat(logPath)
        if (info !== undefined && info.size > env.maxBytes) await rotate(id, logPath)
      } catch (error) {
        env.log.warn('log was not rotated', { id, error })
      }
    }
  }

  return {
    look,
    async run(signal) {
      while (!signal.aborted) {
        await env.clock.sleep(env.intervalMs, signal)
        await look().catch((error: unknown) => env.log.warn('logs were not looked at', { error }))
      }
    },
  }
}
