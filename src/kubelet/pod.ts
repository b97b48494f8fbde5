/** What the kubelet asks of a pod object again and again. Pure. */
import type { Container, ContainerRestartRule, ContainerStatus, Pod, PodSpec } from '../api/generated/types/core-v1.ts'

/** A container of any of the three lists; ephemeral ones share the fields that the runtime needs. */
export type AnyContainer = Container
export type ContainerKind = 'init' | 'regular' | 'ephemeral'

export const configSourceAnnotation = 'kubernetes.io/config.source'
export const configMirrorAnnotation = 'kubernetes.io/config.mirror'
export const configHashAnnotation = 'kubernetes.io/config.hash'
export const configSeenAnnotation = 'kubernetes.io/config.seen'

/** "name_namespace", upstream's full name. */
export function podFullName(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}`
}

/** "name_namespace(uid)", as events and back-off messages print a pod. */
export function formatPod(pod: Pod): string {
  return `${podFullName(pod)}(${pod.metadata.uid})`
}

export function podUid(pod: Pod): string {
  return pod.metadata.uid!
}

export function isMirrorPod(pod: Pod): boolean {
  return pod.metadata.annotations?.[configMirrorAnnotation] !== undefined
}

/** From a file, not from the API server. */
export function isStaticPod(pod: Pod): boolean {
  const source = pod.metadata.annotations?.[configSourceAnnotation]
  return source !== undefined && source !== 'api'
}

const systemCriticalPriority = 2_000_000_000

/** Static pods, mirrors of them, and pods of the system's own priority: they are not evicted, others make room for them. */
export function isCriticalPod(pod: Pod): boolean {
  return isStaticPod(pod) || isMirrorPod(pod) || (pod.spec!.priority ?? 0) >= systemCriticalPriority
}

export function isRestartableInit(container: AnyContainer): boolean {
  return container.restartPolicy === 'Always'
}

export function initContainers(pod: Pod): readonly AnyContainer[] {
  return pod.spec!.initContainers ?? []
}

export function ephemeralContainers(pod: Pod): readonly AnyContainer[] {
  return (pod.spec!.ephemeralContainers ?? []) as readonly AnyContainer[]
}

export function* allContainers(pod: Pod): Generator<{ container: AnyContainer; kind: ContainerKind }> {
  for (const container of initContainers(pod)) yield { container, kind: 'init' }
  for (const container of pod.spec!.containers) yield { container, kind: 'regular' }
  for (const container of ephemeralContainers(pod)) yield { container, kind: 'ephemeral' }
}

export function findContainer(pod: Pod, name: string): { container: AnyContainer; kind: ContainerKind } | undefined {
  for (const found of allContainers(pod)) if (found.container.name === name) return found
  return undefined
}

/** The path that events name a container by: "spec.containers{web}". */
export function containerFieldPath(pod: Pod, name: string): string | undefined {
  const found = findContainer(pod, name)
  if (found === undefined) return undefined
  const list = found.kind === 'init' ? 'initContainers' : found.kind === 'regular' ? 'containers' : 'ephemeralContainers'
  return `spec.${list}{${name}}`
}

export function isHostNetwork(pod: Pod): boolean {
  return pod.spec!.hostNetwork === true
}

/** The first rule that speaks of this exit code. */
export function matchingRestartRule(container: AnyContainer, exitCode: number): ContainerRestartRule | undefined {
  return container.restartPolicyRules?.find(({ exitCodes }) => {
    const listed = (exitCodes?.values ?? []).includes(exitCode)
    return exitCodes !== undefined && (exitCodes.operator === 'In' ? listed : exitCodes.operator === 'NotIn' && !listed)
  })
}

/** Whether a container that ended with `exitCode` is to run again: its rules, then its policy, then the pod's. */
export function containerShouldRestart(container: AnyContainer, spec: PodSpec, exitCode: number): boolean {
  if (container.restartPolicy !== undefined) {
    const action = matchingRestartRule(container, exitCode)?.action
    if (action === 'Restart' || action === 'RestartAllContainers') return true
    if (container.restartPolicy === 'Always') return true
    if (container.restartPolicy === 'OnFailure') return exitCode !== 0
    if (container.restartPolicy === 'Never') return false
  }
  if (spec.restartPolicy === 'OnFailure') return exitCode !== 0
  return spec.restartPolicy !== 'Never'
}

export function statusOf(statuses: readonly ContainerStatus[] | undefined, name: string): ContainerStatus | undefined {
  return statuses?.find((status) => status.name === name)
}

/** Failed or Succeeded: the pod never runs again. */
export function isTerminalPhase(phase: string | undefined): boolean {
  return phase === 'Failed' || phase === 'Succeeded'
}
