import type { Node, PersistentVolume, Pod } from '../../api/generated/types/core-v1.ts'
import type { VolumeAttachment } from '../../api/generated/types/storage-v1.ts'
import { csiDrivers, nodes, persistentVolumeClaims, persistentVolumes, pods, volumeAttachments } from '../../api/generated/resources.ts'
import { isPodTerminal } from '../../api/helpers/pod-conditions.ts'
import { isBoundTo } from '../../api/helpers/volumes.ts'
import type { Counter, Metrics } from '../../base/env.ts'
import { watch } from '../../client/controller.ts'
import type { Informers } from '../../client/informer.ts'
import { defineIndex, type Index } from '../../client/lister.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { claimNamesOf } from '../shared/pod-claims.ts'
import { attachmentName, forcedBecause, type NodeSnapshot, planNode, type WantedVolume } from './plan.ts'

const managed = 'volumes.kubernetes.io/controller-managed-attach-detach'

const attachmentsByNode: Index<VolumeAttachment> = defineIndex('node', ({ spec }) => [spec.nodeName])
const attachmentsByVolume: Index<VolumeAttachment> = defineIndex('volume', ({ spec }) =>
  spec.source.persistentVolumeName === undefined ? [] : [spec.source.persistentVolumeName])
const podsByClaim: Index<Pod> = defineIndex('claims of placed pods', (pod) =>
  (pod.spec?.nodeName ?? '') === '' ? [] : claimNamesOf(pod).map((name) => `${pod.metadata.namespace}/${name}`))

/** The node of a placed pod that has claims; others bring nothing that could be attached. */
const nodesOf = (pod: Pod): string[] => ((pod.spec?.nodeName ?? '') === '' || claimNamesOf(pod).length === 0 ? [] : [pod.spec!.nodeName!])
const podsByNode: Index<Pod> = defineIndex('node of placed pods with claims', nodesOf)

/** Attaches and detaches volumes, a node at a time. */
export function attachDetachController(neverForce = false): ControllerDefinition<NodeSnapshot> {
  const unwantedSince = new Map<string, Map<string, number>>()
  return {
    name: 'persistentvolume-attach-detach-controller',
    component: 'attachdetach-controller',
    workers: 5,
    watches: [
      watch(nodes, ({ metadata }) => [metadata.name ?? ''], { changed: isOther }),
      watch(pods, nodesOf, {
        changed: (pod, old) => pod.spec?.nodeName !== old.spec?.nodeName || isPodTerminal(pod) !== isPodTerminal(old),
      }),
      watch(volumeAttachments, ({ spec }, informers) => [
        spec.nodeName, ...informers.of(volumeAttachments).by(attachmentsByVolume, spec.source.persistentVolumeName ?? '').map((one) => one.spec.nodeName),
        ...nodesUsing(informers.of(persistentVolumes).get(spec.source.persistentVolumeName ?? ''), informers),
      ]),
      watch(persistentVolumes, (volume, informers) => nodesUsing(volume, informers), { deleted: false }),
    ],
    reads: [persistentVolumeClaims, csiDrivers] as never[],
    snapshot(name, informers) {
      const since = unwantedSince.get(name) ?? new Map<string, number>()
      unwantedSince.set(name, since)
      return { ...snapshotNode(name, informers, since), neverForce }
    },
    plan: planNode,
    measure({ snapshot, steps, failed }, metrics) {
      if (failed) return
      for (const step of steps) {
        const reason = step.do === 'delete' ? forcedBecause(snapshot, step.key.name) : undefined
        if (reason !== undefined) forced(metrics).inc({ reason })
      }
    },
  }
}

/** The name says its controller twice, as upstream's does. */
const forced = (metrics: Metrics): Counter =>
  metrics.counter('attach_detach_controller_attachdetach_controller_forced_detaches', 'Number of times the A/D Controller performed a forced detach', ['reason'])

function isOther(node: Node, old: Node): boolean {
  const view = ({ metadata, spec, status }: Node): string => JSON.stringify([
    metadata.annotations?.[managed], spec?.taints, status?.volumesInUse, status?.volumesAttached, status?.conditions?.find(({ type }) => type === 'Ready')?.status,
  ])
  return view(node) !== view(old)
}

function nodesUsing(volume: PersistentVolume | undefined, informers: Informers): string[] {
  return usersOf(volume, informers).map(({ spec }) => spec!.nodeName!)
}

function usersOf(volume: PersistentVolume | undefined, informers: Informers): Pod[] {
  const reference = volume?.spec?.claimRef
  if (reference === undefined) return []
  return informers.of(pods).by(podsByClaim, `${reference.namespace}/${reference.name}`).filter((pod) => !isPodTerminal(pod))
}

function snapshotNode(name: string, informers: Informers, unwantedSince: Map<string, number>): Omit<NodeSnapshot, 'neverForce'> {
  const node = informers.of(nodes).get(name)
  const lister = informers.of(volumeAttachments)
  const volumes = informers.of(persistentVolumes)
  const attachments = lister.by(attachmentsByNode, name).flatMap((attachment) => {
    const volume = volumes.get(attachment.spec.source.persistentVolumeName ?? '')
    return volume !== undefined && attachment.metadata.name === attachmentName(volume, name) ? [{ attachment, volume }] : []
  })
  return { name, node, wanted: node?.metadata.annotations?.[managed] === undefined ? stillUsed() : wantedOn(name, informers), attachments, unwantedSince }

  /** On a node that is gone or attaches by itself nothing new is attached, and what pods use stays. */
  function stillUsed(): WantedVolume[] {
    const known = new Set(attachments.map(({ volume }) => volume.metadata.name))
    return wantedOn(name, informers).filter(({ volume }) => known.has(volume.metadata.name))
  }
}

function wantedOn(node: string, informers: Informers): WantedVolume[] {
  const wanted = new Map<string, { volume: PersistentVolume; pods: Pod[] }>()
  for (const pod of informers.of(pods).by(podsByNode, node)) {
    if (isPodTerminal(pod)) continue
    for (const name of claimNamesOf(pod)) {
      const claim = informers.of(persistentVolumeClaims).get({ namespace: pod.metadata.namespace, name })
      const volume = informers.of(persistentVolumes).get(claim?.spec?.volumeName ?? '')
      if (claim === undefined || volume === undefined || !isBoundTo(volume, claim) || !needsAttaching(volume, informers)) continue
      const key = volume.metadata.name ?? ''
      wanted.set(key, { volume, pods: [...(wanted.get(key)?.pods ?? []), pod] })
    }
  }
  return [...wanted.values()].map(({ volume, pods: users }) => ({
    volume, pods: users,
    elsewhere: informers.of(volumeAttachments).by(attachmentsByVolume, volume.metadata.name ?? '').filter(({ spec }) => spec.nodeName !== node),
    otherPods: usersOf(volume, informers).filter(({ spec }) => spec?.nodeName !== node),
  }))
}

function needsAttaching({ spec }: PersistentVolume, informers: Informers): boolean {
  return spec?.csi !== undefined && informers.of(csiDrivers).get(spec.csi.driver)?.spec.attachRequired !== false
}
