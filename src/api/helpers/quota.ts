/**
 * What an object counts for in a ResourceQuota (upstream: pkg/quota/v1). Admission asks before an object is stored, the
 * quota controller when it counts what is there.
 */
import type {
  Container, PersistentVolumeClaim, Pod, PodAffinityTerm, ResourceQuota, ScopedResourceSelectorRequirement, Service,
} from '../generated/types/core-v1.ts'
import type { KubeObject } from '../meta/object.ts'
import { addQuantity, compareQuantity, formatQuantity, quantityIsZero, roundUpQuantity, subQuantity, type QuantityLike } from '../meta/quantity.ts'
import { parseTime } from '../meta/time.ts'
import { podLimits, podRequests, type ReadonlyResourceList } from './pod-resources.ts'
import { podQOS } from './qos.ts'

export type Usage = Record<string, QuantityLike>

export interface QuotaEvaluator {
  /** Which of a quota's resource names this kind counts for. */
  matchingResources(names: readonly string[]): string[]
  usage(object: KubeObject, now: Date): Usage
  /** Whether the object is within a scope. */
  inScope(scope: ScopedResourceSelectorRequirement, object: KubeObject, now: Date): boolean
  /** Why a quota over `names` cannot take the object: what it must state and does not. */
  missing(names: readonly string[], object: KubeObject): string | undefined
}

const podNames = new Set([
  'count/pods', 'cpu', 'memory', 'ephemeral-storage', 'requests.cpu', 'requests.memory', 'requests.ephemeral-storage',
  'limits.cpu', 'limits.memory', 'limits.ephemeral-storage', 'pods',
])
const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/')
const isHugePages = (name: string): boolean => name.startsWith('hugepages-')

/** requests.example.com/gpu: extended resources are counted by request. */
function isExtendedRequest(name: string): boolean {
  if (!name.startsWith('requests.')) return false
  return !isNative(name) || name.startsWith('requests.deviceclass.resource.kubernetes.io/')
}

function resourceUsage(requests: ReadonlyResourceList, limits: ReadonlyResourceList): Usage {
  const usage: Usage = { pods: '1' }
  for (const name of ['cpu', 'memory', 'ephemeral-storage']) {
    const request = requests[name]
    const limit = limits[name]
    if (request !== undefined) {
      usage[name] = request
      usage[`requests.${name}`] = request
    }
    if (limit !== undefined) usage[`limits.${name}`] = limit
  }
  for (const [name, request] of Object.entries(requests)) {
    if (isHugePages(name)) usage[name] = request
    if (isHugePages(name) || name.includes('/')) usage[`requests.${name}`] = request
  }
  return usage
}

/** Pods that have ended, or should have by now, count as objects alone. */
function isCharged({ metadata, status }: Pod, now: Date): boolean {
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return false
  if (!metadata.deletionTimestamp || metadata.deletionGracePeriodSeconds === undefined) return true
  return now.getTime() <= (parseTime(metadata.deletionTimestamp) ?? 0) + metadata.deletionGracePeriodSeconds * 1000
}

export const isTerminatingPod = (pod: Pod): boolean => (pod.spec?.activeDeadlineSeconds ?? -1) >= 0

function hasCrossNamespaceAffinity({ spec }: Pod): boolean {
  const crosses = (term: PodAffinityTerm): boolean => Boolean(term.namespaces?.length) || term.namespaceSelector !== undefined
  return [spec?.affinity?.podAffinity, spec?.affinity?.podAntiAffinity].some((affinity) =>
    affinity?.requiredDuringSchedulingIgnoredDuringExecution?.some(crosses)
    || affinity?.preferredDuringSchedulingIgnoredDuringExecution?.some((t) => crosses(t.podAffinityTerm)))
}

function matchesValue({ operator, values = [] }: ScopedResourceSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In': return value !== undefined && values.includes(value)
    case 'NotIn': return value === undefined || !values.includes(value)
    case 'Exists': return value !== undefined
    case 'DoesNotExist': return value === undefined
    default: return false
  }
}

function podInScope(scope: ScopedResourceSelectorRequirement, pod: Pod): boolean {
  switch (scope.scopeName) {
    case 'Terminating': return isTerminatingPod(pod)
    case 'NotTerminating': return !isTerminatingPod(pod)
    case 'BestEffort': return podQOS(pod) === 'BestEffort'
    case 'NotBestEffort': return podQOS(pod) !== 'BestEffort'
    case 'PriorityClass': return matchesValue(scope, pod.spec?.priorityClassName || undefined)
    case 'CrossNamespacePodAffinity': return hasCrossNamespaceAffinity(pod)
    default: return false
  }
}

const mustState = new Set(['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory'])

function unstated(names: readonly string[], { spec }: Pod): string | undefined {
  if (Object.keys(spec?.resources?.requests ?? {}).length > 0 || Object.keys(spec?.resources?.limits ?? {}).length > 0) return undefined
  const required = names.filter((name) => mustState.has(name)).sort()
  const lines = required.flatMap((name) => {
    const lacks = (c: Container): boolean => resourceUsage(c.resources?.requests ?? {}, c.resources?.limits ?? {})[name] === undefined
    const containers = [...spec?.containers ?? [], ...spec?.initContainers ?? []].filter(lacks).map((c) => c.name).sort()
    return containers.length === 0 ? [] : [`${name} for: ${[...new Set(containers)].join(',')}`]
  })
  return lines.length === 0 ? undefined : `must specify ${lines.join('; ')}`
}

const pods: QuotaEvaluator = {
  matchingResources: (names) => names.filter((name) =>
    podNames.has(name) || isHugePages(name) || name.startsWith('requests.hugepages-') || isExtendedRequest(name)),
  usage(object, now) {
    const pod = object as unknown as Pod
    if (!isCharged(pod, now)) return { 'count/pods': '1' }
    const options = { useStatus: true }
    return { 'count/pods': '1', ...resourceUsage(podRequests(pod, options), podLimits(pod, options)) }
  },
  inScope: (scope, object) => podInScope(scope, object as unknown as Pod),
  missing: (names, object) => unstated(names, object as unknown as Pod),
}

const services: QuotaEvaluator = {
  matchingResources: (names) =>
    names.filter((name) => ['count/services', 'services', 'services.nodeports', 'services.loadbalancers'].includes(name)),
  usage(object) {
    const { spec } = object as unknown as Service
    const ports = spec?.ports ?? []
    const balanced = spec?.type === 'LoadBalancer'
    const nodePorts = spec?.type === 'NodePort' || (balanced && spec.allocateLoadBalancerNodePorts !== false)
      ? ports.length : balanced ? ports.filter((p) => p.nodePort).length : 0
    return { 'count/services': '1', services: '1', 'services.loadbalancers': balanced ? '1' : '0', 'services.nodeports': String(nodePorts) }
  },
  inScope: () => false,
  missing: () => undefined,
}

const classSuffix = '.storageclass.storage.k8s.io/'
const classOf = (claim: PersistentVolumeClaim): string =>
  claim.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? claim.spec?.storageClassName ?? ''

function storageOf({ spec, status }: PersistentVolumeClaim): QuantityLike | undefined {
  const request = spec?.resources?.requests?.storage
  if (request === undefined) return undefined
  const allocated = status?.allocatedResources?.storage
  return roundUpQuantity(allocated !== undefined && compareQuantity(allocated, request) > 0 ? allocated : request, 0)
}

function attributesClasses({ spec, status }: PersistentVolumeClaim): string[] {
  const names = [spec?.volumeAttributesClassName, status?.currentVolumeAttributesClassName, status?.modifyVolumeStatus?.targetVolumeAttributesClassName]
  return names.filter((name): name is string => Boolean(name))
}

const claims: QuotaEvaluator = {
  matchingResources: (names) => names.filter((name) =>
    ['count/persistentvolumeclaims', 'persistentvolumeclaims', 'requests.storage'].includes(name)
    || name.endsWith(`${classSuffix}persistentvolumeclaims`) || name.endsWith(`${classSuffix}requests.storage`)),
  usage(object) {
    const claim = object as unknown as PersistentVolumeClaim
    const usage: Usage = { persistentvolumeclaims: '1', 'count/persistentvolumeclaims': '1' }
    const name = classOf(claim)
    const storage = storageOf(claim)
    if (name !== '') usage[`${name}${classSuffix}persistentvolumeclaims`] = '1'
    if (storage !== undefined) usage['requests.storage'] = storage
    if (storage !== undefined && name !== '') usage[`${name}${classSuffix}requests.storage`] = storage
    return usage
  },
  inScope(scope, object) {
    if (scope.scopeName !== 'VolumeAttributesClass') return false
    const names = attributesClasses(object as unknown as PersistentVolumeClaim)
    return names.length === 0 ? scope.operator !== 'Exists' && matchesValue(scope, undefined) : names.some((name) => matchesValue(scope, name))
  },
  missing: () => undefined,
}

/** Names of core kinds that a quota could count before count/… came, by resource. */
const oldCounts = new Set(['configmaps', 'resourcequotas', 'replicationcontrollers', 'secrets'])

function objectCount(group: string, resource: string): QuotaEvaluator {
  const names = [`count/${resource}${group === '' ? '' : `.${group}`}`, ...group === '' && oldCounts.has(resource) ? [resource] : []]
  return {
    matchingResources: (wanted) => wanted.filter((name) => names.includes(name)),
    usage: () => Object.fromEntries(names.map((name) => [name, '1'])),
    inScope: () => false,
    missing: () => undefined,
  }
}

const special: Readonly<Record<string, QuotaEvaluator>> = { pods, services, persistentvolumeclaims: claims }

/** How a kind counts: pods, services and claims by what they take, every other kind by number. */
export function quotaEvaluator(group: string, resource: string): QuotaEvaluator {
  return (group === '' ? special[resource] : undefined) ?? objectCount(group, resource)
}

/** The scopes of a quota as requirements. */
export function quotaScopes({ spec }: ResourceQuota): ScopedResourceSelectorRequirement[] {
  return [
    ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })),
    ...spec?.scopeSelector?.matchExpressions ?? [],
  ]
}

/** Whether a quota counts an object: it names a resource that the kind counts for, and the object is in all its scopes. */
export function quotaMatches(quota: ResourceQuota, evaluator: QuotaEvaluator, object: KubeObject, now: Date): boolean {
  if (evaluator.matchingResources(Object.keys(quota.status?.hard ?? quota.spec?.hard ?? {})).length === 0) return false
  return quotaScopes(quota).every((scope) => evaluator.inScope(scope, object, now))
}

export function addUsage(a: Usage, b: Usage): Usage {
  const sum = { ...a }
  for (const [name, value] of Object.entries(b)) sum[name] = sum[name] === undefined ? value : addQuantity(sum[name], value)
  return sum
}

/** a - b, never below zero; names that b alone has are left out. */
export function subUsage(a: Usage, b: Usage): Usage {
  return Object.fromEntries(Object.entries(a).map(([name, value]) => {
    const rest = b[name] === undefined ? value : subQuantity(value, b[name])
    return [name, compareQuantity(rest, '0') < 0 ? '0' : rest]
  }))
}

export function maskUsage(usage: Usage, names: readonly string[]): Usage {
  return Object.fromEntries(Object.entries(usage).filter(([name]) => names.includes(name)))
}

export function withoutZeros(usage: Usage): Usage {
  return Object.fromEntries(Object.entries(usage).filter(([, value]) => !quantityIsZero(value)))
}

/** Usage as status.used holds it. */
export function usageText(usage: Usage): Record<string, string> {
  return Object.fromEntries(Object.entries(usage).map(([name, value]) => [name, formatQuantity(value)]))
}
