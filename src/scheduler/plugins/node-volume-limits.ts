import { csiNodes, persistentVolumeClaims, persistentVolumes, storageClasses, volumeAttachments } from '../../api/generated/resources.ts'
import type { PersistentVolumeClaim, Pod } from '../../api/generated/types/core-v1.ts'
import type { CSINode, VolumeAttachment } from '../../api/generated/types/storage-v1.ts'
import { classOfClaim } from '../../api/helpers/volumes.ts'
import { defineIndex } from '../../client/lister.ts'
import { type Handle, type PluginDefinition, type Verdict, failed, unresolvable, unschedulable } from '../framework.ts'
import type { NodeInfo } from '../snapshot.ts'
import { migratedInline, migratedProvisioners, migratedVolume } from './csi-migration.ts'
import { claimOf, notFound, notMadeFor, usesClaim } from './pod-claims.ts'

const name = 'NodeVolumeLimits'
const tooMany = unschedulable('node(s) exceed max volume count')
const attachmentsOfNode = defineIndex<VolumeAttachment>('node', ({ spec }) => [spec.nodeName])

/** Drivers by "driver/handle" of the volumes that they attach. */
type Attachable = Map<string, string>

/** No node gets more volumes of a driver than its CSINode says it can attach. */
export const nodeVolumeLimits: PluginDefinition = {
  name,
  create(_args, handle) {
    const nodes = handle.lister(csiNodes)
    const attachments = handle.lister(volumeAttachments)
    const resolve = resolver(handle)
    const volumes = handle.lister(persistentVolumes)

    function attached(node: NodeInfo, migrates: boolean): { readonly byDriver: Map<string, number>; readonly known: Attachable } {
      const known: Attachable = new Map()
      for (const other of node.pods.values()) if (other.mayAttach) resolve(other.pod, migrates, false, known)
      const byDriver = new Map<string, number>()
      const count = (driver: string) => byDriver.set(driver, (byDriver.get(driver) ?? 0) + 1)
      for (const driver of known.values()) count(driver)
      const others: Attachable = new Map()
      for (const { spec } of attachments.by(attachmentsOfNode, node.name)) {
        const source = spec.source.persistentVolumeName === undefined ? undefined : volumes.get({ name: spec.source.persistentVolumeName })?.spec?.csi
        if (spec.attacher !== '' && source !== undefined) others.set(`${spec.attacher}/${source.volumeHandle}`, spec.attacher)
      }
      for (const [volume, driver] of others) if (!known.has(volume)) count(driver)
      return { byDriver, known }
    }

    return {
      name,
      events: [
        { resource: 'CSINode', actions: ['Add'] },
        { resource: 'CSINode', actions: ['Update'], hint: (_pod, { object, old }) => limitsGrew(object as CSINode, old as CSINode) },
        { resource: 'Pod', actions: ['Delete'], hint: (_pod, { old }) => deletionHelps(old as Pod) },
        { resource: 'PersistentVolumeClaim', actions: ['Add'], hint: (pod, { object }) => usesClaim(pod, object as PersistentVolumeClaim) },
        { resource: 'VolumeAttachment', actions: ['Delete'], hint: (pod, { old }) => detachingHelps(pod, old as VolumeAttachment) },
      ],
      preFilter(state, { pod, mayAttach }) {
        if (!mayAttach) return { skip: true }
        // Whether in-tree disks count depends on the node only by its having a CSINode.
        const wanted = (migrates: boolean): Verdict | Attachable => {
          const found: Attachable = new Map()
          return resolve(pod, migrates, true, found) ?? found
        }
        state.data.set(name, { with: wanted(true), without: wanted(false) })
        return undefined
      },
      filter(state, _pod, node) {
        const csiNode = nodes.get({ name: node.name })
        const found = state.read<{ with: Verdict | Attachable; without: Verdict | Attachable }>(name)![csiNode === undefined ? 'without' : 'with']
        if (!(found instanceof Map)) return found
        if (found.size === 0) return undefined
        const limits = limitsOf(csiNode)
        if (limits.size === 0) return undefined
        // What may be attached at most tells most nodes apart without a look at every volume.
        const most = node.attachable + attachments.by(attachmentsOfNode, node.name).length + found.size
        if ([...limits.values()].every((limit) => most <= limit)) return undefined
        const { byDriver, known } = attached(node, true)
        const added = new Map<string, number>()
        for (const [volume, driver] of found) if (!known.has(volume)) added.set(driver, (added.get(driver) ?? 0) + 1)
        for (const [driver, count] of added) {
          const limit = limits.get(driver)
          if (limit !== undefined && (byDriver.get(driver) ?? 0) + count > limit) return tooMany
        }
        return undefined
      },
    }
  },
}

/** Finds the attachable volumes of a pod; a verdict when one cannot be told, which matters for new pods only. */
function resolver(handle: Handle): (pod: Pod, migrates: boolean, isNew: boolean, into: Attachable) => Verdict | undefined {
  const claims = handle.lister(persistentVolumeClaims)
  const volumes = handle.lister(persistentVolumes)
  const classes = handle.lister(storageClasses)
  const unbound = (claim: PersistentVolumeClaim, migrates: boolean, into: Attachable) => {
    const provisioner = classes.get({ name: classOfClaim(claim) })?.provisioner
    if (provisioner === undefined) return
    const migrated = migratedProvisioners[provisioner]
    if (migrated !== undefined && !migrates) return
    const driver = migrated ?? provisioner
    into.set(`${driver}/unbound ${claim.metadata.namespace}/${claim.metadata.name}`, driver)
  }
  return (pod, migrates, isNew, into) => {
    const { namespace } = pod.metadata
    for (const source of pod.spec?.volumes ?? []) {
      const wanted = claimOf(pod, source)
      if (wanted === undefined) {
        const inline = migrates ? migratedInline(source) : undefined
        if (inline !== undefined) into.set(`${inline.driver}/${inline.handle}`, inline.driver)
        continue
      }
      if (wanted.name === '') return failed('PersistentVolumeClaim had no name')
      const claim = claims.get({ namespace, name: wanted.name })
      if (claim === undefined) {
        if (isNew) return unresolvable(`looking up PVC ${namespace}/${wanted.name}: ${notFound.claim(wanted.name)}`)
        continue
      }
      const stranger = wanted.ephemeral ? notMadeFor(pod, claim) : undefined
      if (stranger !== undefined) return failed(stranger)
      const volume = (claim.spec?.volumeName ?? '') === '' ? undefined : volumes.get({ name: claim.spec!.volumeName! })
      if (volume === undefined) {
        unbound(claim, migrates, into)
        continue
      }
      const csi = volume.spec?.csi
      const found = csi === undefined ? (migrates ? migratedVolume(volume) : undefined) : { driver: csi.driver, handle: csi.volumeHandle }
      if (found !== undefined && found.driver !== '' && found.handle !== '') into.set(`${found.driver}/${found.handle}`, found.driver)
    }
    return undefined
  }
}

function limitsOf(csiNode: CSINode | undefined): Map<string, number> {
  const limits = new Map<string, number>()
  for (const { name: driver, allocatable } of csiNode?.spec.drivers ?? []) if (allocatable?.count !== undefined) limits.set(driver, allocatable.count)
  return limits
}

function limitsGrew(now: CSINode, old: CSINode): boolean {
  const before = limitsOf(old)
  return [...limitsOf(now)].some(([driver, limit]) => limit > (before.get(driver) ?? 0))
}

function deletionHelps(deleted: Pod): boolean {
  if ((deleted.spec?.nodeName ?? '') === '' && (deleted.status?.nominatedNodeName ?? '') === '') return false
  return (deleted.spec?.volumes ?? []).some((volume) => claimOf(deleted, volume) !== undefined || migratedInline(volume) !== undefined)
}

function detachingHelps(pod: Pod, { spec }: VolumeAttachment): boolean {
  return (pod.spec?.volumes ?? []).some((volume) => volume.persistentVolumeClaim !== undefined || migratedInline(volume)?.driver === spec.attacher)
}
