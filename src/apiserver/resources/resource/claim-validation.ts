/** Claims of devices, their templates and classes (upstream: pkg/apis/resource/validation). */
import type {
  AllocatedDeviceStatus, DeviceClaim, DeviceClass, DeviceRequest, DeviceSubRequest, ExactDeviceRequest, ResourceClaim, ResourceClaimTemplate,
} from '../../../api/generated/types/resource-v1.ts'
import { isExtendedResource } from '../../../api/helpers/pod-resources.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, fieldTooLong, fieldTooMany } from '../../../api/meta/field-errors.ts'
import { byteLength } from '../../../api/meta/go-text.ts'
import { validateConditions } from '../../../api/meta/metadata-validation.ts'
import { isDNS1123Label } from '../../../api/meta/names.ts'
import { templateMetadata } from '../validation/claim-spec.ts'
import { immutable, invalidAll, semanticEqual } from '../validation/common.ts'
import { validateInterfaceAddress } from '../validation/ip.ts'
import { nodeSelectorErrors } from '../validation/pod-scheduling.ts'
import {
  bindingConditions, className, configuration, deviceName, driverName, eachItem, eachOfSet, fullName, poolName, rawObject, selector, shareID, toleration,
} from './parts.ts'

/** The names that constraints and configurations may mean, with those of alternatives. */
type RequestNames = ReadonlyMap<string, ReadonlySet<string>>

function requestNames({ requests }: Partial<DeviceClaim>): RequestNames {
  return new Map((requests ?? []).map(({ name, firstAvailable }) => [name ?? '', new Set((firstAvailable ?? []).map((one) => one.name ?? ''))]))
}

const badReference = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"

const reference = (names: RequestNames) => function* (name: string, path: string): Generator<FieldError> {
  const segments = name.split('/')
  if (segments.length > 2) {
    yield fieldInvalid(path, name, badReference)
    return
  }
  for (const segment of segments) yield* invalidAll(path, segment, isDNS1123Label(segment))
  const alternatives = names.get(segments[0]!)
  if (alternatives === undefined || (segments.length === 2 && !alternatives.has(segments[1]!))) yield fieldInvalid(path, name, badReference)
}

const itself = (name: string): string => name

function* deviceClaim(claim: Partial<DeviceClaim>, path: string, stored: boolean, consumable: boolean): Generator<FieldError> {
  const names = requestNames(claim)
  yield* eachOfSet(`${path}.requests`, claim.requests, 32, (request, at) => deviceRequest(request, at, stored), ({ name }) => name ?? '')
  yield* eachItem(`${path}.constraints`, claim.constraints, 32, function* ({ requests, matchAttribute, distinctAttribute }, at) {
    yield* eachOfSet(`${at}.requests`, requests, 32, reference(names), itself)
    if (matchAttribute !== undefined) yield* fullName(matchAttribute, `${at}.matchAttribute`)
    else if (distinctAttribute !== undefined) yield* fullName(distinctAttribute, `${at}.distinctAttribute`)
    else if (consumable) yield fieldRequired(at, 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set')
    else yield fieldRequired(`${at}.matchAttribute`)
  })
  yield* eachItem(`${path}.config`, claim.config, 32, function* (config, at) {
    yield* eachOfSet(`${at}.requests`, config.requests, 32, reference(names), itself)
    yield* configuration(config, at, stored)
  })
}

function* deviceRequest({ name = '', exactly, firstAvailable }: DeviceRequest, path: string, stored: boolean): Generator<FieldError> {
  yield* invalidAll(`${path}.name`, name, isDNS1123Label(name))
  const alternatives = (firstAvailable ?? []).length > 0
  if (!alternatives && !exactly) yield fieldRequired(path, 'exactly one of `exactly` or `firstAvailable` is required')
  else if (alternatives && exactly) yield fieldInvalid(path, null, 'exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set')
  else if (exactly) yield* requestBody(exactly, `${path}.exactly`, stored)
  else {
    yield* eachOfSet(`${path}.firstAvailable`, firstAvailable, 8, function* (one, at) {
      yield* invalidAll(`${at}.name`, one.name ?? '', isDNS1123Label(one.name ?? ''))
      yield* requestBody(one, at, stored)
    }, (one) => one.name ?? '')
  }
}

function* requestBody(request: ExactDeviceRequest | DeviceSubRequest, path: string, stored: boolean): Generator<FieldError> {
  yield* className(request.deviceClassName, `${path}.deviceClassName`)
  yield* eachItem(`${path}.selectors`, request.selectors, 32, selector(stored))
  const { allocationMode: mode = '', count = 0 } = request
  if (mode === 'All') {
    if (count !== 0) yield fieldInvalid(`${path}.count`, count, "must not be specified when allocationMode is 'All'")
  } else if (mode === 'ExactCount') {
    if (count <= 0) yield fieldInvalid(`${path}.count`, count, 'must be greater than zero')
  } else yield fieldNotSupported(`${path}.allocationMode`, mode, ['All', 'ExactCount'])
  yield* eachItem(`${path}.tolerations`, request.tolerations, -1, toleration)
}

export const validateClaim = ({ spec }: ResourceClaim, consumable: boolean): Iterable<FieldError> =>
  deviceClaim(spec?.devices ?? {}, 'spec.devices', false, consumable)

/** What is asked for does not change: nothing else of it need be looked at. */
export const validateClaimUpdate = (claim: ResourceClaim, old: ResourceClaim): Iterable<FieldError> => immutable('spec', claim.spec, old.spec)

export function* validateTemplate({ spec }: ResourceClaimTemplate, consumable: boolean): Generator<FieldError> {
  yield* templateMetadata('spec.metadata', spec?.metadata)
  yield* deviceClaim(spec?.spec?.devices ?? {}, 'spec.spec.devices', false, consumable)
}

export const validateTemplateUpdate = (template: ResourceClaimTemplate, old: ResourceClaimTemplate): Iterable<FieldError> =>
  immutable('spec', template.spec, old.spec)

export function* validateClass({ spec }: DeviceClass, old?: DeviceClass): Generator<FieldError> {
  const same = (field: 'selectors' | 'config'): boolean => old !== undefined && semanticEqual(spec?.[field], old.spec?.[field])
  yield* eachItem('spec.selectors', spec?.selectors, 32, selector(same('selectors')))
  yield* eachItem('spec.config', spec?.config, 32, (config, at) => configuration(config, at, same('config')))
  const name = spec?.extendedResourceName
  if (name !== undefined && !isExtendedResource(name)) yield fieldInvalid('spec.extendedResourceName', name, 'must be a valid extended resource name')
}

type Status = NonNullable<ResourceClaim['status']>

/** What tells devices apart, as upstream prints it. */
export const deviceID = ({ driver = '', pool = '', device = '', shareID: share = '' }: { driver?: string; pool?: string; device?: string; shareID?: string }): object =>
  ({ Driver: driver, Pool: pool, Device: device, ShareID: share })

export function* validateClaimStatus(claim: ResourceClaim, old: ResourceClaim): Generator<FieldError> {
  const [status, before]: readonly [Status, Status] = [claim.status ?? {}, old.status ?? {}]
  yield* eachOfSet('status.reservedFor', status.reservedFor, 256, function* (consumer, at) {
    for (const name of ['resource', 'name', 'uid'] as const) if (!consumer[name]) yield fieldRequired(`${at}.${name}`)
  }, ({ uid }) => uid ?? '')
  const allocated = new Set((status.allocation?.devices?.results ?? []).map((result) => JSON.stringify(deviceID(result))))
  yield* eachOfSet('status.devices', status.devices, -1, (device, at) => deviceStatus(device, at, allocated), deviceID)
  const path = 'status.reservedFor'
  if ((status.reservedFor ?? []).length > 0) {
    if (!status.allocation) yield fieldForbidden(path, 'may not be specified when `allocated` is not set')
    else if (claim.metadata.deletionTimestamp !== undefined
      && status.reservedFor!.some((consumer) => before.reservedFor?.some((known) => semanticEqual(known, consumer)) !== true)) {
      yield fieldForbidden(path, 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set')
    }
  }
  if (before.allocation && status.allocation) yield* immutable('status.allocation', status.allocation, before.allocation)
  else if (status.allocation) yield* allocationErrors(status.allocation, requestNames(claim.spec?.devices ?? {}))
}

function* allocationErrors({ devices, nodeSelector }: NonNullable<Status['allocation']>, names: RequestNames): Generator<FieldError> {
  const path = 'status.allocation.devices'
  yield* eachItem(`${path}.results`, devices?.results, 32, function* (result, at) {
    yield* reference(names)(result.request ?? '', `${at}.request`)
    yield* driverName(result.driver, `${at}.driver`)
    yield* poolName(result.pool, `${at}.pool`)
    yield* deviceName(result.device, `${at}.device`)
    yield* bindingConditions(result.bindingConditions, result.bindingFailureConditions, at)
    yield* shareID(result.shareID, `${at}.shareID`)
  })
  yield* eachItem(`${path}.config`, devices?.config, 64, function* (config, at) {
    const { source } = config
    if (!source) yield fieldRequired(`${at}.source`)
    else if (source !== 'FromClaim' && source !== 'FromClass') yield fieldNotSupported(`${at}.source`, source, ['FromClaim', 'FromClass'])
    yield* eachOfSet(`${at}.requests`, config.requests, 32, reference(names), itself)
    yield* configuration(config, at, false)
  })
  if (nodeSelector) yield* nodeSelectorErrors('status.allocation.nodeSelector', nodeSelector, false)
}

function* deviceStatus(device: AllocatedDeviceStatus, path: string, allocated: ReadonlySet<string>): Generator<FieldError> {
  yield* driverName(device.driver, `${path}.driver`)
  yield* poolName(device.pool, `${path}.pool`)
  yield* deviceName(device.device, `${path}.device`)
  yield* shareID(device.shareID, `${path}.shareID`)
  const id = deviceID(device)
  if (!allocated.has(JSON.stringify(id))) yield fieldInvalid(path, id, 'must be an allocated device in the claim')
  if ((device.conditions ?? []).length > 8) yield fieldTooMany(`${path}.conditions`, device.conditions!.length, 8)
  yield* validateConditions(device.conditions, `${path}.conditions`)
  if (device.data !== undefined) yield* rawObject(device.data, `${path}.data`, false)
  const { interfaceName = '', hardwareAddress = '', ips } = device.networkData ?? {}
  if (byteLength(interfaceName) > 256) yield fieldTooLong(`${path}.networkData.interfaceName`, 256)
  if (byteLength(hardwareAddress) > 128) yield fieldTooLong(`${path}.networkData.hardwareAddress`, 128)
  yield* eachOfSet(`${path}.networkData.ips`, ips, 16, (address, at) => validateInterfaceAddress(at, address), itself)
}
