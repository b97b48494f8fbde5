/** Volume sources that pods and persistent volumes share, most of them of the old in-tree drivers. */
import type { CSIVolumeSource, Volume } from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldInvalid, fieldNotSupported, fieldRequired, fieldTooLong, keyPath } from '../../../api/meta/field-errors.ts'
import { inclusiveRangeError, isDNS1123Subdomain } from '../../../api/meta/names.ts'
import { dnsLabel, invalidAll, localDescendingPath, noBacksteps, required, type Errors } from './common.ts'

type Source<K extends keyof Volume> = NonNullable<Volume[K]>

const hostPathTypes = ['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket']

export function* hostPathErrors(path: string, source: Source<'hostPath'>): Generator<FieldError> {
  if (!source.path) {
    yield fieldRequired(`${path}.path`)
    return
  }
  yield* noBacksteps(`${path}.path`, source.path)
  if (source.type !== undefined && !hostPathTypes.includes(source.type)) yield fieldNotSupported(`${path}.type`, source.type, hostPathTypes)
}

function* gitRepo(path: string, source: Source<'gitRepo'>): Generator<FieldError> {
  yield* required(`${path}.repository`, source.repository)
  yield* localDescendingPath(`${path}.directory`, source.directory ?? '')
}

function* partition(path: string, value: number | undefined): Generator<FieldError> {
  if (value !== undefined && (value < 0 || value > 255)) yield fieldInvalid(`${path}.partition`, value, inclusiveRangeError(1, 255))
}

export function* nfsErrors(path: string, source: Source<'nfs'>): Generator<FieldError> {
  yield* required(`${path}.server`, source.server)
  yield* required(`${path}.path`, source.path)
  if (!source.path?.startsWith('/')) yield fieldInvalid(`${path}.path`, source.path ?? '', 'must be an absolute path')
}

const iqnForms = [
  ['iqn', /iqn\.\d{4}-\d{2}\.([A-Za-z0-9.-]+)(:[^,;*&$|\s]+)$/],
  ['eui', /^eui.[A-Za-z0-9]{16}$/],
  ['naa', /^naa.[A-Za-z0-9]{32}$/],
] as const

function* qualifiedISCSIName(path: string, value: string, formText: string): Generator<FieldError> {
  const form = iqnForms.find(([prefix]) => value.startsWith(prefix))
  if (form === undefined) yield fieldInvalid(path, value, formText)
  else if (!form[1].test(value)) yield fieldInvalid(path, value, 'must be valid format')
}

interface ISCSI {
  targetPortal: string
  iqn: string
  lun: number
  chapAuthDiscovery?: boolean
  chapAuthSession?: boolean
  initiatorName?: string
  secretRef?: unknown
}

export function* iscsiErrors(path: string, source: ISCSI, formText = 'must be valid format starting with iqn, eui, or naa'): Generator<FieldError> {
  yield* required(`${path}.targetPortal`, source.targetPortal)
  if (!source.iqn) yield fieldRequired(`${path}.iqn`)
  else yield* qualifiedISCSIName(`${path}.iqn`, source.iqn, formText)
  if (source.lun < 0 || source.lun > 255) yield fieldInvalid(`${path}.lun`, source.lun, inclusiveRangeError(0, 255))
  if ((source.chapAuthDiscovery || source.chapAuthSession) && source.secretRef === undefined) yield fieldRequired(`${path}.secretRef`)
  if (source.initiatorName !== undefined) yield* qualifiedISCSIName(`${path}.initiatorname`, source.initiatorName, formText)
}

export function* fcErrors(path: string, source: Source<'fc'>): Generator<FieldError> {
  const [wwns, wwids] = [source.targetWWNs?.length ?? 0, source.wwids?.length ?? 0]
  if (wwns === 0 && wwids === 0) yield fieldRequired(`${path}.targetWWNs`, 'must specify either targetWWNs or wwids, but not both')
  if (wwns > 0 && wwids > 0) yield fieldInvalid(`${path}.targetWWNs`, source.targetWWNs, 'targetWWNs and wwids can not be specified simultaneously')
  if (wwns === 0) return
  if (source.lun === undefined) yield fieldRequired(`${path}.lun`, 'lun is required if targetWWNs is specified')
  else if (source.lun < 0 || source.lun > 255) yield fieldInvalid(`${path}.lun`, source.lun, inclusiveRangeError(0, 255))
}

export function* flexErrors(path: string, source: { driver: string; options?: Record<string, string> }): Generator<FieldError> {
  yield* required(`${path}.driver`, source.driver)
  for (const key of Object.keys(source.options ?? {})) {
    const domain = `.${key.split('/')[0]!.toLowerCase()}`
    if (domain.endsWith('.kubernetes.io') || domain.endsWith('.k8s.io')) {
      yield fieldInvalid(keyPath(`${path}.options`, key), key, 'kubernetes.io and k8s.io namespaces are reserved')
    }
  }
}

function* quobyte(path: string, source: Source<'quobyte'>): Generator<FieldError> {
  const pairs = 'must be a host:port pair or multiple pairs separated by commas'
  if (!source.registry) yield fieldRequired(`${path}.registry`, pairs)
  else if ((source.tenant?.length ?? 0) >= 65) yield fieldRequired(`${path}.tenant`, 'must be a UUID and may not exceed a length of 64 characters')
  else if (source.registry.split(',').some((pair) => !/^[^:]*:[^:]*$/.test(pair))) yield fieldInvalid(`${path}.registry`, source.registry, pairs)
  yield* required(`${path}.volume`, source.volume)
}

function* flocker(path: string, source: Source<'flocker'>): Generator<FieldError> {
  if (!source.datasetName && !source.datasetUUID) yield fieldRequired(path, 'one of datasetName and datasetUUID is required')
  if (source.datasetName && source.datasetUUID) yield fieldInvalid(path, 'resource', 'datasetName and datasetUUID can not be specified simultaneously')
  if (source.datasetName?.includes('/')) yield fieldInvalid(`${path}.datasetName`, source.datasetName, "must not contain '/'")
}

const managedURI = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}'
const blobURI = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd'
const diskKinds = ['Dedicated', 'Managed', 'Shared']
const cachingModes = ['None', 'ReadOnly', 'ReadWrite']

export function* azureDiskErrors(path: string, source: Source<'azureDisk'>): Generator<FieldError> {
  yield* required(`${path}.diskName`, source.diskName)
  yield* required(`${path}.diskURI`, source.diskURI)
  const { kind, cachingMode } = source
  const diskURI = source.diskURI || ''
  if (cachingMode !== undefined && !cachingModes.includes(cachingMode)) yield fieldNotSupported(`${path}.cachingMode`, cachingMode, cachingModes)
  if (kind !== undefined && !diskKinds.includes(kind)) yield fieldNotSupported(`${path}.kind`, kind, diskKinds)
  if (kind === 'Managed' && !diskURI.startsWith('/subscriptions/')) yield fieldNotSupported(`${path}.diskURI`, diskURI, [managedURI])
  if (kind !== undefined && kind !== 'Managed' && !diskURI.startsWith('https://')) yield fieldNotSupported(`${path}.diskURI`, diskURI, [blobURI])
}

function* storageOS(path: string, source: Source<'storageos'>): Generator<FieldError> {
  if (!source.volumeName) yield fieldRequired(`${path}.volumeName`)
  else yield* dnsLabel(`${path}.volumeName`, source.volumeName)
  if (source.volumeNamespace) yield* dnsLabel(`${path}.volumeNamespace`, source.volumeNamespace)
  if (source.secretRef !== undefined) yield* required(`${path}.secretRef.name`, source.secretRef.name)
}

/** A CSI driver's name: a DNS name of at most 63 characters in any case. */
export function* csiDriverName(path: string, name: string | undefined): Generator<FieldError> {
  if (!name) {
    yield fieldRequired(path)
    return
  }
  if (name.length > 63) yield fieldTooLong(path, 63)
  yield* invalidAll(path, name, isDNS1123Subdomain(name.toLowerCase()))
}

function* csi(path: string, source: CSIVolumeSource): Generator<FieldError> {
  yield* csiDriverName(`${path}.driver`, source.driver)
  const secret = source.nodePublishSecretRef
  if (secret === undefined) return
  if (!secret.name) yield fieldRequired(`${path}.nodePublishSecretRef.name`)
  else yield* invalidAll(`${path}.name`, secret.name, isDNS1123Subdomain(secret.name))
}

/** Each listed member must be there. */
export function* requiredMembers(path: string, source: object, ...names: readonly string[]): Generator<FieldError> {
  for (const name of names) {
    const value = (source as Record<string, unknown>)[name]
    if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) yield fieldRequired(`${path}.${name}`)
  }
}

function* cinder(path: string, source: Source<'cinder'>): Generator<FieldError> {
  yield* required(`${path}.volumeID`, source.volumeID)
  if (source.secretRef !== undefined) yield* required(`${path}.secretRef.name`, source.secretRef.name)
}

function* iscsi(path: string, v: Volume): Generator<FieldError> {
  const source = v.iscsi!
  yield* iscsiErrors(`${path}.iscsi`, source)
  if (source.initiatorName !== undefined && `${v.name}:${source.targetPortal}`.length > 64) {
    yield fieldInvalid(`${path}.name`, v.name, 'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.')
  }
}

type Entry = readonly [name: string, value: unknown, check: () => Errors]

/** The sources of a pod's volume that no pod-specific rule touches, by name. */
export function legacyVolumeSources(path: string, v: Volume): Readonly<Record<string, Entry>> {
  const at = (name: string): string => `${path}.${name}`
  const entry = <K extends keyof Volume>(name: K & string, check: (at: string, source: Source<K>) => Errors): Entry =>
    [name, v[name], () => check(at(name), v[name] as Source<K>)]
  const members = <K extends keyof Volume>(name: K & string, ...names: string[]): Entry =>
    [name, v[name], () => requiredMembers(at(name), v[name] as object, ...names)]
  return {
    hostPath: entry('hostPath', hostPathErrors),
    gitRepo: entry('gitRepo', gitRepo),
    gcePersistentDisk: ['gcePersistentDisk', v.gcePersistentDisk, function* (): Generator<FieldError> {
      yield* required(at('persistentDisk.pdName'), v.gcePersistentDisk?.pdName)
      yield* partition(at('persistentDisk'), v.gcePersistentDisk?.partition)
    }],
    awsElasticBlockStore: entry('awsElasticBlockStore', function* (p, s) {
      yield* required(`${p}.volumeID`, s.volumeID)
      yield* partition(p, s.partition)
    }),
    nfs: entry('nfs', nfsErrors),
    iscsi: ['iscsi', v.iscsi, () => iscsi(path, v)],
    glusterfs: members('glusterfs', 'endpoints', 'path'),
    flocker: entry('flocker', flocker),
    rbd: members('rbd', 'monitors', 'image'),
    cinder: entry('cinder', cinder),
    cephfs: ['cephFS', v.cephfs, () => requiredMembers(at('cephfs'), v.cephfs!, 'monitors')],
    quobyte: entry('quobyte', quobyte),
    fc: entry('fc', fcErrors),
    flexVolume: entry('flexVolume', flexErrors),
    azureFile: members('azureFile', 'secretName', 'shareName'),
    vsphereVolume: members('vsphereVolume', 'volumePath'),
    photonPersistentDisk: members('photonPersistentDisk', 'pdID'),
    portworxVolume: members('portworxVolume', 'volumeID'),
    azureDisk: entry('azureDisk', azureDiskErrors),
    storageos: entry('storageos', storageOS),
    scaleIO: members('scaleIO', 'gateway', 'system', 'volumeName'),
    csi: entry('csi', csi),
  }
}
