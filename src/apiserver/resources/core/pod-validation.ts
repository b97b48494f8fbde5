/** What a pod may be, and what may change of it (upstream: ValidatePodCreate, -Update, -StatusUpdate, -Resize). */
import { isIPv6 } from 'node:net'
import type { Container, ContainerStatus, NodeSelectorTerm, Pod, PodSpec, Toleration } from '../../../api/generated/types/core-v1.ts'
import { computeQOS, podQOS } from '../../../api/helpers/qos.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { inclusiveRangeError } from '../../../api/meta/names.ts'
import { AlikeSpecs } from '../validation/alike.ts'
import { dnsSubdomain, immutable, qualifiedName, semanticEqual } from '../validation/common.ts'
import { validateLegacyIP } from '../validation/ip.ts'
import { appArmorAnnotationErrors, mirrorKey, podAnnotationErrors, podAnnotationUpdateErrors, seccompAnnotationErrors } from '../validation/pod-annotations.ts'
import { imageSpaces } from '../validation/pod-containers.ts'
import { tolerationErrors } from '../validation/pod-scheduling.ts'
import { podSpecErrors, type Gated } from '../validation/pod-spec.ts'
import { unifiedDiff } from '../validation/text-diff.ts'

const maxInt32 = 2147483647

/** By the features of a server. */
const alike = new WeakMap<Gated['feature'], AlikeSpecs<FieldError>>()

function* metadataAndSpec(pod: Pod, { feature }: Gated): Generator<FieldError> {
  const spec = pod.spec!
  yield* podAnnotationErrors('metadata.annotations', pod.metadata.annotations, spec)
  let known = alike.get(feature)
  if (known === undefined) alike.set(feature, (known = new AlikeSpecs()))
  yield* known.of(spec, '', () => specErrors(spec, pod.metadata.name ?? '', feature))
}

function* specErrors(spec: PodSpec, podName: string, feature: Gated['feature']): Generator<FieldError> {
  yield* podSpecErrors('spec', spec, { isPod: true, podName, feature })
  for (const [i, { projected }] of (spec.serviceAccountName ? [] : spec.volumes ?? []).entries()) {
    for (const [j, source] of (projected?.sources ?? []).entries()) {
      if (source.serviceAccountToken === undefined) continue
      yield fieldForbidden(`spec.volumes[${i}].projected.sources[${j}].serviceAccountToken`, 'must not be specified when serviceAccountName is not set')
    }
  }
  for (const list of ['containers', 'initContainers'] as const) {
    for (const [i, container] of (spec[list] ?? []).entries()) yield* imageSpaces(`spec.${list}[${i}]`, container)
  }
}

export function* validatePod(pod: Pod, context: Gated): Generator<FieldError> {
  const spec = pod.spec!
  yield* metadataAndSpec(pod, context)
  if (spec.ephemeralContainers?.length) yield fieldForbidden('spec.ephemeralContainers', 'cannot be set on create')
  if (spec.nodeName && spec.schedulingGates?.length) yield fieldForbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared')
  yield* seccompAnnotationErrors('spec', pod.metadata.annotations, spec)
  yield* appArmorAnnotationErrors('spec', pod.metadata.annotations, spec)
}

/** False when the lists cannot be compared further. */
function* containerUpdates(path: string, now: readonly Container[], old: readonly Container[]): Generator<FieldError, boolean> {
  if (now.length !== old.length) {
    yield fieldForbidden(path, 'pod updates may not add or remove containers')
    return false
  }
  for (const [i, container] of now.entries()) {
    if (!container.image) yield fieldRequired(`${indexPath(path, i)}.image`)
    yield* imageSpaces(indexPath(path, i), container)
  }
  return true
}

function* deadlineUpdate(spec: PodSpec, old: PodSpec): Generator<FieldError, boolean> {
  const [now, before] = [spec.activeDeadlineSeconds, old.activeDeadlineSeconds]
  const path = 'spec.activeDeadlineSeconds'
  if (now === undefined) {
    if (before !== undefined) yield fieldInvalid(path, null, 'must not update from a positive integer to nil value')
    return true
  }
  if (now < 0 || now > maxInt32) yield fieldInvalid(path, now, inclusiveRangeError(0, maxInt32))
  else if (before !== undefined && before < now) yield fieldInvalid(path, now, 'must be less than or equal to previous value')
  else return true
  return false
}

function* tolerationUpdate(now: readonly Toleration[], old: readonly Toleration[], { feature }: Gated): Generator<FieldError> {
  const withoutSeconds = ({ tolerationSeconds: _, ...rest }: Toleration): unknown => rest
  if (!old.every((before) => now.some((t) => semanticEqual(withoutSeconds(t), withoutSeconds(before))))) {
    yield fieldForbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')
    return
  }
  yield* tolerationErrors('spec.tolerations', now, feature)
}

function* gateUpdate(spec: PodSpec, old: PodSpec): Generator<FieldError> {
  const known = new Set((old.schedulingGates ?? []).map((g) => g.name))
  for (const [i, { name }] of (spec.schedulingGates ?? []).entries()) {
    if (!known.has(name)) yield fieldForbidden(`spec.schedulingGates[${i}].name`, `only deletion is allowed, but found new scheduling gate '${name}'`)
  }
}

function onlyAdds(now: NodeSelectorTerm, old: NodeSelectorTerm): boolean {
  const empty = !old.matchExpressions?.length && !old.matchFields?.length
  if (empty) return !now.matchExpressions?.length && !now.matchFields?.length
  return (['matchExpressions', 'matchFields'] as const).every((name) => {
    const before = old[name] ?? []
    return semanticEqual((now[name] ?? []).slice(0, before.length), before)
  })
}

/** A gated pod may still be narrowed: node selector and node affinity may gain, not lose. */
function* gatedUpdate(munged: PodSpec, old: PodSpec): Generator<FieldError> {
  if (!old.schedulingGates?.length) return
  const selector = munged.nodeSelector ?? {}
  for (const [key, value] of Object.entries(old.nodeSelector ?? {})) {
    if (selector[key] !== value) {
      yield fieldInvalid('spec.nodeSelector', selector, 'only additions are allowed (no mutations or deletions)')
      break
    }
  }
  const hard = 'requiredDuringSchedulingIgnoredDuringExecution'
  const path = `spec.affinity.nodeAffinity.${hard}.nodeSelectorTerms`
  const before = old.affinity?.nodeAffinity?.[hard]?.nodeSelectorTerms ?? []
  const now = munged.affinity?.nodeAffinity?.[hard]?.nodeSelectorTerms ?? []
  if (before.length > 0 && before.length !== now.length) {
    yield fieldInvalid(path, now, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed')
  } else {
    for (const [i, term] of before.entries()) {
      if (!onlyAdds(now[i]!, term)) yield fieldInvalid(indexPath(path, i), now[i], 'only additions are allowed (no mutations or deletions)')
    }
  }
}

/** The new spec with everything put back that may change. */
function withoutAllowedChanges(spec: PodSpec, old: PodSpec): PodSpec {
  const images = (now: readonly Container[] | undefined, before: readonly Container[] | undefined): Container[] | undefined =>
    now?.map((container, i) => ({ ...container, image: before![i]!.image }))
  const munged: PodSpec = {
    ...spec, containers: images(spec.containers, old.containers) ?? [], initContainers: images(spec.initContainers, old.initContainers),
    activeDeadlineSeconds: old.activeDeadlineSeconds, schedulingGates: old.schedulingGates, tolerations: old.tolerations,
  }
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && munged.terminationGracePeriodSeconds === 1) {
    munged.terminationGracePeriodSeconds = old.terminationGracePeriodSeconds
  }
  if (!old.schedulingGates?.length) return munged
  munged.nodeSelector = old.nodeSelector
  const nodeAffinity = old.affinity?.nodeAffinity
  const affinity = { ...munged.affinity, nodeAffinity }
  munged.affinity = nodeAffinity === undefined && old.affinity === undefined && affinity.podAffinity === undefined && affinity.podAntiAffinity === undefined
    ? undefined : affinity
  return munged
}

const updatable = [
  '`spec.containers[*].image`', '`spec.initContainers[*].image`', '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',')

export function* validatePodUpdate(pod: Pod, oldPod: Pod, context: Gated): Generator<FieldError> {
  const [spec, old] = [pod.spec!, oldPod.spec!]
  yield* metadataAndSpec(pod, context)
  yield* podAnnotationUpdateErrors('metadata.annotations', pod.metadata.annotations, oldPod.metadata.annotations, spec)
  if (!(yield* containerUpdates('spec.containers', spec.containers ?? [], old.containers))) return
  if (!(yield* containerUpdates('spec.initContainers', spec.initContainers ?? [], old.initContainers ?? []))) return
  if (!(yield* deadlineUpdate(spec, old))) return
  yield* tolerationUpdate(spec.tolerations ?? [], old.tolerations ?? [], context)
  yield* gateUpdate(spec, old)
  if (semanticEqual(spec, old)) return
  yield* gatedUpdate(spec, old)
  const munged = withoutAllowedChanges(spec, old)
  if (!semanticEqual(munged, old)) {
    yield fieldForbidden('spec', `pod updates may not change fields other than ${updatable}\n${unifiedDiff(old, munged)}`)
  }
}

function shouldRestart(spec: PodSpec, container: Container | undefined, exitCode: number): boolean {
  for (const { action, exitCodes } of container?.restartPolicyRules ?? []) {
    const listed = exitCodes?.values?.includes(exitCode) ?? false
    if (exitCodes !== undefined && listed === (exitCodes.operator === 'In')) return action === 'Restart' || action === 'RestartAllContainers'
  }
  const policy = container?.restartPolicy ?? spec.restartPolicy
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0)
}

/** What ended stays ended, unless the container is one that starts again. */
function* transitions(
  path: string, now: readonly ContainerStatus[] | undefined, old: readonly ContainerStatus[] | undefined, mayRestart: (name: string, code: number) => boolean,
): Generator<FieldError> {
  for (const [i, { name, state }] of (old ?? []).entries()) {
    if (state?.terminated === undefined) continue
    const next = now?.find((status) => status.name === name)
    if (next === undefined || next.state?.terminated !== undefined || mayRestart(name, state.terminated.exitCode)) continue
    yield fieldForbidden(`${indexPath(path, i)}.state`, 'may not be transitioned to non-terminated state')
  }
}

const restartsAll = (spec: PodSpec): boolean =>
  [...spec.containers, ...spec.initContainers ?? []].some((c) => c.restartPolicyRules?.some((r) => r.action === 'RestartAllContainers'))

function* containerStates(pod: Pod, old: Pod): Generator<FieldError> {
  const spec = old.spec!
  const [now, before] = [pod.status, old.status]
  if (!restartsAll(spec)) {
    const by = (list: readonly Container[] | undefined) => (name: string, code: number): boolean => {
      const container = list?.find((c) => c.name === name)
      return container !== undefined && shouldRestart(spec, container, code)
    }
    yield* transitions('status.containerStatuses', now?.containerStatuses, before?.containerStatuses, by(spec.containers))
    yield* transitions('status.initContainerStatuses', now?.initContainerStatuses, before?.initContainerStatuses, by(spec.initContainers))
  }
  yield* transitions('status.ephemeralContainerStatuses', now?.ephemeralContainerStatuses, before?.ephemeralContainerStatuses, () => false)
}

function* ipList(path: string, now: readonly { ip: string }[] | undefined, old: readonly { ip: string }[] | undefined): Generator<FieldError> {
  const known = (old ?? []).map((entry) => entry.ip)
  const ips = (now ?? []).map((entry) => entry.ip)
  for (const [i, ip] of ips.entries()) yield* validateLegacyIP(indexPath(path, i), ip, known)
  const dual = ips.some((ip) => isIPv6(ip)) && ips.some((ip) => !isIPv6(ip))
  if (ips.length > 1 && (!dual || ips.length > 2)) yield fieldInvalid(path, ips.map((IP) => ({ IP })), 'may specify no more than one IP for each IP family')
}

export function* validatePodStatus(pod: Pod, old: Pod): Generator<FieldError> {
  const status = pod.status ?? {}
  yield* podAnnotationUpdateErrors('metadata.annotations', pod.metadata.annotations, old.metadata.annotations, pod.spec!)
  for (const [i, { type, observedGeneration = 0 }] of (status.conditions ?? []).entries()) {
    if (observedGeneration < 0) yield fieldInvalid(`status.conditions[${i}].observedGeneration`, observedGeneration, 'must be a non-negative integer')
    if (!['PodScheduled', 'Ready', 'Initialized'].includes(type)) yield* qualifiedName(`status.conditions[${i}].Type`, type)
  }
  const nominated = status.nominatedNodeName
  if (nominated && nominated !== old.status?.nominatedNodeName) {
    yield* dnsSubdomain('status.nominatedNodeName', nominated)
    if (old.spec?.nodeName) yield fieldForbidden('status.nominatedNodeName', 'may not be set on pods that are already bound to a node')
  }
  if ((status.observedGeneration ?? 0) < 0) yield fieldInvalid('status.observedGeneration', status.observedGeneration, 'must be a non-negative integer')
  yield* immutable('status.qosClass', status.qosClass ?? '', old.status?.qosClass ?? '')
  yield* containerStates(pod, old)
  yield* ipList('status.podIPs', status.podIPs, old.status?.podIPs)
  if (status.hostIPs?.length && status.hostIP !== status.hostIPs[0]!.ip) {
    yield fieldInvalid('status.hostIPs[0].ip', status.hostIPs[0]!.ip, 'must be equal to `hostIP`')
  }
  yield* ipList('status.hostIPs', status.hostIPs, old.status?.hostIPs)
}

export function* validateEphemeralContainersUpdate(pod: Pod, old: Pod, context: Gated): Generator<FieldError> {
  if (old.metadata.annotations?.[mirrorKey] !== undefined) {
    yield fieldForbidden('', 'static pods do not support ephemeral containers')
    return
  }
  yield* metadataAndSpec(pod, context)
  const now = new Map((pod.spec?.ephemeralContainers ?? []).map((c) => [c.name, c]))
  for (const container of old.spec?.ephemeralContainers ?? []) {
    const next = now.get(container.name)
    const what = `existing ephemeral containers ${JSON.stringify(container.name)}`
    if (next === undefined) yield fieldForbidden('spec.ephemeralContainers', `${what} may not be removed\n`)
    else if (!semanticEqual(next, container)) yield fieldForbidden('spec.ephemeralContainers', `${what} may not be changed\n${unifiedDiff(container, next)}`)
  }
}

type Resources = Container['resources']

function* resourcesKept(path: string, now: Resources, old: Resources, what: string): Generator<FieldError> {
  for (const name of ['requests', 'limits'] as const) {
    if (Object.keys(old?.[name] ?? {}).some((key) => now?.[name]?.[key] === undefined)) {
      yield fieldForbidden(`${path}.${name}`, `${what} ${name} cannot be removed`)
    }
  }
}

/** A container with the CPU and memory that it had. */
function withOldCompute(container: Container, old: Container): Container {
  const merge = (which: 'requests' | 'limits'): Record<string, string> | undefined => {
    const { cpu: _c, memory: _m, ...rest } = container.resources?.[which] ?? {}
    const before = old.resources?.[which]
    const list = { ...rest, ...(before?.cpu === undefined ? {} : { cpu: before.cpu }), ...(before?.memory === undefined ? {} : { memory: before.memory }) }
    return Object.keys(list).length === 0 && before === undefined ? undefined : list
  }
  const [limits, requests] = [merge('limits'), merge('requests')]
  return { ...container, resources: { ...(limits === undefined ? {} : { limits }), ...(requests === undefined ? {} : { requests }) } }
}

function* ordering(spec: PodSpec, old: PodSpec): Generator<FieldError> {
  for (const list of ['containers', 'initContainers'] as const) {
    const [now, before] = [spec[list] ?? [], old[list] ?? []]
    if (now.length !== before.length) yield fieldForbidden(`spec.${list}`, `${list} may not be added or removed on resize`)
    else {
      for (const [i, container] of before.entries()) {
        if (now[i]!.name !== container.name) yield fieldForbidden(`spec.${list}[${i}].name`, `${list} may not be renamed or reordered on resize`)
      }
    }
  }
}

function* resizedContainers(spec: PodSpec, old: PodSpec): Generator<FieldError> {
  for (const [i, before] of (old.initContainers ?? []).entries()) {
    const now = spec.initContainers![i]!
    if (before.restartPolicy === 'Always') yield* resourcesKept(`spec.initContainers[${i}].resources`, now.resources, before.resources, 'resource')
  }
  for (const [i, before] of old.containers.entries()) {
    yield* resourcesKept(`spec.containers[${i}].resources`, spec.containers[i]!.resources, before.resources, 'resource')
  }
  for (const [i, before] of old.containers.entries()) {
    if (!semanticEqual(withOldCompute(spec.containers[i]!, before), before)) yield fieldForbidden('spec', 'only cpu and memory resources are mutable')
  }
  for (const [i, before] of (old.initContainers ?? []).entries()) {
    const now = spec.initContainers![i]!
    if (before.restartPolicy !== 'Always') {
      if (!semanticEqual(now, before)) yield fieldForbidden('spec', 'resources for non-sidecar init containers are immutable')
    } else if (!semanticEqual(withOldCompute(now, before), before)) {
      yield fieldForbidden(`spec.initContainers[${i}]`, 'only cpu and memory resources for init or sidecar containers are mutable')
    }
  }
}

export function* validatePodResize(pod: Pod, old: Pod, context: Gated): Generator<FieldError> {
  if (old.metadata.annotations?.[mirrorKey] !== undefined) {
    yield fieldForbidden('', 'static pods cannot be resized')
    return
  }
  if (old.spec?.os?.name === 'windows') {
    yield fieldForbidden('', 'windows pods cannot be resized')
    return
  }
  yield* metadataAndSpec(pod, context)
  if (podQOS(old) !== computeQOS(pod)) yield fieldInvalid('spec', pod.status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing')
  const running = old.status?.containerStatuses?.find((status) => status.state?.running !== undefined)
  if (running !== undefined && running.resources === undefined) yield fieldForbidden('spec', 'Pod running on node without support for resize')
  const order = [...ordering(pod.spec!, old.spec!)]
  yield* order
  if (order.length === 0) yield* resizedContainers(pod.spec!, old.spec!)
}
