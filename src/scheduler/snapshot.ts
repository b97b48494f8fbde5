/** What the scheduler knows of pods and nodes, computed once per object and kept up to date (upstream: framework/types.go). */
import type { Node, Pod, PodAffinityTerm, Volume } from '../api/generated/types/core-v1.ts'
import { jsonEqual } from '../api/meta/json-equal.ts'
import { type LabelSelectorObject, selectorFromObject } from '../api/meta/selectors.ts'
import { type ResourceVector, addTo, resourcesOf, vectorOf } from './resources.ts'

export interface AffinityTerm {
  readonly topologyKey: string
  readonly namespaces: ReadonlySet<string>
  /** Namespaces by their labels; undefined: only `namespaces` count. */
  readonly namespaceMatches: ((labels: Readonly<Record<string, string>>) => boolean) | undefined
  /** Equal for terms that mean the same pods. */
  readonly selection: string
  /** Equal for terms that mean the same pods and topology. */
  readonly signature: string
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
  /** Has volumes that a driver may have to attach to the node. */
  readonly mayAttach: boolean
  /** Being deleted. */
  readonly terminating: boolean
  /** Carries any affinity or anti-affinity to pods. */
  readonly hasAffinity: boolean
  readonly requiredAffinity: readonly AffinityTerm[]
  readonly requiredAntiAffinity: readonly AffinityTerm[]
  readonly preferredAffinity: readonly WeightedAffinityTerm[]
  readonly preferredAntiAffinity: readonly WeightedAffinityTerm[]
  /** Equal for pods to which plugins that look at one node at a time say the same; see shapeOf. */
  shape: string | undefined
}

const noLabels: Readonly<Record<string, string>> = Object.freeze({})

const knownPods = new WeakMap<Pod, PodInfo>()

/** Pods are values: what is computed of one holds as long as it does. */
export function podInfo(pod: Pod): PodInfo {
  let info = knownPods.get(pod)
  if (info === undefined) knownPods.set(pod, (info = computePodInfo(pod)))
  return info
}

function computePodInfo(pod: Pod): PodInfo {
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
    mayAttach: pod.spec?.volumes?.some(mayAttach) ?? false,
    terminating: pod.metadata.deletionTimestamp !== undefined,
    hasAffinity: affinity?.podAffinity !== undefined || affinity?.podAntiAffinity !== undefined,
    requiredAffinity: terms(affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    requiredAntiAffinity: terms(affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    preferredAffinity: weighted(affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
    preferredAntiAffinity: weighted(affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
    shape: undefined,
  }
}

/** What the pod asks of one node, in words: requests, ports, tolerations, node affinity, images, features. */
export function shapeOf(info: PodInfo): string {
  if (info.shape !== undefined) return info.shape
  const spec = info.pod.spec!
  const containers = [...(spec.initContainers ?? []), ...spec.containers]
  return (info.shape = JSON.stringify([
    info.requests, info.nonZero, info.hostPorts, spec.nodeName, spec.tolerations, spec.nodeSelector, spec.affinity?.nodeAffinity,
    containers.map(({ image }) => image), spec.volumes?.map((volume) => volume.image?.reference), spec.hostNetwork, spec.hostUsers,
    containers.map(({ restartPolicyRules }) => restartPolicyRules),
  ]))
}

/** The info of a newer version of the pod when nothing but the object itself differs; undefined when more does. */
export function renewed(known: PodInfo, pod: Pod): PodInfo | undefined {
  const old = known.pod
  const same = (old.metadata.deletionTimestamp === undefined) === (pod.metadata.deletionTimestamp === undefined)
    && jsonEqual(old.metadata.labels, pod.metadata.labels)
    && old.status?.containerStatuses === undefined && pod.status?.containerStatuses === undefined
    && old.status?.initContainerStatuses === undefined && pod.status?.initContainerStatuses === undefined
    && old.status?.resources === undefined && pod.status?.resources === undefined
    && old.status?.conditions?.some(isResize) !== true && pod.status?.conditions?.some(isResize) !== true
    && sameSpec(old.spec!, pod.spec!)
  if (!same) return undefined
  const info = { ...known, pod }
  knownPods.set(pod, info)
  return info
}

function isResize({ type }: { readonly type: string }): boolean {
  return type === 'PodResizePending' || type === 'PodResizeInProgress'
}

/** Equal but for the node. */
function sameSpec(a: NonNullable<Pod['spec']>, b: NonNullable<Pod['spec']>): boolean {
  for (const key in a) if (key !== 'nodeName' && !jsonEqual(a[key as keyof typeof a], b[key as keyof typeof b])) return false
  for (const key in b) if (key !== 'nodeName' && !(key in a)) return false
  return true
}

function mayAttach(volume: Volume): boolean {
  return volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined || volume.awsElasticBlockStore !== undefined
    || volume.gcePersistentDisk !== undefined || volume.azureDisk !== undefined || volume.cinder !== undefined || volume.portworxVolume !== undefined
}

/** Terms by their text: pods of one workload carry the same, so it is compiled once. */
const knownTerms = new Map<string, AffinityTerm>()
const maxKnownTerms = 10_000

function affinityTerm(pod: Pod, term: PodAffinityTerm): AffinityTerm {
  // A term that names no namespaces in any way means the pod's own.
  const own = (term.namespaces?.length ?? 0) === 0 && term.namespaceSelector === undefined
  const namespaces = own ? [pod.metadata.namespace!] : (term.namespaces ?? []).toSorted()
  // matchLabelKeys and mismatchLabelKeys are part of the selector since the pod was created.
  const selector = term.labelSelector
  const selection = JSON.stringify({ namespaces, namespaceSelector: term.namespaceSelector, selector })
  const signature = `${term.topologyKey} ${selection}`
  let known = knownTerms.get(signature)
  if (known === undefined) {
    known = {
      topologyKey: term.topologyKey, namespaces: new Set(namespaces), selection, signature, matches: labelMatcher(selector),
      namespaceMatches: term.namespaceSelector === undefined ? undefined : labelMatcher(term.namespaceSelector),
    }
    if (knownTerms.size >= maxKnownTerms) knownTerms.clear()
    knownTerms.set(signature, known)
  }
  return known
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

/** Host ports of all containers that run as long as the pod does. */
export function hostPortsOf(pod: Pod): HostPort[] {
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

let versions = 0
const noAmounts: ReadonlyMap<string, number> = new Map()

/** A node with its pods and the sums over them. `node` is undefined while pods are known of a node that is not. */
export class NodeInfo {
  readonly name: string
  /** Its place in columns over all nodes. */
  readonly slot: number
  node: Node | undefined
  labels: Readonly<Record<string, string>> = noLabels
  allocatable: ResourceVector = []
  requested: ResourceVector = []
  nonZeroRequested: ResourceVector = []
  readonly pods = new Map<string, PodInfo>()
  /** Host ports in use, each as often as it is taken. */
  readonly usedPorts: HostPort[] = []
  /** How many volumes of its pods may be attached, at most. */
  attachable = 0
  /** Bytes by image name, for ImageLocality. */
  images: ReadonlyMap<string, number> = noAmounts
  /** Another one for every change of any node; 0 for copies, about which nothing is kept. */
  version = ++versions

  constructor(name: string, slot: number) {
    this.name = name
    this.slot = slot
  }

  setNode(node: Node): void {
    const before = this.node
    this.node = node
    this.labels = node.metadata.labels ?? noLabels
    if (before?.status?.allocatable === undefined || before.status.allocatable !== node.status?.allocatable) this.allocatable = vectorOf(node.status?.allocatable)
    this.version = ++versions
    const list = node.status?.images ?? []
    if (before?.status?.images !== undefined && jsonEqual(before.status.images, list)) return
    if (list.length === 0 && this.images.size === 0) return
    const images = new Map<string, number>()
    for (const image of list) for (const name of image.names ?? []) images.set(name, image.sizeBytes ?? 0)
    this.images = images
  }

  removeNode(): void {
    this.node = undefined
    this.images = noAmounts
    this.version = ++versions
  }

  addPod(info: PodInfo): void {
    if (this.version > 0) this.version = ++versions
    this.pods.set(info.uid, info)
    if (info.mayAttach) this.attachable += info.pod.spec!.volumes!.length
    for (const port of info.hostPorts) this.usedPorts.push(port)
    addTo(this.requested, info.requests, 1)
    addTo(this.nonZeroRequested, info.nonZero, 1)
  }

  removePod(uid: string): PodInfo | undefined {
    const info = this.pods.get(uid)
    if (info === undefined) return undefined
    this.pods.delete(uid)
    if (this.version > 0) this.version = ++versions
    if (info.mayAttach) this.attachable -= info.pod.spec!.volumes!.length
    for (const port of info.hostPorts) this.usedPorts.splice(this.usedPorts.indexOf(port), 1)
    addTo(this.requested, info.requests, -1)
    addTo(this.nonZeroRequested, info.nonZero, -1)
    return info
  }

  /** A copy for a dry run (preemption) that may add and remove pods. */
  clone(): NodeInfo {
    const copy = new NodeInfo(this.name, this.slot)
    copy.version = 0
    copy.node = this.node
    copy.labels = this.labels
    copy.allocatable = this.allocatable
    copy.images = this.images
    copy.attachable = this.attachable
    copy.requested = [...this.requested]
    copy.nonZeroRequested = [...this.nonZeroRequested]
    copy.usedPorts.push(...this.usedPorts)
    for (const [uid, info] of this.pods) copy.pods.set(uid, info)
    return copy
  }
}
