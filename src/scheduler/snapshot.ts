/** What the scheduler knows of pods and nodes, computed once per object and kept up to date (upstream: framework/types.go). */
import type { Node, Pod, PodAffinityTerm } from '../api/generated/types/core-v1.ts'
import { type LabelSelectorObject, selectorFromObject } from '../api/meta/selectors.ts'
import { type ResourceVector, addTo, resourcesOf, vectorOf } from './resources.ts'

export interface AffinityTerm {
  readonly topologyKey: string
  readonly namespaces: ReadonlySet<string>
  /** Namespaces by their labels; undefined: only `namespaces` count. */
  readonly namespaceMatches: ((labels: Readonly<Record<string, string>>) => boolean) | undefined
  matches(labels: Readonly<Record<string, string>>): boolean
}

export interface WeightedAffinityTerm extends AffinityTerm {
  readonly weight: number
}

export interface HostPort {
  readonly ip: string
  readonly protocol: string
  readonly port: number
}

/** A pod with everything that plugins ask of it again and again. */
export interface PodInfo {
  readonly pod: Pod
  readonly uid: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly priority: number
  readonly requests: ResourceVector
  readonly nonZero: ResourceVector
  readonly hostPorts: readonly HostPort[]
  readonly requiredAffinity: readonly AffinityTerm[]
  readonly requiredAntiAffinity: readonly AffinityTerm[]
  readonly preferredAffinity: readonly WeightedAffinityTerm[]
  readonly preferredAntiAffinity: readonly WeightedAffinityTerm[]
}

const noLabels: Readonly<Record<string, string>> = Object.freeze({})

export function podInfo(pod: Pod): PodInfo {
  const affinity = pod.spec?.affinity
  const terms = (list: readonly PodAffinityTerm[] | undefined) => (list ?? []).map((term) => affinityTerm(pod, term))
  const weighted = (list: readonly { weight: number; podAffinityTerm: PodAffinityTerm }[] | undefined) =>
    (list ?? []).map(({ weight, podAffinityTerm }) => ({ ...affinityTerm(pod, podAffinityTerm), weight }))
  return {
    pod,
    uid: pod.metadata.uid!,
    namespace: pod.metadata.namespace!,
    labels: pod.metadata.labels ?? noLabels,
    priority: pod.spec?.priority ?? 0,
    ...resourcesOf(pod),
    hostPorts: hostPortsOf(pod),
    requiredAffinity: terms(affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    requiredAntiAffinity: terms(affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    preferredAffinity: weighted(affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
    preferredAntiAffinity: weighted(affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
  }
}

function affinityTerm(pod: Pod, term: PodAffinityTerm): AffinityTerm {
  // A term that names no namespaces in any way means the pod's own.
  const own = (term.namespaces?.length ?? 0) === 0 && term.namespaceSelector === undefined
  return {
    topologyKey: term.topologyKey,
    namespaces: new Set(own ? [pod.metadata.namespace!] : term.namespaces),
    namespaceMatches: term.namespaceSelector === undefined ? undefined : labelMatcher(term.namespaceSelector),
    matches: labelMatcher(withLabelKeys(term, pod)),
  }
}

/** matchLabelKeys and mismatchLabelKeys are merged into the selector by the API server; a pod made before that has them bare. */
function withLabelKeys(term: PodAffinityTerm, pod: Pod): LabelSelectorObject | undefined {
  const selector = term.labelSelector
  if (selector === undefined) return undefined
  const present = new Set((selector.matchExpressions ?? []).map((e) => e.key))
  const extra = [...(term.matchLabelKeys ?? []).map((key) => ({ key, operator: 'In' })), ...(term.mismatchLabelKeys ?? []).map((key) => ({ key, operator: 'NotIn' }))]
    .filter(({ key }) => !present.has(key) && pod.metadata.labels?.[key] !== undefined)
    .map(({ key, operator }) => ({ key, operator, values: [pod.metadata.labels![key]!] }))
  return extra.length === 0 ? selector : { ...selector, matchExpressions: [...(selector.matchExpressions ?? []), ...extra] }
}

export type LabelMatcher = (labels: Readonly<Record<string, string>>) => boolean

/** Absent selects nothing, empty everything; a selector that cannot be read, which validation refuses, nothing. */
export function labelMatcher(object: LabelSelectorObject | undefined): LabelMatcher {
  try {
    const selector = selectorFromObject(object)
    return (labels) => selector.matches(labels)
  } catch {
    return () => false
  }
}

/** Whether `other` is meant by the term: namespace by name or by labels, and the selector. */
export function termMatches(term: AffinityTerm, other: PodInfo, namespaceLabels: (namespace: string) => Readonly<Record<string, string>>): boolean {
  const inNamespace = term.namespaces.has(other.namespace) || (term.namespaceMatches?.(namespaceLabels(other.namespace)) ?? false)
  return inNamespace && term.matches(other.labels)
}

function hostPortsOf(pod: Pod): HostPort[] {
  const ports: HostPort[] = []
  const restartable = (pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always')
  for (const container of [...(pod.spec?.containers ?? []), ...restartable]) {
    for (const { hostPort, hostIP, protocol } of container.ports ?? []) {
      if (hostPort !== undefined && hostPort > 0) ports.push({ ip: hostIP === undefined || hostIP === '' ? '0.0.0.0' : hostIP, protocol: protocol ?? 'TCP', port: hostPort })
    }
  }
  return ports
}

/** Two host ports conflict when protocol and port agree and the addresses do or one is the wildcard. */
export function hostPortsConflict(a: HostPort, b: HostPort): boolean {
  return a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0')
}

/** A node with its pods and the sums over them. `node` is undefined while pods are known of a node that is not. */
export class NodeInfo {
  readonly name: string
  node: Node | undefined
  labels: Readonly<Record<string, string>> = noLabels
  allocatable: ResourceVector = []
  requested: ResourceVector = []
  nonZeroRequested: ResourceVector = []
  readonly pods = new Map<string, PodInfo>()
  readonly podsWithAffinity = new Map<string, PodInfo>()
  readonly podsWithRequiredAntiAffinity = new Map<string, PodInfo>()
  /** Bytes by image name, for ImageLocality. */
  images: ReadonlyMap<string, number> = new Map()

  constructor(name: string) {
    this.name = name
  }

  setNode(node: Node): void {
    this.node = node
    this.labels = node.metadata.labels ?? noLabels
    this.allocatable = vectorOf(node.status?.allocatable)
    const images = new Map<string, number>()
    for (const image of node.status?.images ?? []) for (const name of image.names ?? []) images.set(name, image.sizeBytes ?? 0)
    this.images = images
  }

  addPod(info: PodInfo): void {
    this.pods.set(info.uid, info)
    if (info.requiredAffinity.length + info.requiredAntiAffinity.length + info.preferredAffinity.length + info.preferredAntiAffinity.length > 0) this.podsWithAffinity.set(info.uid, info)
    if (info.requiredAntiAffinity.length > 0) this.podsWithRequiredAntiAffinity.set(info.uid, info)
    addTo(this.requested, info.requests, 1)
    addTo(this.nonZeroRequested, info.nonZero, 1)
  }

  removePod(uid: string): PodInfo | undefined {
    const info = this.pods.get(uid)
    if (info === undefined) return undefined
    this.pods.delete(uid)
    this.podsWithAffinity.delete(uid)
    this.podsWithRequiredAntiAffinity.delete(uid)
    addTo(this.requested, info.requests, -1)
    addTo(this.nonZeroRequested, info.nonZero, -1)
    return info
  }

  /** A copy for a dry run (preemption) that may add and remove pods. */
  clone(): NodeInfo {
    const copy = new NodeInfo(this.name)
    copy.node = this.node
    copy.labels = this.labels
    copy.allocatable = this.allocatable
    copy.images = this.images
    copy.requested = [...this.requested]
    copy.nonZeroRequested = [...this.nonZeroRequested]
    for (const [uid, info] of this.pods) copy.pods.set(uid, info)
    for (const [uid, info] of this.podsWithAffinity) copy.podsWithAffinity.set(uid, info)
    for (const [uid, info] of this.podsWithRequiredAntiAffinity) copy.podsWithRequiredAntiAffinity.set(uid, info)
    return copy
  }
}
