/** What the scheduler's commands read from the files that its configuration names. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseYaml } from '../api/codec/yaml.ts'
import type { TlsMaterial } from '../client/http/connection.ts'
import { createJsonPoster } from '../client/http/post-json.ts'
import { loadSchedulerConfiguration } from '../scheduler/config/load.ts'
import { type SchedulerConfiguration, SchedulerConfigError } from '../scheduler/config/types.ts'
import type { PluginDefinition } from '../scheduler/framework.ts'
import type { SchedulerOptions } from '../scheduler/scheduler.ts'
import { type FlagValues, UsageError } from './command.ts'

/** A scheduler's options from --config and --feature-gates: configuration, plugins of others, the way to extenders. */
export async function schedulerOptions(flags: FlagValues): Promise<SchedulerOptions & { readonly configuration: SchedulerConfiguration }> {
  const file = flags.string('config') ?? ''
  const configuration = readConfiguration(file)
  return {
    configuration, plugins: await loadPlugins(configuration.pluginModules ?? [], file === '' ? process.cwd() : dirname(file)),
    post: createJsonPoster((url) => tlsOf(configuration, url)),
    features: Object.fromEntries(Object.entries(flags.map('feature-gates')).map(([name, on]) => [name.replace(/^kube:/, ''), on === 'true'])),
  }
}

/** The configuration of the file, or the default one, with everything filled in. */
export function readConfiguration(file: string): SchedulerConfiguration {
  try {
    const document = file === '' ? { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' } : parseYaml(readFileSync(file, 'utf8'))
    return loadSchedulerConfiguration(document)
  } catch (error) {
    if (error instanceof SchedulerConfigError || (error instanceof Error && 'code' in error)) throw new UsageError(error.message)
    throw error
  }
}

/** Plugins from npm modules or files; a module's default export is one definition or a list. */
async function loadPlugins(modules: readonly string[], folder: string): Promise<PluginDefinition[]> {
  const loaded = await Promise.all(modules.map(async (name) => {
    const target = name.startsWith('.') || name.startsWith('/') ? pathToFileURL(resolve(folder, name)).href : name
    const module = (await import(target)) as { default?: PluginDefinition | readonly PluginDefinition[] }
    if (module.default === undefined) throw new UsageError(`module ${name} has no default export: a plugin definition, or a list of them, is needed`)
    return [module.default].flat()
  }))
  return loaded.flat()
}

function tlsOf({ extenders = [] }: SchedulerConfiguration, url: string): TlsMaterial {
  const extender = extenders.find(({ urlPrefix }) => url.startsWith(urlPrefix))
  const tls = extender?.tlsConfig
  const material = (path: string | undefined, data: string | undefined) =>
    (data !== undefined ? Buffer.from(data, 'base64').toString() : path === undefined || path === '' ? undefined : readFileSync(path, 'utf8'))
  return {
    ca: material(tls?.caFile, tls?.caData), cert: material(tls?.certFile, tls?.certData), key: material(tls?.keyFile, tls?.keyData), tlsServerName: tls?.serverName,
    // HTTPS without an authority to check against is what upstream falls back to as well.
    insecureSkipTlsVerify: tls?.insecure === true || (extender?.enableHTTPS === true && tls?.caFile === undefined && tls?.caData === undefined),
  }
}
