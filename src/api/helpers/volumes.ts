/** What claims and volumes say of each other (upstream: component-helpers/storage/volume). */
import type { PersistentVolume, PersistentVolumeClaim } from '../generated/types/core-v1.ts'
import type { StorageClass } from '../generated/types/storage-v1.ts'
import { type LabelSelector, selectorFromObject } from '../meta/selectors.ts'
import { compareQuantity } from '../meta/quantity.ts'
import { type NodeMatcher, compileNodeSelector } from './node-affinity.ts'

export const volumeAnnotations = {
  bindCompleted: 'pv.kubernetes.io/bind-completed',
  boundByController: 'pv.kubernetes.io/bound-by-controller',
  provisionedBy: 'pv.kubernetes.io/provisioned-by',
  selectedNode: 'volume.kubernetes.io/selected-node',
  provisioner: 'volume.kubernetes.io/storage-provisioner',
  betaProvisioner: 'volume.beta.kubernetes.io/storage-provisioner',
  migratedTo: 'pv.kubernetes.io/migrated-to',
  preResizeCapacity: 'volume.alpha.kubernetes.io/pre-resize-capacity',
} as const
const classAnnotation = 'volume.beta.kubernetes.io/storage-class'
const defaultAnnotations = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class']

export const classOfClaim = ({ metadata, spec }: PersistentVolumeClaim): string =>
  metadata.annotations?.[classAnnotation] ?? spec?.storageClassName ?? ''
export const classOfVolume = ({ metadata, spec }: PersistentVolume): string =>
  metadata.annotations?.[classAnnotation] ?? spec?.storageClassName ?? ''
/** Whether the claim says anything of a class, be it that it wants none. */
export const namesClass = ({ metadata, spec }: PersistentVolumeClaim): boolean =>
  metadata.annotations?.[classAnnotation] !== undefined || (spec?.storageClassName !== undefined && spec.storageClassName !== null)

/** The class that claims get which name none: of several defaults the newest, then the first by name. */
export function defaultClass(classes: readonly StorageClass[]): StorageClass | undefined {
  const defaults = classes.filter(({ metadata }) => defaultAnnotations.some((name) => metadata.annotations?.[name] === 'true'))
  return defaults.sort((a, b) => {
    const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '']
    if (left !== right) return left > right ? -1 : 1
    return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1
  })[0]
}

/** Whether the volume's claimRef names this claim: by uid, or by name alone when an administrator has reserved it. */
export function isBoundTo({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  const reference = spec?.claimRef
  if (reference?.name !== metadata.name || reference?.namespace !== metadata.namespace) return false
  return (reference?.uid ?? '') === '' || reference?.uid === metadata.uid
}

export const sameMode = (claim: PersistentVolumeClaim, volume: PersistentVolume): boolean =>
  (claim.spec?.volumeMode ?? 'Filesystem') === (volume.spec?.volumeMode ?? 'Filesystem')
export const hasAccessModes = (claim: PersistentVolumeClaim, volume: PersistentVolume): boolean =>
  (claim.spec?.accessModes ?? []).every((mode) => volume.spec?.accessModes?.includes(mode) === true)

const sizeOf = ({ spec }: PersistentVolume) => spec?.capacity?.['storage'] ?? '0'
const sameAttributes = (claim: PersistentVolumeClaim, volume: PersistentVolume): boolean =>
  (claim.spec?.volumeAttributesClassName ?? '') === (volume.spec?.volumeAttributesClassName ?? '')
const isLargeEnough = (claim: PersistentVolumeClaim, volume: PersistentVolume): boolean =>
  compareQuantity(sizeOf(volume), claim.spec?.resources?.requests?.['storage'] ?? '0') >= 0

/** Why a volume that a claim names cannot be its volume; undefined: it can. */
export function refuseVolume(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (volume.metadata.deletionTimestamp !== undefined) return `the volume is marked for deletion ${JSON.stringify(volume.metadata.name)}`
  if (!isLargeEnough(claim, volume)) return 'requested PV is too small'
  if (classOfVolume(volume) !== classOfClaim(claim)) return 'storageClassName does not match'
  if (!sameAttributes(claim, volume)) return 'volumeAttributesClassName does not match'
  if (!sameMode(claim, volume)) return 'incompatible volumeMode'
  return hasAccessModes(claim, volume) ? undefined : 'incompatible accessMode'
}

/**
 * The volume for a claim: the one reserved for it, else the smallest that will do, of those with the fewest access
 * modes. With `delayed` only a reserved one: the scheduler chooses.
 */
export function findVolume(claim: PersistentVolumeClaim, volumes: readonly PersistentVolume[], delayed: boolean): PersistentVolume | undefined {
  const selector: LabelSelector | undefined = claim.spec?.selector === undefined ? undefined : selectorFromObject(claim.spec.selector)
  const modes = (volume: PersistentVolume): number => new Set(volume.spec?.accessModes).size
  const fitting = volumes.filter((volume) => hasAccessModes(claim, volume) && isLargeEnough(claim, volume) && sameMode(claim, volume)
    && sameAttributes(claim, volume) && volume.metadata.deletionTimestamp === undefined
    && (volume.spec?.claimRef === undefined || isBoundTo(volume, claim)))
  const reserved = fitting.find((volume) => isBoundTo(volume, claim))
  if (reserved !== undefined || delayed) return reserved
  return fitting
    .filter((volume) => volume.status?.phase === 'Available' && classOfVolume(volume) === classOfClaim(claim)
      && selector?.matches(volume.metadata.labels) !== false)
    .sort((a, b) => modes(a) - modes(b) || compareQuantity(sizeOf(a), sizeOf(b)))[0]
}

const nodeMatchers = new WeakMap<PersistentVolume, NodeMatcher>()

/** Whether the volume can be reached from nodes with these labels. */
export function volumeReaches(volume: PersistentVolume, labels: Readonly<Record<string, string>> | undefined): boolean {
  const required = volume.spec?.nodeAffinity?.required
  if (required === undefined) return true
  let matches = nodeMatchers.get(volume)
  if (matches === undefined) nodeMatchers.set(volume, (matches = compileNodeSelector(required)))
  return matches({ metadata: { labels } })
}

/**
 * The volume for a claim on a node: one bound to it already, else the smallest that will do. undefined where there is
 * none, also when the bound one is out of the node's reach (upstream: FindMatchingVolume with a node).
 */
export function findVolumeOnNode(
  claim: PersistentVolumeClaim, volumes: readonly PersistentVolume[], labels: Readonly<Record<string, string>> | undefined, taken: ReadonlySet<string>,
): PersistentVolume | undefined {
  const selector = claim.spec?.selector === undefined ? undefined : selectorFromObject(claim.spec.selector)
  const wantedClass = classOfClaim(claim)
  let best: PersistentVolume | undefined
  for (const volume of volumes) {
    if (taken.has(volume.metadata.name!)) continue
    const bound = isBoundTo(volume, claim)
    if (volume.spec?.claimRef !== undefined && !bound) continue
    if (!isLargeEnough(claim, volume) || !sameMode(claim, volume) || !sameAttributes(claim, volume) || volume.metadata.deletionTimestamp !== undefined) continue
    if (bound) return volumeReaches(volume, labels) ? volume : undefined
    if (volume.status?.phase !== 'Available' || selector?.matches(volume.metadata.labels) === false || classOfVolume(volume) !== wantedClass) continue
    if (!volumeReaches(volume, labels) || !hasAccessModes(claim, volume)) continue
    if (best === undefined || compareQuantity(sizeOf(best), sizeOf(volume)) > 0) best = volume
  }
  return best
}
