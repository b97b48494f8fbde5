/** What a volume needs next (upstream: pv_controller.go, syncVolume and reclaimVolume). Pure. */
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/types/core-v1.ts'
import { persistentVolumeClaims, persistentVolumes, pods } from '../../api/generated/resources.ts'
import { quantityValue } from '../../api/meta/quantity.ts'
import { sameMode, volumeAnnotations } from '../../api/helpers/volumes.ts'
import { absent, create, event, remove, type Step, update } from '../../client/steps.ts'
import type { ControllerManagerOptions, Recycler } from '../options.ts'
import { setPhase } from './claim.ts'

export interface VolumeSnapshot {
  readonly volume: PersistentVolume
  /** The claim that the volume's claimRef names, whatever its uid. */
  readonly claim: PersistentVolumeClaim | undefined
  /** The pod that empties the volume. */
  readonly recycler: Pod | undefined
  /** Pods that use the volume through its old claim, by name. */
  readonly users: () => readonly string[]
}

export const recyclerNamespace = 'default'
export const recyclerName = (volume: string): string => `recycler-for-${volume}`

type Volume = PersistentVolume

export type Recyclers = NonNullable<ControllerManagerOptions['recyclers']>

export function planVolume(snapshot: VolumeSnapshot, recyclers: Recyclers = {}): Step[] {
  const { volume, claim } = snapshot
  const reference = volume.spec?.claimRef
  const phase = volume.status?.phase
  if (reference === undefined || (reference.uid ?? '') === '') return phase === 'Available' ? [] : [setPhase(volume, 'Available')]
  if (claim === undefined || claim.metadata.uid !== reference.uid) return released(snapshot, recyclers)
  const wanted = claim.spec?.volumeName ?? ''
  if (wanted === volume.metadata.name) return phase === 'Bound' ? [] : [setPhase(volume, 'Bound')]
  if (wanted === '') {
    if (sameMode(claim, volume)) return []
    const [name, own] = [JSON.stringify(claim.metadata.name), JSON.stringify(volume.metadata.name)]
    return [
      event(volume, 'Warning', 'VolumeMismatch', `Cannot bind PersistentVolume to requested PersistentVolumeClaim ${name} due to incompatible volumeMode.`),
      event(claim, 'Warning', 'VolumeMismatch', `Cannot bind PersistentVolume ${own} to requested PersistentVolumeClaim due to incompatible volumeMode.`),
    ]
  }
  // The claim has another volume: one made for it goes, any other is free again.
  const provisioned = volume.metadata.annotations?.[volumeAnnotations.provisionedBy] !== undefined
  if (provisioned && volume.spec?.persistentVolumeReclaimPolicy === 'Delete') return released(snapshot, recyclers)
  return [unbind(volume)]
}

function released(snapshot: VolumeSnapshot, recyclers: Recyclers): Step[] {
  const { volume } = snapshot
  if (volume.status?.phase === 'Released' || volume.status?.phase === 'Failed') return reclaim(snapshot, recyclers)
  const { namespace, name = '', uid = '' } = volume.spec!.claimRef!
  // Data may be lost from here on: the cache's word is not enough.
  const sure = snapshot.claim?.metadata.uid === uid ? [] : [absent(persistentVolumeClaims, { namespace, name }, uid)]
  return [...sure, setPhase(volume, 'Released')]
}

function reclaim(snapshot: VolumeSnapshot, recyclers: Recyclers): Step[] {
  const { volume } = snapshot
  if ((volume.metadata.annotations?.[volumeAnnotations.migratedTo] ?? '') !== '') return []
  switch (volume.spec?.persistentVolumeReclaimPolicy) {
    case 'Retain': return []
    case 'Delete': return discard(volume)
    case 'Recycle': return recycle(snapshot, recyclers)
    default: return fail(volume, 'VolumeUnknownReclaimPolicy', 'Volume has unrecognized PersistentVolumeReclaimPolicy', '')
  }
}

function fail(volume: Volume, reason: string, text: string, message = text): Step[] {
  if (volume.status?.phase === 'Failed') return []
  return [setPhase(volume, 'Failed', message, [event(volume, 'Warning', reason, text)])]
}

/** What was made by a driver is deleted by it; what nobody made is deleted by nobody. */
function discard(volume: Volume): Step[] {
  const maker = volume.metadata.annotations?.[volumeAnnotations.provisionedBy] ?? ''
  if (volume.spec?.csi !== undefined || (maker !== '' && !maker.startsWith('kubernetes.io/'))) return []
  const { hostPath } = volume.spec ?? {}
  const text = hostPath === undefined
    ? `error getting deleter volume plugin for volume ${JSON.stringify(volume.metadata.name)}: no deletable volume plugin matched`
    : `host_path deleter only supports /tmp/.+ but received provided ${hostPath.path}`
  return fail(volume, 'VolumeFailedDelete', text)
}

const scrub = 'test -e /scrub && find /scrub -mindepth 1 -delete && test -z "$(ls -A /scrub)" || exit 1'

/** Host directories and NFS exports are emptied by a pod. */
function recycle(snapshot: VolumeSnapshot, recyclers: Recyclers): Step[] {
  const { volume, recycler } = snapshot
  const { hostPath, nfs } = volume.spec ?? {}
  if (hostPath === undefined && nfs === undefined) return fail(volume, 'VolumeFailedRecycle', 'No recycler plugin found for the volume!')
  if (volume.status?.phase === 'Failed') return []
  const { name = '' } = volume.metadata
  const key = { namespace: recyclerNamespace, name: recyclerName(name) }
  const phase = recycler?.status?.phase
  if (recycler === undefined) {
    const users = snapshot.users()
    if (users.length > 0) return [event(volume, 'Normal', 'VolumeFailedRecycle', `Volume is used by pods: ${users.join(',')}`)]
    return [create(pods, recyclerPod(volume, recyclers), { ignore: ['AlreadyExists'] })]
  }
  if (phase === 'Succeeded') {
    return [event(volume, 'Normal', 'VolumeRecycled', 'Volume recycled'), unbind(volume), remove(pods, key, undefined, { ignore: ['NotFound'] })]
  }
  if (phase !== 'Failed') return []
  const text = `Recycle failed: pod failed, pod.Status.Message: ${recycler.status?.message ?? ''}`
  return [...fail(volume, 'VolumeFailedRecycle', text), remove(pods, key, undefined, { ignore: ['NotFound'] })]
}

const defaultRecyclers = { hostPath: { minimumSeconds: 60, secondsPerGi: 30 }, nfs: { minimumSeconds: 300, secondsPerGi: 30 } }

function recyclerPod(volume: Volume, recyclers: Recyclers): Pod {
  const { hostPath, nfs, capacity } = volume.spec ?? {}
  const kind = hostPath === undefined ? 'nfs' : 'hostPath'
  const { minimumSeconds, secondsPerGi, template }: Recycler = recyclers[kind] ?? defaultRecyclers[kind]
  const wholeGi = Math.floor(quantityValue(capacity?.['storage'] ?? '0') / 2 ** 30)
  const activeDeadlineSeconds = Math.max(minimumSeconds, wholeGi * secondsPerGi)
  const source = hostPath === undefined ? { nfs } : { hostPath: { path: hostPath.path } }
  const metadata = { name: recyclerName(volume.metadata.name ?? ''), namespace: recyclerNamespace }
  if (template?.spec !== undefined) {
    const [first, ...rest] = template.spec.volumes ?? []
    const spec = { ...template.spec, activeDeadlineSeconds, volumes: [{ name: first?.name ?? 'vol', ...source }, ...rest] }
    return { apiVersion: 'v1', kind: 'Pod', metadata: { ...template.metadata, ...metadata }, spec }
  }
  return {
    apiVersion: 'v1', kind: 'Pod', metadata,
    spec: {
      activeDeadlineSeconds, restartPolicy: 'Never',
      volumes: [{ name: 'vol', ...source }],
      containers: [{
        name: 'pv-recycler', image: 'registry.k8s.io/build-image/debian-base:bookworm-v1.0.6', command: ['/bin/sh'], args: ['-c', scrub],
        volumeMounts: [{ name: 'vol', mountPath: '/scrub' }],
      }],
    },
  }
}

/** Takes back what we have bound; a reservation by an administrator keeps its name. */
function unbind(volume: Volume): Step {
  const { [volumeAnnotations.boundByController]: ours, ...annotations } = volume.metadata.annotations ?? {}
  const { claimRef, ...spec } = volume.spec ?? {}
  if (ours === undefined) {
    const { uid: _, ...reservation } = claimRef ?? {}
    return update(persistentVolumes, { ...volume, spec: { ...spec, claimRef: reservation } })
  }
  return update(persistentVolumes, { ...volume, metadata: { ...volume.metadata, annotations }, spec })
}
