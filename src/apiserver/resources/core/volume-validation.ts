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

function* local(path: string, source: NonNullable<PersistentVolumeSpec['local']>, affinity: string, hasAffinity: boolean): Generator<FieldError> {
  if (!source.path) yield fieldRequired(`${path}.path`)
  else yield* noBacksteps(`${path}.path`, source.path)
  if (!hasAffinity) yield fieldRequired(affinity, 'Local volume requires node affinity')
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

/** A specification, where it stands and the name of the volume, '' for one that stands within another object. */
interface Place { readonly at: string; readonly spec: PersistentVolumeSpec; readonly volume: string }

/** The check of each source; those that pods have in the same form come from there. */
function sourceCheck(name: Name, { at, spec, volume }: Place): () => Errors {
  const path = `${at}.${name}`
  switch (name) {
    case 'hostPath': return () => hostPathErrors(path, spec.hostPath!)
    case 'nfs': return () => nfsErrors(path, spec.nfs!)
    case 'fc': return () => fcErrors(path, spec.fc!)
    case 'flexVolume': return () => flexErrors(path, spec.flexVolume!)
    case 'glusterfs': return () => glusterfs(path, spec.glusterfs!)
    case 'iscsi': return () => iscsi(path, spec.iscsi!, volume)
    case 'csi': return () => csi(path, spec.csi!)
    case 'local': return () => local(path, spec.local!, `${at}.nodeAffinity`, spec.nodeAffinity !== undefined)
    case 'storageos': return () => storageOS(path, spec.storageos!)
    case 'cinder': return function* () {
      yield* required(`${path}.volumeID`, spec.cinder!.volumeID)
      yield* secretReference(`${path}.secretRef`, spec.cinder!.secretRef, false)
    }
    case 'azureFile': return function* () {
      yield* requiredMembers(path, spec.azureFile!, 'secretName', 'shareName')
      if (spec.azureFile!.secretNamespace === '') yield fieldRequired(`${path}.secretNamespace`)
    }
    default: return legacyVolumeSources(at, { name: '', [name]: spec[name] })[name]![2]
  }
}

function* modes(path: string, list: readonly string[]): Generator<FieldError> {
  if (list.length === 0) yield fieldRequired(path)
  for (const mode of list) if (!accessModes.includes(mode)) yield fieldNotSupported(path, mode, accessModes)
  if (list.includes('ReadWriteOncePod') && list.some((mode) => mode !== 'ReadWriteOncePod' && accessModes.includes(mode))) {
    yield fieldForbidden(path, 'may not use ReadWriteOncePod with other access modes')
  }
}

function* capacity(at: string, { capacity: list = {} }: PersistentVolumeSpec): Generator<FieldError> {
  if (size(list) === 0) yield fieldRequired(at)
  if (list.storage === undefined || size(list) > 1) yield fieldNotSupported(at, size(list) === 0 ? null : list, ['storage'])
  for (const [name, amount] of Object.entries(list)) {
    const path = keyPath(at, name)
    if (compareQuantity(amount, '0') < 0) yield fieldInvalid(path, Number(amount), 'must be a valid resource quantity')
    yield* positiveQuantity(path, amount)
  }
}

function* classes(at: string, spec: PersistentVolumeSpec, inline: boolean): Generator<FieldError> {
  if (spec.hostPath !== undefined && posix.normalize(spec.hostPath.path ?? '') === '/' && spec.persistentVolumeReclaimPolicy === 'Recycle') {
    yield fieldForbidden(`${at}.persistentVolumeReclaimPolicy`, "may not be 'recycle' for a hostPath mount of '/'")
  }
  if (spec.storageClassName) {
    if (inline) yield fieldForbidden(`${at}.storageClassName`, inlineText)
    else yield* dnsSubdomain(`${at}.storageClassName`, spec.storageClassName)
  }
  if (spec.volumeMode !== undefined && inline) {
    if (spec.volumeMode !== 'Filesystem') yield fieldForbidden(`${at}.volumeMode`, 'may not specify volumeMode other than Filesystem in the context of inline volumes')
  } else yield* optionalOneOf(`${at}.volumeMode`, spec.volumeMode, volumeModes)
  const attributes = spec.volumeAttributesClassName
  if (attributes === undefined || inline) return
  if (attributes === '') yield fieldRequired(`${at}.volumeAttributesClassName`, 'an empty string is disallowed')
  else yield* dnsSubdomain(`${at}.volumeAttributesClassName`, attributes)
  if (spec.csi === undefined) yield fieldRequired(`${at}.csi`, 'has to be specified when using volumeAttributesClassName')
}

const inlineText = 'may not be specified in the context of inline volumes'

/** What only a volume that is an object of its own may say. */
function* ownErrors(at: string, spec: PersistentVolumeSpec): Generator<FieldError> {
  yield* capacity(`${at}.capacity`, spec)
  const policy = spec.persistentVolumeReclaimPolicy
  if (policy) yield* optionalOneOf(`${at}.persistentVolumeReclaimPolicy`, policy, ['Delete', 'Recycle', 'Retain'])
  if (spec.nodeAffinity === undefined) return
  const affinity = spec.nodeAffinity.required
  if (affinity === undefined) yield fieldRequired(`${at}.nodeAffinity.required`, 'must specify required node constraints')
  else yield* nodeSelectorErrors(`${at}.nodeAffinity.required`, affinity)
}

/** What a volume that stands within another object may not say. */
function* inlineErrors(at: string, spec: PersistentVolumeSpec): Generator<FieldError> {
  if (spec.claimRef) yield fieldForbidden(`${at}.claimRef`, inlineText)
  if (size(spec.capacity ?? {}) > 0) yield fieldForbidden(`${at}.capacity`, inlineText)
  if (!spec.csi) yield fieldRequired(`${at}.csi`, 'has to be specified in the context of inline volumes')
}

function* inlinePolicyErrors(at: string, { persistentVolumeReclaimPolicy: policy, nodeAffinity }: PersistentVolumeSpec): Generator<FieldError> {
  if (policy && policy !== 'Retain') yield fieldForbidden(`${at}.persistentVolumeReclaimPolicy`, 'may only be Retain in the context of inline volumes')
  if (nodeAffinity) yield fieldForbidden(`${at}.nodeAffinity`, inlineText)
}

/** The specification of a volume by itself, or of one within a volume attachment. */
export function* volumeSpecErrors({ at, spec, volume }: Place, inline: boolean): Generator<FieldError> {
  if (inline) yield* inlineErrors(at, spec)
  yield* modes(`${at}.accessModes`, spec.accessModes ?? [])
  yield* inline ? inlinePolicyErrors(at, spec) : ownErrors(at, spec)
  const sources = sourceNames.map((name) => [name === 'cephfs' ? 'cephFS' : name, spec[name], sourceCheck(name, { at, spec, volume })] as const)
  const count = yield* onlyOne(at, sources, 'may not specify more than 1 volume type')
  if (count === 0) yield fieldRequired(at, 'must specify a volume type')
  yield* classes(at, spec, inline)
}

export function* validatePersistentVolume(volume: PersistentVolume): Generator<FieldError> {
  const spec = volume.spec!
  yield* volumeSpecErrors({ at: 'spec', spec, volume: volume.metadata.name ?? '' }, false)
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
