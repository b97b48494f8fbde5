/** What the server makes of a pod that is created or changed (upstream: pkg/registry/core/pod/strategy.go). */
import type {
  Container, Pod, PodAffinityTerm, PodCondition, PodSpec,
} from '../../../api/generated/types/core-v1.ts'
import type { LabelSelector } from '../../../api/generated/types/meta-v1.ts'
import { computeQOS } from '../../../api/helpers/qos.ts'

type Labels = Readonly<Record<string, string>>

/** Adds "key in (the pod's own value)" for each key that the pod has. */
function requireOwnValues(selector: LabelSelector, keys: readonly string[] | undefined, operator: string, labels: Labels): void {
  for (const key of keys ?? []) {
    const value = labels[key]
    if (value !== undefined) (selector.matchExpressions ??= []).push({ key, operator, values: [value] })
  }
}

function resolveLabelKeys(term: PodAffinityTerm, labels: Labels): void {
  if (!term.labelSelector) return
  requireOwnValues(term.labelSelector, term.matchLabelKeys, 'In', labels)
  requireOwnValues(term.labelSelector, term.mismatchLabelKeys, 'NotIn', labels)
}

function resolveSelectors(spec: PodSpec, labels: Labels): void {
  for (const affinity of [spec.affinity?.podAffinity, spec.affinity?.podAntiAffinity]) {
    for (const { podAffinityTerm } of affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
      resolveLabelKeys(podAffinityTerm, labels)
    }
    for (const term of affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) resolveLabelKeys(term, labels)
  }
  for (const constraint of spec.topologySpreadConstraints ?? []) {
    if (constraint.labelSelector) requireOwnValues(constraint.labelSelector, constraint.matchLabelKeys, 'In', labels)
  }
}

const gatedCondition = (): PodCondition => ({
  type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', lastProbeTime: null as unknown as string,
  message: 'Scheduling is blocked due to non-empty scheduling gates',
})

/** A new pod starts as Pending, with its QoS class, and with its label keys resolved to values. */
export function preparePod(pod: Pod, now: string): void {
  const spec = pod.spec!
  pod.status = { phase: 'Pending', qosClass: computeQOS(pod) }
  if (spec.schedulingGates?.length) pod.status.conditions = [{ ...gatedCondition(), lastTransitionTime: now }]
  resolveSelectors(spec, pod.metadata.labels ?? {})
}

function keepObservedGenerations(pod: Pod, old: Pod): void {
  const status = pod.status!
  if (!status.observedGeneration && old.status?.observedGeneration) status.observedGeneration = old.status.observedGeneration
  const generations = new Map<string, (number | undefined)[]>()
  for (const { type, observedGeneration } of old.status?.conditions ?? []) {
    generations.set(type, [...generations.get(type) ?? [], observedGeneration])
  }
  for (const condition of status.conditions ?? []) {
    const known = generations.get(condition.type)?.shift()
    if (!condition.observedGeneration && known) condition.observedGeneration = known
  }
}

/** A write to /status changes neither spec nor owners, and cannot lose the QoS class. */
export function preparePodStatus(pod: Pod, old: Pod): void {
  const status = (pod.status ??= {})
  if (!status.qosClass && old.status?.qosClass) status.qosClass = old.status.qosClass
  if (old.metadata.ownerReferences === undefined) delete pod.metadata.ownerReferences
  else pod.metadata.ownerReferences = old.metadata.ownerReferences
  keepObservedGenerations(pod, old)
}

/** A write to /ephemeralcontainers changes these alone. */
export function prepareEphemeralContainers(pod: Pod, old: Pod): void {
  const ephemeralContainers = pod.spec?.ephemeralContainers
  pod.spec = { ...old.spec!, ...(ephemeralContainers === undefined ? {} : { ephemeralContainers }) }
  if (ephemeralContainers === undefined) delete pod.spec.ephemeralContainers
}

function onlyResources(containers: Container[] | undefined, old: Container[] | undefined): Container[] | undefined {
  if (containers === undefined || containers.length === 0) return containers
  if (containers.some((c, i) => c.name !== old?.[i]?.name)) return containers
  return containers.map((container, i) => {
    const { resources, resizePolicy, ...rest } = { ...old![i]!, resources: container.resources, resizePolicy: container.resizePolicy }
    return { ...rest, ...(resources === undefined ? {} : { resources }), ...(resizePolicy === undefined ? {} : { resizePolicy }) }
  })
}

/** A write to /resize changes resources and resize policies alone. */
export function prepareResize(pod: Pod, old: Pod): void {
  const { initContainers, resources } = pod.spec!
  const containers = pod.spec!.containers || []
  const oldSpec = old.spec!
  if (containers.length !== oldSpec.containers.length || (initContainers?.length ?? 0) !== (oldSpec.initContainers?.length ?? 0)) return
  const initial = onlyResources(initContainers, oldSpec.initContainers)
  pod.spec = {
    ...oldSpec, containers: onlyResources(containers, oldSpec.containers) ?? [],
    ...(initial === undefined ? {} : { initContainers: initial }), ...(resources === undefined ? {} : { resources }),
  }
}

/** Seconds that a deletion waits: none for pods that no node runs or that have ended. */
export function podDeletionGrace(pod: Pod, requested: number | undefined): number {
  const ended = pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded'
  if (!pod.spec?.nodeName || ended) return 0
  const period = requested ?? pod.spec.terminationGracePeriodSeconds ?? 0
  return period < 0 ? 1 : period
}
