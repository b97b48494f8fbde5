/** Persistent volumes (upstream: ValidatePersistentVolumeSpec, -Update). */
import { posix } from 'node:path'
import type { PersistentVolume, PersistentVolumeSpec, SecretReference } from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, keyPath } from '../../../api/meta/field-errors.ts'
import { compareQuantity } from '../../../api/meta/quantity.ts'
import { accessModes, volumeModes } from '../validation/claim-spec.ts'
import {
  dnsLabel, dnsSubdomain, immutable, namespaceName, noBacksteps, onlyOne, optionalOneOf, positiveQuantity, required, semanticEqual, size, type Errors,
} from '../validation/common.ts'
import { nodeSelectorErrors } from '../validation/pod-scheduling.ts'
import { unifiedDiff } from '../validation/text-diff.ts'
import { csiDriverName, fcErrors, flexErrors, hostPathErrors, iscsiErrors, legacyVolumeSources, nfsErrors, requiredMembers } from '../validation/volume-sources.ts'

export const sourceNames = [
  'hostPath', 'gcePersistentDisk', 'awsElasticBlockStore', 'glusterfs', 'flocker', 'nfs', 'rbd', 'quobyte', 'cephfs', 'iscsi', 'cinder', 'fc',
  'flexVolume', 'azureFile', 'vsphereVolume', 'photonPersistentDisk', 'portworxVolume', 'azureDisk', 'scaleIO', 'local', 'storageos', 'csi',
] as const
type Name = typeof sourceNames[number]

function* secretReference(path: string, secret: SecretReference | undefined, nameCheck = true): Generator<FieldError> {
  if (secret === undefined) return
  for (const name of ['name', 'namespace'] as const) {
    if (!secret[name]) yield fieldRequired(`${path}.${name}`)
    else if (nameCheck) yield* name === 'name' ? dnsSubdomain(`${path}.name`, secret.name!) : namespaceName(`${path}.namespace`, secret.namespace!)
  }
}

function* csi(path: string, source: NonNullable<PersistentVolumeSpec['csi']>): Generator<FieldError> {
  yield* csiDriverName(`${path}.driver`, source.driver)
  yield* required(`${path}.volumeHandle`, source.volumeHandle)
  for (const name of ['controllerPublishSecretRef', 'controllerExpandSecretRef', 'nodePublishSecretRef', 'nodeExpandSecretRef'] as const) {
    yield* secretReference(`${path}.${name}`, source[name])
  }
}

function* iscsi(path: string, source: NonNullable<PersistentVolumeSpec['iscsi']>, volume: string): Generator<FieldError> {
  if (source.initiatorName !== undefined && `${volume}:${source.targetPortal}`.length > 64) {
    yield fieldInvalid(`${path}.targetportal`, source.targetPortal, 'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.')
  }
  yield* iscsiErrors(path, source, 'must be valid format')
  if (source.secretRef !== undefined) yield* required(`${path}.secretRef.name`, source.secretRef.name)
}

function* local(path: string, source: NonNullable<PersistentVolumeSpec['local']>, hasAffinity: boolean): Generator<FieldError> {
  if (!source.path) yield fieldRequired(`${path}.path`)
  else yield* noBacksteps(`${path}.path`, source.path)
  if (!hasAffinity) yield fieldRequired('spec.nodeAffinity', 'Local volume requires node affinity')
}

function* glusterfs(path: string, source: NonNullable<PersistentVolumeSpec['glusterfs']>): Generator<FieldError> {
  yield* requiredMembers(path, source, 'endpoints', 'path')
  const namespace = source.endpointsNamespace
  if (namespace === '') yield fieldInvalid(`${path}.endpointsNamespace`, '', 'if the endpointnamespace is set, it must be a valid namespace name')
  else if (namespace !== undefined) yield* namespaceName(`${path}.endpointsNamespace`, namespace)
}

function* storageOS(path: string, source: NonNullable<PersistentVolumeSpec['storageos']>): Generator<FieldError> {
  if (!source.volumeName) yield fieldRequired(`${path}.volumeName`)
  else yield* dnsLabel(`${path}.volumeName`, source.volumeName)
  if (source.volumeNamespace) yield* dnsLabel(`${path}.volumeNamespace`, source.volumeNamespace)
  if (source.secretRef !== undefined) yield* requiredMembers(`${path}.secretRef`, source.secretRef, 'name', 'namespace')
}

/** The check of each source; those that pods have in the same form come from there. */
function sourceCheck(name: Name, volume: PersistentVolume): () => Errors {
  const spec = volume.spec!
  const path = `spec.${name}`
  switch (name) {
    case 'hostPath': return () => hostPathErrors(path, spec.hostPath!)
    case 'nfs': return () => nfsErrors(path, spec.nfs!)
    case 'fc': return () => fcErrors(path, spec.fc!)
    case 'flexVolume': return () => flexErrors(path, spec.flexVolume!)
    case 'glusterfs': return () => glusterfs(path, spec.glusterfs!)
    case 'iscsi': return () => iscsi(path, spec.iscsi!, volume.metadata.name ?? '')
    case 'csi': return () => csi(path, spec.csi!)
    case 'local': return () => local(path, spec.local!, spec.nodeAffinity !== undefined)
    case 'storageos': return () => storageOS(path, spec.storageos!)
    case 'cinder': return function* () {
      yield* required(`${path}.volumeID`, spec.cinder!.volumeID)
      yield* secretReference(`${path}.secretRef`, spec.cinder!.secretRef, false)
    }
    case 'azureFile': return function* () {
      yield* requiredMembers(path, spec.azureFile!, 'secretName', 'shareName')
      if (spec.azureFile!.secretNamespace === '') yield fieldRequired(`${path}.secretNamespace`)
    }
    default: return legacyVolumeSources('spec', { name: '', [name]: spec[name] })[name]![2]
  }
}

function* modes(list: readonly string[]): Generator<FieldError> {
  if (list.length === 0) yield fieldRequired('spec.accessModes')
  for (const mode of list) if (!accessModes.includes(mode)) yield fieldNotSupported('spec.accessModes', mode, accessModes)
  if (list.includes('ReadWriteOncePod') && list.some((mode) => mode !== 'ReadWriteOncePod' && accessModes.includes(mode))) {
    yield fieldForbidden('spec.accessModes', 'may not use ReadWriteOncePod with other access modes')
  }
}

function* capacity({ capacity: list = {} }: PersistentVolumeSpec): Generator<FieldError> {
  if (size(list) === 0) yield fieldRequired('spec.capacity')
  if (list.storage === undefined || size(list) > 1) yield fieldNotSupported('spec.capacity', size(list) === 0 ? null : list, ['storage'])
  for (const [name, amount] of Object.entries(list)) {
    const path = keyPath('spec.capacity', name)
    if (compareQuantity(amount, '0') < 0) yield fieldInvalid(path, Number(amount), 'must be a valid resource quantity')
    yield* positiveQuantity(path, amount)
  }
}

function* classes(spec: PersistentVolumeSpec): Generator<FieldError> {
  if (spec.hostPath !== undefined && posix.normalize(spec.hostPath.path ?? '') === '/' && spec.persistentVolumeReclaimPolicy === 'Recycle') {
    yield fieldForbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'")
  }
  if (spec.storageClassName) yield* dnsSubdomain('spec.storageClassName', spec.storageClassName)
  yield* optionalOneOf('spec.volumeMode', spec.volumeMode, volumeModes)
  const attributes = spec.volumeAttributesClassName
  if (attributes === undefined) return
  if (attributes === '') yield fieldRequired('spec.volumeAttributesClassName', 'an empty string is disallowed')
  else yield* dnsSubdomain('spec.volumeAttributesClassName', attributes)
  if (spec.csi === undefined) yield fieldRequired('spec.csi', 'has to be specified when using volumeAttributesClassName')
}

export function* validatePersistentVolume(volume: PersistentVolume): Generator<FieldError> {
  const spec = volume.spec!
  yield* modes(spec.accessModes ?? [])
  yield* capacity(spec)
  const policy = spec.persistentVolumeReclaimPolicy
  if (policy) yield* optionalOneOf('spec.persistentVolumeReclaimPolicy', policy, ['Delete', 'Recycle', 'Retain'])
  if (spec.nodeAffinity !== undefined) {
    const affinity = spec.nodeAffinity.required
    if (affinity === undefined) yield fieldRequired('spec.nodeAffinity.required', 'must specify required node constraints')
    else yield* nodeSelectorErrors('spec.nodeAffinity.required', affinity)
  }
  const sources = sourceNames.map((name) => [name === 'cephfs' ? 'cephFS' : name, spec[name], sourceCheck(name, volume)] as const)
  const count = yield* onlyOne('spec', sources, 'may not specify more than 1 volume type')
  if (count === 0) yield fieldRequired('spec', 'must specify a volume type')
  yield* classes(spec)
  const mounts = volume.metadata.annotations?.['volume.beta.kubernetes.io/mount-options']
  if (mounts !== undefined && !mountable.some((name) => spec[name] !== undefined)) {
    yield fieldForbidden('metadata.annotations.volume.beta.kubernetes.io/mount-options', 'may not specify mount options for this volume type')
  }
}

/** Sources that take mount options by annotation. */
const mountable = [
  'gcePersistentDisk', 'awsElasticBlockStore', 'glusterfs', 'nfs', 'rbd', 'quobyte', 'iscsi', 'cinder', 'cephfs', 'azureFile', 'vsphereVolume',
  'azureDisk', 'photonPersistentDisk',
] as const satisfies readonly Name[]

/** The source alone; a secret for expansion may be added to a CSI volume. */
function sourceOf(spec: PersistentVolumeSpec, old: PersistentVolumeSpec | undefined): object {
  const source: Record<string, unknown> = Object.fromEntries(sourceNames.map((name) => [name, spec[name]]))
  if (old?.csi !== undefined && old.csi.controllerExpandSecretRef === undefined && spec.csi !== undefined) {
    source.csi = { ...spec.csi, controllerExpandSecretRef: undefined }
  }
  return source
}

export function* validatePersistentVolumeUpdate(
  volume: PersistentVolume, old: PersistentVolume, { feature }: { readonly feature: (name: string) => boolean },
): Generator<FieldError> {
  yield* validatePersistentVolume(volume)
  const [spec, before] = [volume.spec!, old.spec!]
  const [now, was] = [sourceOf(spec, before), sourceOf(before, undefined)]
  if (!semanticEqual(now, was)) {
    yield fieldForbidden('spec.persistentvolumesource', `spec.persistentvolumesource is immutable after creation\n${unifiedDiff(was, now)}`)
  }
  yield* immutable('volumeMode', spec.volumeMode, before.volumeMode)
  if (!feature('MutablePVNodeAffinity') && before.nodeAffinity !== undefined && !semanticEqual(spec.nodeAffinity, before.nodeAffinity)) {
    yield fieldInvalid('nodeAffinity', spec.nodeAffinity ?? null, 'field is immutable, except for updating from beta label to GA')
  }
  if (before.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined) {
    yield fieldForbidden('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden')
  }
}
