import { persistentVolumeClaims } from '../../api/generated/resources.ts'
import type { PersistentVolumeClaim, Pod, Volume } from '../../api/generated/types/core-v1.ts'
import { type CycleState, type PluginDefinition, unresolvable, unschedulable } from '../framework.ts'
import type { PodInfo } from '../snapshot.ts'
import { notFound, usesClaim } from './pod-claims.ts'

const name = 'VolumeRestrictions'
const diskConflict = unschedulable('node(s) had no available disk')
const exclusiveConflict = unschedulable('node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod')

class Exclusive {
  readonly claims: ReadonlySet<string>
  readonly checksDisks: boolean
  /** How often claims that only one pod may use are in use. */
  uses: number
  constructor(claims: ReadonlySet<string>, checksDisks: boolean, uses: number) {
    this.claims = claims
    this.checksDisks = checksDisks
    this.uses = uses
  }
  clone(): Exclusive {
    return new Exclusive(this.claims, this.checksDisks, this.uses)
  }
  count(pod: Pod, by: number): void {
    for (const volume of pod.spec?.volumes ?? []) if (this.claims.has(volume.persistentVolumeClaim?.claimName ?? '')) this.uses += by
  }
}

/** Disks that one node, and claims that one pod at a time may use. */
export const volumeRestrictions: PluginDefinition = {
  name,
  create(_args, handle) {
    const claims = handle.lister(persistentVolumeClaims)
    const change = (by: number) => (state: CycleState, _pod: PodInfo, other: PodInfo) => state.read<Exclusive>(name)?.count(other.pod, by)
    return {
      name,
      events: [
        { resource: 'Pod', actions: ['Delete'], hint: (pod, { old }) => deletionHelps(pod, old as Pod) },
        { resource: 'Node', actions: ['Add'] },
        { resource: 'PersistentVolumeClaim', actions: ['Add'], hint: (pod, { object }) => usesClaim(pod, object as PersistentVolumeClaim) },
      ],
      preFilter(state, { pod, namespace }) {
        const exclusive = new Set<string>()
        let checksDisks = false
        for (const volume of pod.spec?.volumes ?? []) {
          checksDisks ||= isDisk(volume)
          const claimName = volume.persistentVolumeClaim?.claimName
          if (claimName === undefined) continue
          const claim = claims.get({ namespace, name: claimName })
          if (claim === undefined) return { refused: unresolvable(notFound.claim(claimName)) }
          if (claim.spec?.accessModes?.includes('ReadWriteOncePod') === true) exclusive.add(claimName)
        }
        let uses = 0
        for (const claim of exclusive) if (handle.counts.usersOf(namespace, claim) > 0) uses++
        if (!checksDisks && uses === 0) return { skip: true }
        state.data.set(name, new Exclusive(exclusive, checksDisks, uses))
        return undefined
      },
      addPod: change(1),
      removePod: change(-1),
      filter(state, { pod }, node) {
        const { checksDisks, uses } = state.read<Exclusive>(name)!
        if (checksDisks) for (const other of node.pods.values()) if (disksConflict(pod, other.pod)) return diskConflict
        return uses > 0 ? exclusiveConflict : undefined
      },
    }
  },
}

function isDisk(volume: Volume): boolean {
  return volume.gcePersistentDisk !== undefined || volume.awsElasticBlockStore !== undefined || volume.rbd !== undefined || volume.iscsi !== undefined
}

function disksConflict(pod: Pod, other: Pod): boolean {
  const theirs = other.spec?.volumes ?? []
  return (pod.spec?.volumes ?? []).some((volume) => isDisk(volume) && theirs.some((existing) => diskConflicts(volume, existing)))
}

function diskConflicts(a: Volume, b: Volume): boolean {
  const bothRead = (x: { readOnly?: boolean }, y: { readOnly?: boolean }) => x.readOnly === true && y.readOnly === true
  if (a.gcePersistentDisk !== undefined && b.gcePersistentDisk !== undefined
    && a.gcePersistentDisk.pdName === b.gcePersistentDisk.pdName && !bothRead(a.gcePersistentDisk, b.gcePersistentDisk)) return true
  if (a.awsElasticBlockStore !== undefined && a.awsElasticBlockStore.volumeID === b.awsElasticBlockStore?.volumeID) return true
  if (a.iscsi !== undefined && b.iscsi !== undefined && a.iscsi.iqn === b.iscsi.iqn && !bothRead(a.iscsi, b.iscsi)) return true
  if (a.rbd === undefined || b.rbd === undefined) return false
  const monitors = new Set(a.rbd.monitors)
  return b.rbd.monitors.some((monitor) => monitors.has(monitor)) && (a.rbd.pool ?? 'rbd') === (b.rbd.pool ?? 'rbd') && a.rbd.image === b.rbd.image
    && !bothRead(a.rbd, b.rbd)
}

function deletionHelps(pod: Pod, deleted: Pod): boolean {
  if (deleted.metadata.namespace !== pod.metadata.namespace) return false
  if (disksConflict(pod, deleted)) return true
  const claims = (p: Pod) => (p.spec?.volumes ?? []).map((volume) => volume.persistentVolumeClaim?.claimName).filter((claim) => claim !== undefined)
  const wanted = new Set(claims(pod))
  return claims(deleted).some((claim) => wanted.has(claim))
}
