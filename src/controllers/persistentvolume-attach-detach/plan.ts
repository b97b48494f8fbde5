/**
 * Which volumes of CSI drivers are to be attached to a node, and which to be let go (upstream: pkg/controller/volume/
 * attachdetach with the attacher of pkg/volume/csi). Volumes of the host itself need no attaching. Pure.
 */
import { createHash } from 'node:crypto'
import type { Node, PersistentVolume, Pod } from '../../api/generated/types/core-v1.ts'
import type { VolumeAttachment } from '../../api/generated/types/storage-v1.ts'
import { nodes, volumeAttachments } from '../../api/generated/resources.ts'
import type { Plan, World } from '../../client/reconcile.ts'
import { create, event, type EventStep, remove, type Step, updateStatus } from '../../client/steps.ts'

export interface WantedVolume {
  readonly volume: PersistentVolume
  readonly pods: readonly Pod[]
  /** Attachments of this volume to other nodes, and pods that use it there. */
  readonly elsewhere: readonly VolumeAttachment[]
  readonly otherPods: readonly Pod[]
}

export interface NodeSnapshot {
  readonly name: string
  readonly node: Node | undefined
  /** Volumes that pods on the node use and that have to be attached. */
  readonly wanted: readonly WantedVolume[]
  /** Attachments to this node that are ours, with their volumes. */
  readonly attachments: readonly { readonly attachment: VolumeAttachment; readonly volume: PersistentVolume }[]
  /** Since when, in ms, each attachment has been unwanted. */
  readonly unwantedSince: Map<string, number>
  /** Unhealthy nodes are waited for, however long it takes (--disable-force-detach-on-timeout). */
  readonly neverForce: boolean
}

/** A volume that an unhealthy node does not let go is taken from it after this long. */
const maxWaitForUnmountMs = 360_000

export function attachmentName(volume: PersistentVolume, node: string): string {
  const { volumeHandle = '', driver = '' } = volume.spec?.csi ?? {}
  return `csi-${createHash('sha256').update(`${volumeHandle}${driver}${node}`).digest('hex')}`
}

/** The name that kubelets know an attached volume by. */
const uniqueName = ({ spec }: PersistentVolume): string => `kubernetes.io/csi/${spec?.csi?.driver}^${spec?.csi?.volumeHandle}`

const isExclusive = ({ spec }: PersistentVolume): boolean =>
  !(spec?.accessModes ?? []).some((mode) => mode === 'ReadWriteMany' || mode === 'ReadOnlyMany')

/** Why a volume is detached that its node has not unmounted, as upstream's metric calls it; undefined: it is not forced. Pure. */
export function forcedBecause({ node, attachments }: NodeSnapshot, key: string): 'timeout' | 'out-of-service' | undefined {
  const volume = attachments.find(({ attachment }) => attachment.metadata.name === key)?.volume
  if (node === undefined || volume === undefined || !isInUse(node, volume)) return undefined
  return isOutOfService(node) ? 'out-of-service' : 'timeout'
}

export function planNode(snapshot: NodeSnapshot, { now }: World): Plan {
  const { name, wanted, attachments, unwantedSince } = snapshot
  const wantedNames = new Map(wanted.map((one) => [attachmentName(one.volume, name), one]))
  const known = new Map(attachments.map(({ attachment, volume }) => [attachment.metadata.name ?? '', { attachment, volume }]))
  const steps: Step[] = []
  const detach: string[] = []
  let requeueAfterMs: number | undefined

  for (const key of unwantedSince.keys()) if (!known.has(key) || wantedNames.has(key)) unwantedSince.delete(key)
  for (const [key, { attachment, volume }] of known) {
    if (wantedNames.has(key) || attachment.metadata.deletionTimestamp !== undefined) continue
    const since = unwantedSince.get(key) ?? now
    unwantedSince.set(key, since)
    const waitMs = since + maxWaitForUnmountMs - now
    if (mayDetach(snapshot.node, volume) || (waitMs <= 0 && !isReady(snapshot.node) && !snapshot.neverForce)) detach.push(key)
    else if (waitMs > 0) requeueAfterMs = Math.min(requeueAfterMs ?? Infinity, waitMs)
  }
  // What is reported as attached no longer holds before the detaching begins: a kubelet may not count on it.
  steps.push(...reportSteps(snapshot, wantedNames, new Set(detach)))
  for (const key of detach) steps.push(remove(volumeAttachments, { name: key }, undefined, { ignore: ['NotFound'], tolerate: true }))
  for (const [key, one] of wantedNames) {
    const attachment = known.get(key)?.attachment
    if (attachment === undefined) steps.push(...attachSteps(name, key, one))
    else if (attachment.status?.attachError?.message !== undefined && !attachment.status.attached) steps.push(...failures(one, attachment))
  }
  return { steps, ...(requeueAfterMs === undefined ? {} : { requeueAfterMs }) }
}

const isReady = (node: Node | undefined): boolean => node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
const isInUse = (node: Node, volume: PersistentVolume): boolean => node.status?.volumesInUse?.includes(uniqueName(volume)) === true
const isOutOfService = (node: Node | undefined): boolean =>
  node?.spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/out-of-service') === true
const mayDetach = (node: Node | undefined, volume: PersistentVolume): boolean =>
  node === undefined || isOutOfService(node) || !isInUse(node, volume)

function attachSteps(node: string, key: string, { volume, pods, elsewhere, otherPods }: WantedVolume): Step[] {
  const { name: persistentVolumeName } = volume.metadata
  if (isExclusive(volume) && elsewhere.length > 0) return pods.map((pod) => multiAttach(pod, volume, otherPods))
  return [create(volumeAttachments, {
    apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttachment', metadata: { name: key },
    spec: { attacher: volume.spec!.csi!.driver, nodeName: node, source: { persistentVolumeName } },
  }, { ignore: ['AlreadyExists'], tolerate: true })]
}

function multiAttach(pod: Pod, volume: PersistentVolume, others: readonly Pod[]): EventStep {
  const local = others.filter(({ metadata }) => metadata.namespace === pod.metadata.namespace).map(({ metadata }) => metadata.name)
  const foreign = others.length - local.length
  const where = `${foreign} pod(s) in different namespaces`
  const why = others.length === 0
    ? 'Volume is already exclusively attached to one node and can\'t be attached to another'
    : local.length === 0 ? `Volume is already used by ${where}` : `Volume is already used by pod(s) ${local.join(', ')}${foreign > 0 ? ` and ${where}` : ''}`
  return event(pod, 'Warning', 'FailedAttachVolume', `Multi-Attach error for volume ${JSON.stringify(volume.metadata.name)} ${why}`)
}

function failures({ volume, pods }: WantedVolume, { status }: VolumeAttachment): EventStep[] {
  const text = `AttachVolume.Attach failed for volume ${JSON.stringify(volume.metadata.name)} : ${status?.attachError?.message}`
  return pods.map((pod) => event(pod, 'Warning', 'FailedAttachVolume', text))
}

/** Keeps node.status.volumesAttached, which kubelets wait for. Entries of others stay. */
function reportSteps({ node, attachments }: NodeSnapshot, wanted: ReadonlyMap<string, WantedVolume>, detach: ReadonlySet<string>): Step[] {
  if (node === undefined) return []
  const current = node.status?.volumesAttached ?? []
  const attached = new Map(attachments
    .filter(({ attachment }) => attachment.status?.attached === true && !detach.has(attachment.metadata.name ?? '') && attachment.metadata.deletionTimestamp === undefined)
    .map((one) => [uniqueName(one.volume), one.attachment.metadata.name ?? '']))
  const kept = current.filter(({ name }) => !name.startsWith('kubernetes.io/csi/') || attached.has(name))
  const fresh = [...attached].filter(([name]) => !current.some((one) => one.name === name))
  if (kept.length === current.length && fresh.length === 0) return []
  const volumesAttached = [...kept, ...fresh.map(([name]) => ({ name, devicePath: '' }))]
  const onDone = (): EventStep[] => fresh.flatMap(([, key]) => {
    const one = wanted.get(key)
    return (one?.pods ?? []).map((pod) =>
      event(pod, 'Normal', 'SuccessfulAttachVolume', `AttachVolume.Attach succeeded for volume ${JSON.stringify(one!.volume.metadata.name)} `))
  })
  return [updateStatus(nodes, { ...node, status: { ...node.status, volumesAttached } }, { onDone })]
}
