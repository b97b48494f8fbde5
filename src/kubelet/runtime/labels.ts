/** Names under which the kubelet finds its pods again in the runtime; upstream's, so that its tools and kubelet read them. */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { Container as CriContainer, Sandbox, StringMap } from '../cri/contract.ts'
import type { AnyContainer } from '../pod.ts'

export const podNameLabel = 'io.kubernetes.pod.name'
export const podNamespaceLabel = 'io.kubernetes.pod.namespace'
export const podUidLabel = 'io.kubernetes.pod.uid'
export const containerNameLabel = 'io.kubernetes.container.name'

const hashAnnotation = 'io.kubernetes.container.hash'
const restartCountAnnotation = 'io.kubernetes.container.restartCount'
const terminationPathAnnotation = 'io.kubernetes.container.terminationMessagePath'
const terminationPolicyAnnotation = 'io.kubernetes.container.terminationMessagePolicy'
const preStopAnnotation = 'io.kubernetes.container.preStopHandler'
const portsAnnotation = 'io.kubernetes.container.ports'
const deletionGraceAnnotation = 'io.kubernetes.pod.deletionGracePeriod'
const terminationGraceAnnotation = 'io.kubernetes.pod.terminationGracePeriod'

export function podLabels(pod: Pod): StringMap {
  const { name, namespace, uid, labels } = pod.metadata
  return { ...labels, [podNameLabel]: name!, [podNamespaceLabel]: namespace!, [podUidLabel]: uid! }
}

export function containerLabels(container: AnyContainer, pod: Pod): StringMap {
  const { name, namespace, uid } = pod.metadata
  return { [podNameLabel]: name!, [podNamespaceLabel]: namespace!, [podUidLabel]: uid!, [containerNameLabel]: container.name }
}

export function containerAnnotations(container: AnyContainer, pod: Pod, restartCount: number): StringMap {
  const annotations: Record<string, string> = {
    [hashAnnotation]: containerHash(container),
    [restartCountAnnotation]: String(restartCount),
    [terminationPathAnnotation]: container.terminationMessagePath ?? '',
    [terminationPolicyAnnotation]: container.terminationMessagePolicy ?? '',
  }
  const deletion = pod.metadata.deletionGracePeriodSeconds
  if (deletion !== undefined) annotations[deletionGraceAnnotation] = String(deletion)
  const termination = pod.spec!.terminationGracePeriodSeconds
  if (termination !== undefined) annotations[terminationGraceAnnotation] = String(termination)
  if (container.lifecycle?.preStop !== undefined) annotations[preStopAnnotation] = JSON.stringify(container.lifecycle.preStop)
  if ((container.ports?.length ?? 0) > 0) annotations[portsAnnotation] = JSON.stringify(container.ports)
  return annotations
}

/** What a container's labels and annotations say about it after a restart of the kubelet. */
export interface ContainerRecord {
  readonly podName: string
  readonly podNamespace: string
  readonly podUid: string
  readonly name: string
  readonly hash: string
  readonly restartCount: number
  readonly terminationMessagePath: string
  readonly terminationMessagePolicy: string
  readonly deletionGraceSeconds?: number
  readonly terminationGraceSeconds?: number
  /** JSON of the handler. */
  readonly preStop?: string
}

/** undefined for a container that no kubelet made. */
export function readContainerRecord(container: Pick<CriContainer, 'labels' | 'annotations'>): ContainerRecord | undefined {
  const { labels, annotations } = container
  const podUid = labels[podUidLabel]
  const name = labels[containerNameLabel]
  if (podUid === undefined || name === undefined) return undefined
  return {
    podName: labels[podNameLabel] ?? '', podNamespace: labels[podNamespaceLabel] ?? '', podUid, name,
    hash: annotations[hashAnnotation] ?? '',
    restartCount: numberOf(annotations[restartCountAnnotation]) ?? 0,
    terminationMessagePath: annotations[terminationPathAnnotation] ?? '',
    terminationMessagePolicy: annotations[terminationPolicyAnnotation] ?? '',
    deletionGraceSeconds: numberOf(annotations[deletionGraceAnnotation]),
    terminationGraceSeconds: numberOf(annotations[terminationGraceAnnotation]),
    preStop: annotations[preStopAnnotation],
  }
}

/** undefined for a sandbox that no kubelet made. */
export function readSandboxPod(sandbox: Pick<Sandbox, 'labels'>): { uid: string; name: string; namespace: string } | undefined {
  const uid = sandbox.labels[podUidLabel]
  if (uid === undefined) return undefined
  return { uid, name: sandbox.labels[podNameLabel] ?? '', namespace: sandbox.labels[podNamespaceLabel] ?? '' }
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined || !/^-?\d+$/.test(text) ? undefined : Number(text)
}

/**
 * Tells whether a running container is still the one the pod asks for: hex FNV-1a over name and image. Equal to
 * upstream's (pkg/kubelet/container HashContainer), which hashes the Go dump of a JSON text.
 */
export function containerHash(container: AnyContainer): string {
  const json = `{"image":${goString(container.image ?? '')},"name":${goString(container.name)}}`
  const dump = `([]uint8)[${[...Buffer.from(json)].join(' ')}]`
  let hash = 0x811c9dc5
  for (let i = 0; i < dump.length; i++) hash = Math.imul(hash ^ dump.charCodeAt(i), 0x01000193)
  return (hash >>> 0).toString(16)
}

/** A JSON string with the characters that Go escapes for HTML. */
function goString(text: string): string {
  return JSON.stringify(text).replaceAll(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
