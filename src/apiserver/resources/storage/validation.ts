/** Classes, drivers and attachments of storage (upstream: pkg/apis/storage/validation). */
import type {
  CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment, VolumeAttributesClass,
} from '../../../api/generated/types/storage-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import {
  fieldDuplicate, fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, fieldTooLong, indexPath,
} from '../../../api/meta/field-errors.ts'
import { byteLength, goMap } from '../../../api/meta/go-text.ts'
import { validateLabelName, validateLabelSelector } from '../../../api/meta/metadata-validation.ts'
import { dnsSubdomain, immutable, nonNegative, nonNegativeQuantity, optionalOneOf, qualifiedName, required, semanticEqual, size } from '../validation/common.ts'
import { volumeSpecErrors } from '../core/volume-validation.ts'
import { csiDriverName } from '../validation/volume-sources.ts'

function* provisioner(path: string, name: string | undefined): Generator<FieldError> {
  if (!name) yield fieldRequired(path)
  else {
    for (const error of qualifiedName(path, name.toLowerCase())) yield error
  }
}

function* parameterErrors(path: string, parameters: Readonly<Record<string, string>> | undefined, allowEmpty: boolean): Generator<FieldError> {
  const entries = Object.entries(parameters ?? {})
  if (entries.length > 512) {
    yield fieldTooLong(path, 512)
    return
  }
  for (const [key] of entries) if (key === '') yield fieldInvalid(path, key, 'field can not be empty.')
  if (entries.reduce((sum, [key, value]) => sum + byteLength(key) + byteLength(value), 0) > 256 * 1024) yield fieldTooLong(path, 256 * 1024)
  if (!allowEmpty && entries.length === 0) yield fieldRequired(path, 'must contain at least one key/value pair')
}

function* topologyErrors(topologies: NonNullable<StorageClass['allowedTopologies']>): Generator<FieldError> {
  const seen: Record<string, string[]>[] = []
  for (const [i, { matchLabelExpressions }] of topologies.entries()) {
    const at = `${indexPath('allowedTopologies', i)}.matchLabelExpressions`
    const terms: Record<string, string[]> = {}
    for (const [j, { key = '', values = [] }] of (matchLabelExpressions ?? []).entries()) {
      const path = indexPath(at, j)
      if (values.length === 0) yield fieldRequired(`${path}.values`)
      for (const [k, value] of values.entries()) if (values.indexOf(value) < k) yield fieldDuplicate(indexPath(`${path}.values`, k), value)
      yield* validateLabelName(key, `${path}.key`)
      if (key in terms) yield fieldDuplicate(`${path}.key`, key)
      terms[key] = [...new Set(values)].sort()
    }
    if (seen.some((other) => semanticEqual(other, terms)) || (size(terms) === 0 && i > 0)) yield fieldDuplicate(at, '')
    seen.push(terms)
  }
}

export function* validateStorageClass(sc: StorageClass): Generator<FieldError> {
  yield* provisioner('provisioner', sc.provisioner)
  yield* parameterErrors('parameters', sc.parameters, true)
  if (sc.reclaimPolicy) yield* optionalOneOf('reclaimPolicy', sc.reclaimPolicy, ['Delete', 'Retain'])
  if (sc.volumeBindingMode === undefined) yield fieldRequired('volumeBindingMode')
  yield* optionalOneOf('volumeBindingMode', sc.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer'])
  yield* topologyErrors(sc.allowedTopologies ?? [])
}

export function* validateStorageClassUpdate(sc: StorageClass, old: StorageClass): Generator<FieldError> {
  yield* immutable('parameters', goMap(sc.parameters), goMap(old.parameters))
  for (const name of ['provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const) yield* immutable(name, sc[name], old[name])
}

type Source = Partial<VolumeAttachment['spec']['source']>
type VolumeError = NonNullable<NonNullable<VolumeAttachment['status']>['attachError']>

function* sourceErrors(path: string, { inlineVolumeSpec: inline, persistentVolumeName: name }: Source): Generator<FieldError> {
  if (!inline && typeof name !== 'string') yield fieldRequired(path, 'must specify exactly one of inlineVolumeSpec and persistentVolumeName')
  else if (inline && typeof name === 'string') yield fieldForbidden(path, 'must specify exactly one of inlineVolumeSpec and persistentVolumeName')
  else if (name === '') yield fieldRequired(`${path}.persistentVolumeName`, 'must specify non empty persistentVolumeName')
  else if (inline) yield* volumeSpecErrors({ at: `${path}.inlineVolumeSpec`, spec: inline, volume: '' }, true)
}

function* volumeError(path: string, error: VolumeError | undefined): Generator<FieldError> {
  if (byteLength(error?.message ?? '') > 1024) yield fieldTooLong(`${path}.message`, 256 * 1024)
  if ((error?.errorCode ?? 0) < 0) yield fieldInvalid(`${path}.errorCode`, error!.errorCode, 'must be between 0 and 2147483647, inclusive')
}

export function* validateAttachment({ spec, status }: VolumeAttachment): Generator<FieldError> {
  yield* csiDriverName('spec.attacher', spec?.attacher)
  yield* sourceErrors('spec.source', spec?.source ?? {})
  yield* dnsSubdomain('spec.nodeName', spec?.nodeName ?? '')
  const metadata = Object.entries(status?.attachmentMetadata ?? {})
  if (metadata.reduce((sum, [key, value]) => sum + byteLength(key) + byteLength(value), 0) > 256 * 1024) {
    yield fieldTooLong('status.attachmentMetadata', 256 * 1024)
  }
  yield* volumeError('status.attachError', status?.attachError)
  yield* volumeError('status.detachError', status?.detachError)
  const volume = spec?.source?.persistentVolumeName
  if (typeof volume === 'string') yield* dnsSubdomain('spec.source.persistentVolumeName', volume)
}

export function* validateAttachmentUpdate(attachment: VolumeAttachment, old: VolumeAttachment): Generator<FieldError> {
  yield* validateAttachment(attachment)
  if (semanticEqual(attachment.spec, old.spec)) return
  const { attacher = '', nodeName = '', source }: Partial<VolumeAttachment['spec']> = attachment.spec ?? {}
  // Upstream prints its internal type.
  yield fieldInvalid('spec', {
    Attacher: attacher, Source: { PersistentVolumeName: source?.persistentVolumeName ?? null, InlineVolumeSpec: source?.inlineVolumeSpec ?? null },
    NodeName: nodeName,
  }, 'field is immutable')
}

type Driver = CSINode['spec']['drivers'][number]

function* nodeDriverErrors(path: string, { name = '', nodeID = '', allocatable, topologyKeys }: Driver): Generator<FieldError> {
  yield* csiDriverName(`${path}.name`, name)
  if (nodeID === '') yield fieldRequired(`${path}.nodeID`)
  if (byteLength(nodeID) > 256) yield fieldInvalid(`${path}.nodeID`, nodeID, 'must be 256 characters or less')
  yield* nonNegative(`${path}.allocatable.count`, allocatable?.count)
  for (const [i, key] of (topologyKeys ?? []).entries()) {
    if (key === '') yield fieldRequired(path)
    if (topologyKeys!.indexOf(key) < i) yield fieldDuplicate(path, key)
    yield* qualifiedName(path, key)
  }
}

export function* validateCSINode({ spec }: CSINode): Generator<FieldError> {
  const drivers = spec?.drivers ?? []
  for (const [i, driver] of drivers.entries()) {
    const at = indexPath('spec.drivers', i)
    yield* nodeDriverErrors(at, driver)
    if (drivers.findIndex(({ name }) => name === driver.name) < i) yield fieldDuplicate(`${at}.name`, driver.name)
  }
}

export function* validateCSINodeUpdate(node: CSINode, old: CSINode): Generator<FieldError> {
  yield* validateCSINode(node)
  for (const before of old.spec?.drivers ?? []) {
    for (const { allocatable: _, ...driver } of node.spec?.drivers ?? []) {
      const { allocatable: _o, ...same } = before
      if (driver.name !== before.name || semanticEqual(driver, same)) continue
      yield fieldInvalid('spec.drivers', {
        Name: driver.name, NodeID: driver.nodeID ?? '', TopologyKeys: driver.topologyKeys ?? null, Allocatable: null,
      }, 'field is immutable')
    }
  }
}

function* tokenErrors(requests: NonNullable<CSIDriver['spec']['tokenRequests']>): Generator<FieldError> {
  for (const [i, { audience = '', expirationSeconds: seconds }] of requests.entries()) {
    const at = indexPath('spec.tokenRequests', i)
    if (requests.findIndex((other) => (other.audience ?? '') === audience) < i) yield fieldDuplicate(`${at}.audience`, audience)
    else if (seconds !== undefined) {
      if (seconds < 600) yield fieldInvalid(`${at}.expirationSeconds`, seconds, 'may not specify a duration less than 10 minutes')
      if (seconds > 2 ** 32) yield fieldInvalid(`${at}.expirationSeconds`, seconds, 'may not specify a duration larger than 2^32 seconds')
    }
  }
}

export function* validateCSIDriver({ spec }: CSIDriver): Generator<FieldError> {
  for (const [name, path] of [['attachRequired', 'attachedRequired'], ['podInfoOnMount', 'podInfoOnMount'], ['storageCapacity', 'storageCapacity']] as const) {
    yield* required(`spec.${path}`, spec?.[name])
  }
  yield* optionalOneOf('spec.fsGroupPolicy', spec?.fsGroupPolicy, ['File', 'None', 'ReadWriteOnceWithFSType'])
  yield* tokenErrors(spec?.tokenRequests ?? [])
  const modes = ['Persistent', 'Ephemeral']
  for (const mode of spec?.volumeLifecycleModes ?? []) if (!modes.includes(mode)) yield fieldNotSupported('spec.volumeLifecycleModes', mode, modes)
  const period = spec?.nodeAllocatableUpdatePeriodSeconds
  if (period !== undefined && period < 10) {
    yield fieldInvalid('spec.nodeAllocatableUpdatePeriodSeconds', period, 'must be greater than or equal to 10 seconds')
  }
  const inSecrets = spec?.serviceAccountTokenInSecrets
  if (inSecrets !== undefined && !spec?.tokenRequests?.length) {
    yield fieldInvalid('spec.serviceAccountTokenInSecrets', inSecrets, 'serviceAccountTokenInSecrets is set but no tokenRequests are specified')
  }
}

export function* validateCSIDriverUpdate(driver: CSIDriver, old: CSIDriver): Generator<FieldError> {
  yield* validateCSIDriver(driver)
  yield* immutable('spec.attachedRequired', driver.spec?.attachRequired, old.spec?.attachRequired)
  yield* immutable('spec.volumeLifecycleModes', driver.spec?.volumeLifecycleModes, old.spec?.volumeLifecycleModes)
}

export function* csiDriverWarnings({ spec }: CSIDriver, old: CSIDriver | undefined): Generator<string> {
  if (!spec?.tokenRequests?.length || spec.serviceAccountTokenInSecrets !== undefined) return
  if (old !== undefined && semanticEqual(old.spec?.tokenRequests, spec.tokenRequests)) return
  yield tokensInSecretsWarning
}

const tokensInSecretsWarning = 'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, '
  + 'set to true to prevent possible logging of tokens in volume attributes'

export function* validateCapacity({ nodeTopology, storageClassName, capacity }: CSIStorageCapacity): Generator<FieldError> {
  yield* validateLabelSelector(nodeTopology, 'nodeTopology')
  yield* dnsSubdomain('storageClassName', storageClassName ?? '')
  if (capacity !== undefined) yield* nonNegativeQuantity('capacity', capacity)
}

export function* validateCapacityUpdate(capacity: CSIStorageCapacity, old: CSIStorageCapacity): Generator<FieldError> {
  yield* immutable('nodeTopology', capacity.nodeTopology, old.nodeTopology)
  yield* immutable('storageClassName', capacity.storageClassName, old.storageClassName)
}

export function* validateAttributesClass({ driverName, parameters }: VolumeAttributesClass): Generator<FieldError> {
  yield* provisioner('driverName', driverName)
  yield* parameterErrors('parameters', parameters, false)
}

export function* validateAttributesClassUpdate(next: VolumeAttributesClass, old: VolumeAttributesClass): Generator<FieldError> {
  if (next.driverName !== old.driverName) yield fieldForbidden('driverName', 'updates to driverName are forbidden.')
  if (!semanticEqual(next.parameters, old.parameters)) yield fieldForbidden('parameters', 'updates to parameters are forbidden.')
  yield* validateAttributesClass(next)
}
