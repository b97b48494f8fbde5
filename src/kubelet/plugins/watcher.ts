/**
 * Follows the folder of registration sockets: who comes is asked who it is and registered, who goes is let go, a socket
 * that was made anew counts as another. Upstream: pkg/kubelet/pluginmanager.
 */
import type { Clock, Logger } from '../../base/env.ts'
import type { HostFiles } from '../host/contract.ts'
import type { ConnectRegistration, PluginHandler, RegistrationSocket } from './contract.ts'

export interface PluginWatcherEnv {
  readonly clock: Clock
  readonly log: Logger
  readonly files: HostFiles
  readonly connect: ConnectRegistration
  /** By type of plugin. */
  readonly handlers: Readonly<Record<string, PluginHandler>>
  /** "/var/lib/kubelet/plugins_registry". */
  readonly dir: string
}

interface Found {
  /** Changes when the socket is made again. */
  readonly stamp: string
  plugin: { handler: PluginHandler; name: string; endpoint: string } | undefined
  failures: number
  retryAt: number
}

const lookMs = 500
const firstRetryMs = 500
const lastRetryMs = 122_000
/** Sockets lie at most one folder below. */
const depth = 2

export interface PluginWatcher {
  run(signal: AbortSignal): Promise<void>
  /** One look. */
  look(): Promise<void>
}

export function createPluginWatcher(env: PluginWatcherEnv): PluginWatcher {
  const known = new Map<string, Found>()

  async function sockets(dir: string, left: number): Promise<Map<string, string>> {
    const found = new Map<string, string>()
    for (const name of await env.files.list(dir)) {
      if (name.startsWith('.')) continue
      const path = `${dir}/${name}`
      const info = await env.files.stat(path)
      if (info?.type === 'socket') found.set(path, String(info.mtimeMs))
      else if (info?.type === 'dir' && left > 1) for (const [inner, stamp] of await sockets(path, left - 1)) found.set(inner, stamp)
    }
    return found
  }

  async function forget(path: string, { plugin }: Found): Promise<void> {
    known.delete(path)
    await plugin?.handler.deregister(plugin.name, plugin.endpoint)
  }

  async function register(path: string, found: Found): Promise<void> {
    const socket = env.connect(path)
    try {
      await introduce(socket, path, found)
    } finally {
      socket.close()
    }
  }

  async function introduce(socket: RegistrationSocket, path: string, found: Found): Promise<void> {
    const info = await socket.info()
    const refuse = async (why: string): Promise<never> => {
      await socket.notify(false, why)
      throw new Error(why)
    }
    const handler = env.handlers[info.type]
    if (handler === undefined) return refuse(`RegisterPlugin error -- no handler registered for plugin type: ${info.type} at socket ${path}`)
    const endpoint = info.endpoint === '' ? path : info.endpoint
    try {
      handler.validate(info.name, endpoint, info.supportedVersions)
    } catch (error) {
      return refuse(`RegisterPlugin error -- plugin validation failed with err: ${(error as Error).message}`)
    }
    try {
      await handler.register(info.name, endpoint, info.supportedVersions)
    } catch (error) {
      return refuse(`RegisterPlugin error -- plugin registration failed with err: ${(error as Error).message}`)
    }
    found.plugin = { handler, name: info.name, endpoint }
    try {
      await socket.notify(true, '')
    } catch (error) {
      found.plugin = undefined
      await handler.deregister(info.name, endpoint)
      throw error
    }
    env.log.info('plugin registered', { type: info.type, name: info.name, endpoint })
  }

  async function look(): Promise<void> {
    const now = await sockets(env.dir, depth)
    for (const [path, found] of known) if (now.get(path) !== found.stamp) await forget(path, found)
    for (const [path, stamp] of now) {
      const found = known.get(path) ?? { stamp, plugin: undefined, failures: 0, retryAt: 0 }
      known.set(path, found)
      if (found.plugin !== undefined || env.clock.monotonic() < found.retryAt) continue
      try {
        await register(path, found)
      } catch (error) {
        found.retryAt = env.clock.monotonic() + Math.min(firstRetryMs * 2 ** found.failures++, lastRetryMs)
        env.log.warn('plugin was not registered', { path, error })
      }
    }
  }

  return {
    look,
    async run(signal) {
      await env.files.makeDir(env.dir, 0o750)
      while (!signal.aborted) {
        await look().catch((error: unknown) => env.log.warn('plugins were not looked for', { error }))
        await env.clock.sleep(lookMs, signal)
      }
    },
  }
}
