/** What a configuration may say. Pure. Upstream: pkg/kubelet/apis/config/validation/validation.go. */
import { isLabelValue, isQualifiedName } from '../../api/meta/names.ts'
import { parseDuration } from '../../api/meta/time.ts'
import { quantitySign } from '../../api/meta/quantity.ts'
import { parseCpuSet } from '../topology/cpu-set.ts'
import { type Document, at } from './document.ts'
import { type Field, configurationFields } from './fields.ts'

const typeNames = { text: 'string', flag: 'bool', number: 'number', duration: 'string', texts: '[]string', map: 'map', flags: 'map', object: 'object', list: 'array' } as const

function isOfType({ type }: Field, value: unknown): boolean {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value)
  switch (type) {
    case 'text': return typeof value === 'string'
    case 'flag': return typeof value === 'boolean'
    case 'number': return typeof value === 'number'
    case 'duration': return typeof value === 'string' && parseDuration(value) !== undefined
    case 'texts': return Array.isArray(value) && value.every((item) => typeof item === 'string')
    case 'list': return Array.isArray(value)
    case 'map': return isMap && Object.values(value).every((item) => typeof item === 'string')
    case 'flags': return isMap && Object.values(value).every((item) => typeof item === 'boolean')
    case 'object': return isMap
  }
}

/** Texts of what is wrong with types, and with values that this kubelet cannot work with. */
export function checkFields(document: Document): string[] {
  return configurationFields.flatMap((field) => {
    const value = at(document, field.path)
    if (value === undefined) return []
    if (!isOfType(field, value)) {
      return [field.type === 'duration' && typeof value === 'string' ? `${field.path}: time: invalid duration ${JSON.stringify(value)}` : `${field.path}: expected ${typeNames[field.type]}`]
    }
    if (field.supported === undefined || field.supported.includes(value)) return []
    return [`${field.path}: ${JSON.stringify(value)} is not supported: ${field.why}; supported: ${field.supported.map((one) => JSON.stringify(one)).join(', ')}`]
  })
}

/** Numbers with bounds: path, flag, what is said. */
const notNegative: readonly (readonly [string, string])[] = [
  ['eventBurst', '--event-burst'], ['eventRecordQPS', '--event-qps'], ['kubeAPIBurst', '--kube-api-burst'], ['kubeAPIQPS', '--kube-api-qps'], ['maxOpenFiles', '--max-open-files'],
  ['maxPods', '--max-pods'], ['podsPerCore', '--pods-per-core'], ['registryBurst', '--registry-burst'], ['registryPullQPS', '--registry-qps'],
]
const within: readonly (readonly [path: string, flag: string, low: number, high: number])[] = [
  ['imageGCHighThresholdPercent', '--image-gc-high-threshold', 0, 100], ['imageGCLowThresholdPercent', '--image-gc-low-threshold', 0, 100],
  ['iptablesDropBit', '--iptables-drop-bit', 0, 31], ['iptablesMasqueradeBit', '--iptables-masquerade-bit', 0, 31], ['oomScoreAdj', '--oom-score-adj', -1000, 1000],
  ['port', '--port', 1, 65535],
]
const enforcements = ['pods', 'system-reserved', 'system-reserved-compressible', 'kube-reserved', 'kube-reserved-compressible', 'none']
const quoted = (...list: string[]): string => list.map((item) => JSON.stringify(item)).join(', ')

/** Texts of what is wrong with the values of a document with defaults, in upstream's words and order. */
export function checkValues(document: Document): string[] {
  const errors: string[] = []
  const fail = (text: string) => void errors.push(`invalid configuration: ${text}`)
  const number = (path: string) => Number(at(document, path) ?? 0)
  const text = (path: string) => (at(document, path) ?? '') as string
  const ms = (path: string) => parseDuration(text(path)) ?? 0
  if (number('nodeLeaseDurationSeconds') <= 0) fail('nodeLeaseDurationSeconds must be greater than 0')
  if (text('systemCgroups') !== '' && text('cgroupRoot') === '') fail('systemCgroups (--system-cgroups) was specified and cgroupRoot (--cgroup-root) was not specified')
  for (const [path, flag] of notNegative) if (number(path) < 0) fail(`${path} (${flag}) ${number(path)} must not be a negative number`)
  for (const [path, flag, low, high] of within) {
    if (number(path) < low || number(path) > high) fail(`${path} (${flag}) ${number(path)} must be between ${low} and ${high}, inclusive`)
  }
  if (number('healthzPort') < 0 || number('healthzPort') > 65535) fail(`healthzPort (--healthz-port) ${number('healthzPort')} must be between 1 and 65535, inclusive`)
  if (number('readOnlyPort') < 0 || number('readOnlyPort') > 65535) fail(`readOnlyPort (--read-only-port) ${number('readOnlyPort')} must be between 0 and 65535, inclusive`)
  if (number('imageGCLowThresholdPercent') >= number('imageGCHighThresholdPercent')) {
    fail(`imageGCLowThresholdPercent (--image-gc-low-threshold) ${number('imageGCLowThresholdPercent')} must be less than imageGCHighThresholdPercent (--image-gc-high-threshold) ${number('imageGCHighThresholdPercent')}`)
  }
  for (const path of ['imageMinimumGCAge', 'imageMaximumGCAge']) if (ms(path) < 0) fail(`${path} ${text(path)} must not be negative`)
  if (ms('imageMaximumGCAge') > 0 && ms('imageMaximumGCAge') <= ms('imageMinimumGCAge')) {
    fail(`imageMaximumGCAge ${text('imageMaximumGCAge')} must be greater than imageMinimumGCAge ${text('imageMinimumGCAge')}`)
  }
  if (number('nodeStatusMaxImages') < -1) fail(`nodeStatusMaxImages (--node-status-max-images) ${number('nodeStatusMaxImages')} must be -1 or greater`)
  const parallel = at(document, 'maxParallelImagePulls')
  if (parallel !== undefined && Number(parallel) < 1) fail(`maxParallelImagePulls ${Number(parallel)} must be a positive number`)
  if (at(document, 'serializeImagePulls') === true && Number(parallel ?? 0) > 1) {
    fail('maxParallelImagePulls cannot be larger than 1 unless SerializeImagePulls (--serialize-image-pulls) is set to false')
  }
  const ids = number('userNamespaces.idsPerPod')
  if (ids < 65_536) fail('userNamespaces.idsPerPod must not be less than 65536')
  else if (ids % 65_536 !== 0) fail('userNamespaces.idsPerPod must be a multiple of 65536')
  else if (ids > 4_294_967_295) fail('userNamespaces.idsPerPod must not be more than 4294967295')
  const period = ms('cpuCFSQuotaPeriod')
  if (period < 1 || period > 1000) fail(`cpuCFSQuotaPeriod (--cpu-cfs-quota-period) {${text('cpuCFSQuotaPeriod')}} must be between 1ms and 1sec, inclusive`)
  checkChoices(document, text, fail)
  errors.push(...checkTaints(document))
  checkShutdown(document, ms, text, fail)
  checkTopology(document, text, fail)
  const restart = ms('crashLoopBackOff.maxContainerRestartPeriod')
  if (restart < 1000 || restart > 300_000) fail(`CrashLoopBackOff.MaxContainerRestartPeriod (got: ${restart / 1000} seconds) must be set between 1s and 300s`)
  checkEnforcement(document, text, fail)
  if (number('containerLogMaxWorkers') < 1) fail('containerLogMaxWorkers must be greater than or equal to 1')
  if (ms('containerLogMonitorInterval') < 3000) fail('containerLogMonitorInterval must be a positive time duration greater than or equal to 3s')
  if (number('containerLogMaxFiles') <= 1) fail('containerLogMaxFiles must be greater than 1')
  const logs = text('podLogsDir')
  if (!logs.startsWith('/')) fail(`pod logs path ${JSON.stringify(logs)} must be absolute path`)
  // oxlint-disable-next-line no-control-regex
  if (/[^\u0000-\u007f]/.test(logs)) fail(`pod logs path ${JSON.stringify(logs)} mut contains ASCII characters only`)
  if (logs !== '/' && (/\/$|\/\/|\/\.{1,2}(\/|$)/.test(logs))) fail(`pod logs path ${JSON.stringify(logs)} must be normalized`)
  return errors
}

const pullPolicies = ['NeverVerify', 'NeverVerifyPreloadedImages', 'NeverVerifyAllowlistedImages', 'AlwaysVerify']
const hairpinModes = ['none', 'hairpin-veth', 'promiscuous-bridge']
const reservationPolicies = ['None', 'TieredReservation']

/** `"a", "b" or "c"`. */
const either = (list: readonly string[]): string => `${quoted(...list.slice(0, -1))} or ${JSON.stringify(list.at(-1))}`

function checkChoices(document: Document, text: (path: string) => string, fail: (text: string) => void): void {
  const gate = (name: string) => at(document, `featureGates.${name}`)
  const oneOf = (path: string, list: readonly string[], flag = '') => {
    if (!list.includes(text(path))) fail(`option ${JSON.stringify(text(path))} specified for ${path}${flag}. Valid options are ${either(list)}`)
  }
  oneOf('hairpinMode', hairpinModes, ' (--hairpin-mode)')
  const allowed = (at(document, 'preloadedImagesVerificationAllowlist') ?? []) as string[]
  oneOf('imagePullCredentialsVerificationPolicy', pullPolicies)
  if (allowed.length > 0 && text('imagePullCredentialsVerificationPolicy') !== 'NeverVerifyAllowlistedImages') {
    fail('can\'t set `preloadedImagesVerificationAllowlist` if `imagePullCredentialsVertificationPolicy` is not "NeverVerifyAllowlistedImages"')
  }
  const factor = Number(at(document, 'memoryThrottlingFactor'))
  if (factor <= 0 || factor > 1) fail(`memoryThrottlingFactor ${factor} must be greater than 0 and less than or equal to 1.0`)
  if (text('memoryReservationPolicy') === 'TieredReservation' && gate('MemoryQoS') !== true && gate('AllAlpha') !== true) fail('memoryReservationPolicy "TieredReservation" requires MemoryQoS feature gate to be enabled')
  oneOf('memoryReservationPolicy', reservationPolicies)
  if (at(document, 'enableSystemLogQuery') === true && at(document, 'enableSystemLogHandler') === false) fail('enableSystemLogHandler is required for enableSystemLogQuery')
}

const taintEffects = ['', 'NoSchedule', 'PreferNoSchedule', 'NoExecute']

function checkTaints(document: Document): string[] {
  const taints = (at(document, 'registerWithTaints') ?? []) as { key?: string; value?: string; effect?: string; timeAdded?: string }[]
  return taints.flatMap(({ key = '', value = '', effect = '', timeAdded }) => [
    ...(isQualifiedName(key).length > 0 || (value !== '' && isLabelValue(value).length > 0) || !taintEffects.includes(effect) ? [`invalid taint: {${[key, value, effect, timeAdded ?? '<nil>'].join(' ')}}`] : []),
    ...(timeAdded === undefined ? [] : ['invalid configuration: taint.TimeAdded is not nil']),
  ])
}

const topologyPolicies = ['none', 'best-effort', 'restricted', 'single-numa-node']

function checkTopology(document: Document, text: (path: string) => string, fail: (text: string) => void): void {
  const bracketed = (list: readonly string[]) => `[${list.map((one) => JSON.stringify(one)).join(' ')}]`
  const [policy, scope, cpus] = [text('topologyManagerPolicy'), text('topologyManagerScope'), text('reservedSystemCPUs')]
  if (!topologyPolicies.includes(policy)) fail(`topologyManagerPolicy (--topology-manager-policy) ${JSON.stringify(policy)} must be one of: ${bracketed(topologyPolicies)}`)
  if (scope !== 'container' && scope !== 'pod') fail(`topologyManagerScope (--topology-manager-scope) ${JSON.stringify(scope)} must be one of: "container", or "pod"`)
  if (text('cpuManagerPolicy') !== 'none' && text('cpuManagerPolicy') !== 'static') fail(`unknown policy: ${JSON.stringify(text('cpuManagerPolicy'))}`)
  if (text('memoryManagerPolicy') !== 'None' && text('memoryManagerPolicy') !== 'Static') fail(`unknown policy: ${JSON.stringify(text('memoryManagerPolicy'))}`)
  if (cpus !== '') {
    if (text('systemReservedCgroup') !== '' || text('kubeReservedCgroup') !== '') fail("can't use reservedSystemCPUs (--reserved-cpus) with systemReservedCgroup (--system-reserved-cgroup) or kubeReservedCgroup (--kube-reserved-cgroup)")
    try {
      parseCpuSet(cpus)
    } catch (error) {
      fail(`unable to parse reservedSystemCPUs (--reserved-cpus) ${cpus}, error: ${(error as Error).message}`)
    }
  }
  const seen = new Set<string>()
  for (const { numaNode = 0, limits = {} } of (at(document, 'reservedMemory') ?? []) as { numaNode?: number; limits?: Record<string, string> }[]) {
    for (const [name, amount] of Object.entries(limits)) {
      if (name !== 'memory' && !name.startsWith('hugepages-')) fail(`the limit type ${JSON.stringify(name)} for NUMA node ${numaNode} is not supported, only [memory hugepages-<HugePageSize>] is accepted`)
      if (quantitySign(amount) === 0) fail(`reserved memory may not be zero for NUMA node ${numaNode} and resource ${JSON.stringify(name)}`)
      if (seen.has(`${numaNode} ${name}`)) fail(`the reserved memory has a duplicate value for NUMA node ${numaNode} and resource ${JSON.stringify(name)}`)
      seen.add(`${numaNode} ${name}`)
    }
  }
}

function checkShutdown(document: Document, ms: (path: string) => number, text: (path: string) => string, fail: (text: string) => void): void {
  const [all, critical] = ['shutdownGracePeriod', 'shutdownGracePeriodCriticalPods'] as const
  if (ms(critical) > ms(all)) fail(`${critical} {${text(critical)}} must be <= ${all} {${text(all)}}`)
  for (const path of [all, critical]) {
    if (ms(path) < 0 || (ms(path) > 0 && ms(path) < 1000)) fail(`${path} {${text(path)}} must be either zero or otherwise >= 1 sec`)
  }
  const byPriority = at(document, 'shutdownGracePeriodByPodPriority')
  if (Array.isArray(byPriority) && byPriority.length > 0 && (ms(all) > 0 || ms(critical) > 0)) {
    fail('Cannot specify both shutdownGracePeriodByPodPriority and shutdownGracePeriod at the same time')
  }
}

function checkEnforcement(document: Document, text: (path: string) => string, fail: (text: string) => void): void {
  const list = (at(document, 'enforceNodeAllocatable') ?? []) as string[]
  const what = 'enforceNodeAllocatable (--enforce-node-allocatable)'
  for (const kind of ['system-reserved', 'kube-reserved']) {
    const pair = [kind, `${kind}-compressible`] as const
    if (pair.every((name) => list.includes(name))) fail(`both ${JSON.stringify(pair[0])} and ${JSON.stringify(pair[1])} cannot be specified together in ${what}`)
  }
  for (const [i, name] of list.entries()) {
    if (list.indexOf(name) < i) {
      fail(`duplicated enforcements ${JSON.stringify(name)} in ${what}`)
      continue
    }
    if (!enforcements.includes(name)) {
      fail(`option ${JSON.stringify(name)} specified for ${what}. Valid options are ${quoted('pods', 'system-reserved', 'system-reserved-compressible', 'kube-reserved', 'kube-reserved-compressible')} or "none"`)
      continue
    }
    if (name === 'none') {
      if (list.length > 1) fail(`${what} may not contain additional enforcements when "none" is specified`)
      continue
    }
    for (const [kind, cgroup, flag] of [['system-reserved', 'systemReservedCgroup', '--system-reserved-cgroup'], ['kube-reserved', 'kubeReservedCgroup', '--kube-reserved-cgroup']] as const) {
      if (name.startsWith(kind) && text(cgroup) === '') {
        fail(`${cgroup} (${flag}) must be specified when ${JSON.stringify(kind)} or ${JSON.stringify(`${kind}-compressible`)} included in ${what}`)
      }
    }
    if (at(document, 'cgroupsPerQOS') === false) fail(`cgroupsPerQOS (--cgroups-per-qos) must be set to true when ${JSON.stringify(name)} contained in ${what}`)
  }
}
