/** Reads and checks a KubeSchedulerConfiguration (upstream: apis/config/v1/defaults.go, apis/config/validation). */
import { type Fields, isFields } from '../../api/meta/json-equal.ts'
import type { FieldError } from '../../api/meta/errors.ts'
import { aggregateText, childPath, fieldDuplicate, fieldInvalid, fieldRequired, indexPath } from '../../api/meta/field-errors.ts'
import { parseDuration } from '../../api/meta/time.ts'
import { checkPluginArgs } from './plugin-args.ts'
import { type SchedulerConfiguration, SchedulerConfigError, type SchedulerProfile } from './types.ts'

const apiVersion = 'kubescheduler.config.k8s.io/v1'
const removedPlugins = ['AzureDiskLimits', 'CinderLimits', 'EBSLimits', 'GCEPDLimits']

/** The configuration with upstream's defaults filled in. Throws SchedulerConfigError with upstream's texts. */
export function loadSchedulerConfiguration(document: unknown): SchedulerConfiguration {
  if (!isFields(document)) throw new SchedulerConfigError('couldn\'t get version/kind; json parse error: no object')
  const { apiVersion: version, kind } = document
  if (version !== apiVersion || kind !== 'KubeSchedulerConfiguration') {
    throw new SchedulerConfigError(`no kind ${JSON.stringify(kind ?? '')} is registered for version ${JSON.stringify(version ?? '')} in scheme "pkg/scheduler/apis/config/scheme/scheme.go:30"`)
  }
  const unknown = Object.keys(document).filter((key) => !knownFields.has(key))
  if (unknown.length > 0) throw new SchedulerConfigError(`strict decoding error: ${unknown.map((key) => `unknown field "${key}"`).join(', ')}`)
  const configuration = withDefaults(document as SchedulerConfiguration)
  const errors = [...checkConfiguration(configuration)]
  if (errors.length > 0) throw new SchedulerConfigError(aggregateText(errors))
  return configuration
}

const knownFields: ReadonlySet<string> = new Set([
  'apiVersion', 'kind', 'parallelism', 'leaderElection', 'clientConnection', 'healthzBindAddress', 'metricsBindAddress', 'enableProfiling', 'enableContentionProfiling',
  'percentageOfNodesToScore', 'podInitialBackoffSeconds', 'podMaxBackoffSeconds', 'profiles', 'extenders', 'delayCacheUntilActive', 'pluginModules',
])

function withDefaults(given: SchedulerConfiguration): SchedulerConfiguration {
  const profiles: readonly SchedulerProfile[] = given.profiles === undefined || given.profiles.length === 0 ? [{}] : given.profiles
  return {
    ...given,
    parallelism: given.parallelism ?? 16,
    percentageOfNodesToScore: given.percentageOfNodesToScore ?? 0,
    leaderElection: {
      leaderElect: true, leaseDuration: '15s', renewDeadline: '10s', retryPeriod: '2s', resourceLock: 'leases', resourceNamespace: 'kube-system',
      resourceName: 'kube-scheduler', ...given.leaderElection,
    },
    clientConnection: { acceptContentTypes: '', burst: 100, contentType: 'application/vnd.kubernetes.protobuf', kubeconfig: '', qps: 50, ...given.clientConnection },
    podInitialBackoffSeconds: given.podInitialBackoffSeconds ?? 1,
    podMaxBackoffSeconds: given.podMaxBackoffSeconds ?? 10,
    // A name is only given to the one profile of a configuration that has no other.
    profiles: profiles.length === 1 ? [{ ...profiles[0], schedulerName: profiles[0]!.schedulerName ?? 'default-scheduler' }] : profiles,
  }
}

function* checkConfiguration(c: SchedulerConfiguration): Generator<FieldError> {
  if (c.parallelism! <= 0) yield fieldInvalid('parallelism', c.parallelism, 'should be an integer value greater than zero')
  const burst = c.clientConnection?.['burst'] as number
  if (burst < 0) yield fieldInvalid('clientConnection.burst', burst, 'must be non-negative')
  yield* checkLeaderElection(c.leaderElection ?? {})
  const names = new Map<string, number>()
  for (const [i, profile] of c.profiles!.entries()) {
    const path = indexPath('profiles', i)
    yield* checkProfile(profile, path)
    const name = profile.schedulerName ?? ''
    if (names.has(name)) yield fieldDuplicate(childPath(path, 'schedulerName'), `profiles[${names.get(name)}].schedulerName`)
    names.set(name, i)
  }
  for (const [i, profile] of c.profiles!.entries()) {
    if (i > 0 && JSON.stringify(profile.plugins?.queueSort ?? {}) !== JSON.stringify(c.profiles![0]!.plugins?.queueSort ?? {})) {
      yield fieldInvalid(`profiles[${i}].plugins.queueSort`, profile.plugins?.queueSort ?? {}, 'must be the same for all profiles')
    }
  }
  yield* checkPercentage(c.percentageOfNodesToScore, 'percentageOfNodesToScore')
  if (c.podInitialBackoffSeconds! <= 0) yield fieldInvalid('podInitialBackoffSeconds', c.podInitialBackoffSeconds, 'must be greater than 0')
  if (c.podMaxBackoffSeconds! < c.podInitialBackoffSeconds!) {
    yield fieldInvalid('podMaxBackoffSeconds', c.podMaxBackoffSeconds, 'must be greater than or equal to PodInitialBackoffSeconds')
  }
  yield* checkExtenders(c)
}

function* checkLeaderElection(election: Fields): Generator<FieldError> {
  if (election['leaderElect'] !== true) return
  const length = (name: string) => parseDuration(String(election[name])) ?? 0
  for (const name of ['leaseDuration', 'renewDeadline', 'retryPeriod']) {
    if (length(name) <= 0) yield fieldInvalid(`leaderElection.${name}`, election[name], 'must be greater than zero')
  }
  if (length('leaseDuration') <= length('renewDeadline')) yield fieldInvalid('leaderElection.leaseDuration', election['renewDeadline'], 'must be greater than `RenewDeadline`')
  for (const name of ['resourceLock', 'resourceNamespace', 'resourceName']) if (election[name] === '') yield fieldRequired(`leaderElection.${name}`, '')
}

function* checkPercentage(value: number | undefined, path: string): Generator<FieldError> {
  if (value !== undefined && (value < 0 || value > 100)) yield fieldInvalid(path, value, 'not in valid range [0-100]')
}

function* checkProfile(profile: SchedulerProfile, path: string): Generator<FieldError> {
  if ((profile.schedulerName ?? '') === '') yield fieldRequired(childPath(path, 'schedulerName'))
  yield* checkPercentage(profile.percentageOfNodesToScore, childPath(path, 'percentageOfNodesToScore'))
  const removed = (at: string, name: string) => fieldInvalid(at, name, `was invalid in version "${apiVersion}" (KubeSchedulerConfiguration is version "${apiVersion}")`)
  for (const [point, set] of Object.entries(profile.plugins ?? {})) {
    for (const [i, { name }] of (set?.enabled ?? []).entries()) {
      if (removedPlugins.includes(name)) yield removed(`${path}.plugins.${point}.enabled[${i}]`, name)
    }
  }
  const seen = new Set<string>()
  for (const [i, { name, args }] of (profile.pluginConfig ?? []).entries()) {
    const at = indexPath(childPath(path, 'pluginConfig'), i)
    if (seen.has(name)) yield fieldDuplicate(at, name)
    seen.add(name)
    if (removedPlugins.includes(name)) yield removed(at, name)
    else yield* checkPluginArgs(name, (args ?? {}) as Fields, childPath(at, 'args'))
  }
}

function* checkExtenders({ extenders = [] }: SchedulerConfiguration): Generator<FieldError> {
  const managed = new Set<string>()
  for (const [i, extender] of extenders.entries()) {
    const path = indexPath('extenders', i)
    if ((extender.prioritizeVerb ?? '') !== '' && (extender.weight ?? 0) <= 0) {
      yield fieldInvalid(childPath(path, 'weight'), extender.weight ?? 0, 'must have a positive weight applied to it')
    }
    for (const [j, { name }] of (extender.managedResources ?? []).entries()) {
      if (managed.has(name)) yield fieldInvalid(`${path}.managedResources[${j}].name`, name, 'duplicate extender managed resource name')
      managed.add(name)
    }
  }
  const binders = extenders.filter(({ bindVerb }) => (bindVerb ?? '') !== '').length
  if (binders > 1) yield fieldInvalid('extenders', `found ${binders} extenders implementing bind`, 'only one extender can implement bind')
}
