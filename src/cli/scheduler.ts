import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { encodeYaml } from '../api/codec/yaml.ts'
import { parseDuration } from '../api/meta/time.ts'
import { versionInfo } from '../api/meta/version.ts'
import type { SchedulerConfiguration } from '../scheduler/config/types.ts'
import { createScheduler } from '../scheduler/scheduler.ts'
import { type Command, type Flag, type FlagValue, FlagValues, type Invocation } from './command.ts'
import { clientFlags, leaderElectionFlags, runWithClient } from './component.ts'
import { schedulerFlags } from './flags/scheduler.ts'
import { commonFlags, servingFlags } from './flags/serving.ts'
import { readConfiguration, schedulerOptions } from './scheduler-configuration.ts'
import { explainCommand } from './scheduler-explain.ts'
import { serveComponent } from './serving.ts'

const name = 'kube-scheduler'
const lock = leaderElectionFlags(name)

export const command: Command = {
  name: 'scheduler',
  commands: [explainCommand],
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
    const options = await schedulerOptions(flags)
    const kubeconfig = file === '' ? flags.string('kubeconfig')! : ((configuration.clientConnection?.['kubeconfig'] as string | undefined) ?? '')
    return runWithClient(underConfiguration(invocation, configuration), name, (env, client) => createScheduler(env, client, {
      ...options,
      host: hostname(),
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
