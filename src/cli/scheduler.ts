import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { encodeYaml, parseYaml } from '../api/codec/yaml.ts'
import { parseDuration } from '../api/meta/time.ts'
import { versionInfo } from '../apiserver/extend/version.ts'
import type { TlsMaterial } from '../client/http/connection.ts'
import { createJsonPoster } from '../client/http/post-json.ts'
import { loadSchedulerConfiguration } from '../scheduler/config/load.ts'
import { type SchedulerConfiguration, SchedulerConfigError } from '../scheduler/config/types.ts'
import type { PluginDefinition } from '../scheduler/framework.ts'
import { createScheduler } from '../scheduler/scheduler.ts'
import { type Command, type Flag, type FlagValue, FlagValues, type Invocation, UsageError } from './command.ts'
import { clientFlags, leaderElectionFlags, runWithClient } from './component.ts'
import { schedulerFlags } from './flags/scheduler.ts'
import { commonFlags, servingFlags } from './flags/serving.ts'
import { serveComponent } from './serving.ts'

const name = 'kube-scheduler'
const lock = leaderElectionFlags(name)

export const command: Command = {
  name: 'scheduler',
  summary: 'The scheduler (kube-scheduler)',
  description: [
    'Finds a node for every pod that has none, against the API server that the kubeconfig names.\n',
    'Examples:', '  coxswain scheduler --kubeconfig scheduler.conf', '  coxswain scheduler --config scheduler.yaml',
  ].join('\n'),
  flags: [...clientFlags.map((flag): Flag => (flag.name === 'kubeconfig' ? { ...flag, required: false, default: '' } : flag)), ...lock, ...servingFlags(10259), ...commonFlags, ...schedulerFlags],
  async run(invocation) {
    const { flags } = invocation
    if (flags.bool('version')) {
      invocation.stdout(`Kubernetes ${versionInfo.gitVersion}\n`)
      return 0
    }
    const file = flags.string('config') ?? ''
    const configuration = readConfiguration(file)
    const target = flags.string('write-config-to') ?? ''
    if (target !== '') {
      writeFileSync(target, encodeYaml(configuration))
      return 0
    }
    const plugins = await loadPlugins(configuration.pluginModules ?? [], file === '' ? process.cwd() : dirname(file))
    const kubeconfig = file === '' ? flags.string('kubeconfig')! : ((configuration.clientConnection?.['kubeconfig'] as string | undefined) ?? '')
    return runWithClient(underConfiguration(invocation, configuration), name, (env, client) => createScheduler(env, client, {
      configuration, plugins, post: createJsonPoster((url) => tlsOf(configuration, url)),
      features: Object.fromEntries(Object.entries(flags.map('feature-gates')).map(([name, on]) => [name.replace(/^kube:/, ''), on === 'true'])),
      podMaxInUnschedulableMs: flags.number('pod-max-in-unschedulable-pods-duration'),
    }), {
      source: { kubeconfig, server: flags.string('master') ?? '' },
      serve: (env) => serveComponent(env, flags, name, {
        checks: { ping: () => undefined, leaderElection: () => undefined, 'scheduler-informers-sync': () => undefined },
        config: () => ({ 'kubescheduler.config.k8s.io': configuration }),
      }),
    })
  },
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

/** What the configuration says of leader election, where no flag says it. */
function underConfiguration(invocation: Invocation, { leaderElection = {} }: SchedulerConfiguration): Invocation {
  const { flags } = invocation
  const names: Readonly<Record<string, string>> = {
    'leader-elect': 'leaderElect', 'leader-elect-lease-duration': 'leaseDuration', 'leader-elect-renew-deadline': 'renewDeadline',
    'leader-elect-retry-period': 'retryPeriod', 'leader-elect-resource-name': 'resourceName', 'leader-elect-resource-namespace': 'resourceNamespace', 'leader-elect-resource-lock': 'resourceLock',
  }
  const values = new Map<string, FlagValue>([['v', flags.number('v') ?? 2]])
  for (const { name, type } of lock) {
    const given = leaderElection[names[name] ?? '']
    const own = type === 'bool' ? flags.bool(name) : type === 'duration' ? flags.number(name) : flags.string(name)
    const configured = type === 'duration' && typeof given === 'string' ? parseDuration(given) : given
    const value = flags.given(name) || configured === undefined || configured === '' ? own : (configured as FlagValue)
    if (value !== undefined) values.set(name, value)
  }
  return { ...invocation, flags: new FlagValues(values, new Set()) }
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
