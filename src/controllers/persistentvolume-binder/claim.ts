/** What a claim needs next (upstream: pv_controller.go, syncClaim). One write a look; the next look follows from its event. Pure. */
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types/core-v1.ts'
import type { StorageClass } from '../../api/generated/types/storage-v1.ts'
import { persistentVolumeClaims, persistentVolumes } from '../../api/generated/resources.ts'
import { classOfClaim, findVolume, isBoundTo, namesClass, refuseVolume, volumeAnnotations } from '../../api/helpers/volumes.ts'
import { compareQuantity } from '../../api/meta/quantity.ts'
import { equalJson } from '../../client/copy.ts'
import { event, type EventStep, type Step, update, updateStatus } from '../../client/steps.ts'

export interface ClaimSnapshot {
  readonly claim: PersistentVolumeClaim
  /** The volume that spec.volumeName names. */
  readonly named: PersistentVolume | undefined
  readonly volumes: () => readonly PersistentVolume[]
  readonly storageClass: StorageClass | undefined
  readonly defaultClass: StorageClass | undefined
  /** Pods that use the claim and have no node yet, by name. */
  readonly waitingPods: () => readonly string[]
}

type Claim = PersistentVolumeClaim
type ClaimStatus = NonNullable<Claim['status']>

/** The next steps. Throws when the world cannot be (a claim that is bound by us to another's volume). */
export function planClaim(snapshot: ClaimSnapshot, mayProvision = true): Step[] {
  const { claim } = snapshot
  if (claim.metadata.annotations?.[volumeAnnotations.bindCompleted] !== undefined) return planBound(snapshot)
  if ((claim.spec?.volumeName ?? '') !== '') return planNamed(snapshot)
  const { storageClass } = snapshot
  const delayed = storageClass?.volumeBindingMode === 'WaitForFirstConsumer'
  const found = findVolume(claim, snapshot.volumes(), delayed)
  if (found !== undefined) return bind(found, claim)
  if (!namesClass(claim) && snapshot.defaultClass !== undefined) {
    return [update(persistentVolumeClaims, { ...claim, spec: { ...claim.spec, storageClassName: snapshot.defaultClass.metadata.name } })]
  }
  if (delayed && claim.metadata.annotations?.[volumeAnnotations.selectedNode] === undefined) {
    return [waitingEvent(claim, snapshot.waitingPods()), ...setStatus(claim, 'Pending')]
  }
  if (classOfClaim(claim) !== '') return mayProvision ? provision(claim, storageClass) : []
  return [
    event(claim, 'Normal', 'FailedBinding', 'no persistent volumes available for this claim and no storage class is set'),
    ...setStatus(claim, 'Pending'),
  ]
}

function waitingEvent(claim: Claim, pods: readonly string[]): EventStep {
  if (pods.length === 0) return event(claim, 'Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding')
  const what = pods.length > 1 ? `pods ${pods.join(',')}` : `pod ${pods[0]}`
  return event(claim, 'Normal', 'WaitForPodScheduled', `waiting for ${what} to be scheduled`)
}

/** Volumes are made by whoever the class names; our part is to say so on the claim. */
function provision(claim: Claim, storageClass: StorageClass | undefined): Step[] {
  if (storageClass === undefined) {
    return [event(claim, 'Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io ${JSON.stringify(classOfClaim(claim))} not found`)]
  }
  const { provisioner } = storageClass
  if (provisioner.startsWith('kubernetes.io/')) {
    return [event(claim, 'Warning', 'ProvisioningFailed', `no volume plugin matched name: ${provisioner}`), ...setStatus(claim, 'Pending')]
  }
  const annotations = { ...claim.metadata.annotations, [volumeAnnotations.betaProvisioner]: provisioner, [volumeAnnotations.provisioner]: provisioner }
  const said = equalJson(annotations, claim.metadata.annotations)
  const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. `
    + 'If volume creation is delayed, please verify that the provisioner is running and correctly registered.'
  return [
    ...(said ? [] : [update(persistentVolumeClaims, { ...claim, metadata: { ...claim.metadata, annotations } })]),
    event(claim, 'Normal', 'ExternalProvisioning', message),
    ...(said ? setStatus(claim, 'Pending') : []),
  ]
}

function planNamed({ claim, named }: ClaimSnapshot): Step[] {
  if (named === undefined) return setStatus(claim, 'Pending')
  const name = named.metadata.name ?? ''
  if (named.spec?.claimRef === undefined) {
    const refusal = refuseVolume(named, claim)
    if (refusal === undefined) return bind(named, claim)
    return [event(claim, 'Warning', 'VolumeMismatch', `Cannot bind to requested volume ${JSON.stringify(name)}: ${refusal}`), ...setStatus(claim, 'Pending')]
  }
  if (isBoundTo(named, claim)) return bind(named, claim)
  return [
    event(claim, 'Warning', 'FailedBinding', `volume ${JSON.stringify(name)} already bound to a different claim.`),
    ...setStatus(claim, 'Pending'),
  ]
}

function planBound({ claim, named }: ClaimSnapshot): Step[] {
  if ((claim.spec?.volumeName ?? '') === '') {
    return lose(claim, 'ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!')
  }
  if (named === undefined) return lose(claim, 'ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!')
  const reference = named.spec?.claimRef
  if (reference === undefined || reference.uid === claim.metadata.uid) return bind(named, claim)
  return lose(claim, 'ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly')
}

function lose(claim: Claim, reason: string, message: string): Step[] {
  if (claim.status?.phase === 'Lost') return []
  return [...setStatus(claim, 'Lost'), event(claim, 'Warning', reason, message)]
}

/** The next of: the volume points to the claim, says Bound, the claim points to the volume, says Bound. */
function bind(volume: PersistentVolume, claim: Claim): Step[] {
  const { name = '', namespace, uid, resourceVersion, annotations } = claim.metadata
  const reference = volume.spec?.claimRef
  if (reference === undefined || reference.uid !== uid || reference.name !== name || reference.namespace !== namespace) {
    const claimRef = { kind: 'PersistentVolumeClaim', namespace, name, uid, apiVersion: 'v1', resourceVersion }
    const own = reference === undefined ? { ...volume.metadata.annotations, [volumeAnnotations.boundByController]: 'yes' } : volume.metadata.annotations
    return [update(persistentVolumes, { ...volume, metadata: { ...volume.metadata, annotations: own }, spec: { ...volume.spec, claimRef } })]
  }
  if (volume.status?.phase !== 'Bound') return [setPhase(volume, 'Bound')]
  const isNamed = claim.spec?.volumeName === volume.metadata.name
  if (!isNamed || annotations?.[volumeAnnotations.bindCompleted] === undefined) {
    const next = {
      ...annotations, ...(isNamed ? {} : { [volumeAnnotations.boundByController]: annotations?.[volumeAnnotations.boundByController] ?? 'yes' }),
      [volumeAnnotations.bindCompleted]: 'yes',
    }
    const spec = { ...claim.spec, volumeName: volume.metadata.name }
    return [update(persistentVolumeClaims, { ...claim, metadata: { ...claim.metadata, annotations: next }, spec })]
  }
  return setStatus(claim, 'Bound', volume)
}

/** A volume in another phase. */
export function setPhase(volume: PersistentVolume, phase: string, message?: string, events: readonly EventStep[] = []): Step {
  // A phase has a message of its own or none.
  const { message: _, ...rest } = volume.status ?? {}
  const status = { ...rest, phase, ...(message === undefined ? {} : { message }) }
  return updateStatus(persistentVolumes, { ...volume, status }, { onDone: () => events })
}

function setStatus(claim: Claim, phase: string, volume?: PersistentVolume): Step[] {
  const { accessModes: _, capacity: __, currentVolumeAttributesClassName: ___, ...rest } = claim.status ?? {}
  const old = claim.status
  const status: ClaimStatus = volume === undefined ? { ...rest, phase } : {
    ...claim.status, phase, accessModes: volume.spec?.accessModes,
    ...(old?.phase === phase ? {} : { capacity: boundCapacity(volume, claim) }),
    ...(old?.phase === 'Pending' && phase === 'Bound' ? { currentVolumeAttributesClassName: volume.spec?.volumeAttributesClassName } : {}),
  }
  return equalJson(status, claim.status ?? {}) ? [] : [updateStatus(persistentVolumeClaims, { ...claim, status })]
}

/** A volume whose file system is still to grow has the size it had before. */
function boundCapacity(volume: PersistentVolume, claim: Claim): ClaimStatus['capacity'] {
  const before = volume.metadata.annotations?.[volumeAnnotations.preResizeCapacity]
  if (before !== undefined) return { ...claim.status?.capacity, storage: before }
  const [own, known] = [volume.spec?.capacity?.['storage'], claim.status?.capacity?.['storage']]
  return own !== undefined && known !== undefined && compareQuantity(own, known) === 0 ? claim.status?.capacity : volume.spec?.capacity
}
