/**
 * Who may ask for admin access to devices, and who may write which part of a claim's status (upstream:
 * pkg/registry/resource/utils.go; KEP-5018, and KEP-4817's feature gate DRAResourceClaimGranularStatusAuthorization).
 */
import type { ResourceClaim, ResourceClaimTemplate } from '../../../api/generated/types/resource-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden, fieldInternal, indexPath } from '../../../api/meta/field-errors.ts'
import { isDNS1123Subdomain } from '../../../api/meta/names.ts'
import type { UserInfo } from '../../handler.ts'
import type { AskContext, Asks } from '../define.ts'
import { semanticEqual } from '../validation/common.ts'
import { deviceID } from './claim-validation.ts'

const adminLabel = 'resource.kubernetes.io/admin-access'

type Requests = NonNullable<NonNullable<ResourceClaim['spec']>['devices']>['requests']
type Status = NonNullable<ResourceClaim['status']>

async function namespaceErrors(path: string, name: string, { inquiry }: AskContext): Promise<FieldError[]> {
  const namespace = await inquiry.read('', 'namespaces', '', name)
  if (namespace === undefined) return [fieldInternal(path, `could not retrieve namespace to verify admin access: namespaces ${JSON.stringify(name)} not found`)]
  if (namespace.metadata.labels?.[adminLabel] === 'true') return []
  return [fieldForbidden(path, `admin access to devices requires the \`${adminLabel}: true\` label on the containing namespace`)]
}

async function adminErrors(requests: Requests, namespace: string, context: AskContext): Promise<FieldError[]> {
  const index = (requests ?? []).findIndex(({ exactly }) => exactly?.adminAccess === true)
  return index < 0 ? [] : namespaceErrors(`${indexPath('spec.devices.requests', index)}.adminAccess`, namespace, context)
}

async function adminStatusErrors(claim: ResourceClaim, old: ResourceClaim, context: AskContext): Promise<FieldError[]> {
  const granted = ({ status }: ResourceClaim): number => (status?.allocation?.devices?.results ?? []).findIndex(({ adminAccess }) => adminAccess === true)
  const index = granted(claim)
  if (index < 0 || granted(old) >= 0) return []
  return namespaceErrors(`${indexPath('status.allocation.devices.results', index)}.adminAccess`, claim.metadata.namespace ?? '', context)
}

const resource = { group: 'resource.k8s.io', version: 'v1', resource: 'resourceclaims' }

async function bindingErrors(status: Status, old: Status, context: AskContext): Promise<FieldError[]> {
  if (semanticEqual(status.allocation, old.allocation) && semanticEqual(status.reservedFor, old.reservedFor)) return []
  const { refusal } = await context.inquiry.may(context.user, { ...resource, verb: context.verb, subresource: 'binding' })
  if (refusal === undefined) return []
  return [fieldForbidden('status.allocation', `changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="${context.verb}" permission: ${refusal}`)]
}

const deviceKey = (device: Parameters<typeof deviceID>[0]): string => JSON.stringify(deviceID(device))

/** Drivers of which an entry came, went or changed, in order. */
function changedDrivers(status: Status, old: Status): string[] {
  const before = new Map((old.devices ?? []).map((device) => [deviceKey(device), device]))
  const changed = new Set<string>()
  for (const device of status.devices ?? []) {
    const known = before.get(deviceKey(device))
    before.delete(deviceKey(device))
    if (known === undefined || !semanticEqual(known, device)) changed.add(device.driver)
  }
  for (const { driver } of before.values()) changed.add(driver)
  return [...changed].sort()
}

/** The node that an allocation names and no other; '' when it is not bound to one. */
function nodeOf(allocation: Status['allocation']): string {
  const terms = allocation?.nodeSelector?.nodeSelectorTerms ?? []
  const { matchExpressions = [], matchFields = [] } = terms[0] ?? {}
  if (terms.length !== 1 || matchExpressions.length > 0 || matchFields.length !== 1) return ''
  const { key, operator, values = [] } = matchFields[0]!
  return key === 'metadata.name' && operator === 'In' && values.length === 1 ? values[0]! : ''
}

function isOnNode({ name, extra }: UserInfo, node: string): boolean {
  const names = extra?.['authentication.kubernetes.io/node-name'] ?? []
  return node !== '' && /^system:serviceaccount:[^:]+:[^:]+$/.test(name) && names.length === 1 && isDNS1123Subdomain(names[0]!).length === 0 && names[0] === node
}

async function deviceErrors(claim: ResourceClaim, old: Status, context: AskContext): Promise<FieldError[]> {
  const status = claim.status ?? {}
  const drivers = changedDrivers(status, old)
  if (drivers.length === 0) return []
  const anywhere = `arbitrary-node:${context.verb}`
  const verbs = isOnNode(context.user, nodeOf(status.allocation)) ? [`associated-node:${context.verb}`, anywhere] : [anywhere]
  const errors: FieldError[] = []
  for (const name of drivers) {
    let first: string | undefined
    for (const verb of verbs) {
      const { refusal } = await context.inquiry.may(context.user, { ...resource, verb, subresource: 'driver', namespace: claim.metadata.namespace ?? '', name })
      if (refusal === undefined) {
        first = undefined
        break
      }
      first ??= refusal
    }
    if (first !== undefined) errors.push(fieldForbidden('status.devices', `changing status.devices requires resource="resourceclaims/driver", verb="[${verbs.join(' ')}]" permission: ${first}`))
  }
  return errors
}

/** Of a new claim; what is asked for does not change later. */
export const claimAsks: Asks<ResourceClaim> = {
  errors: async (claim, old, context) => (old === undefined ? adminErrors(claim.spec?.devices?.requests, claim.metadata.namespace ?? '', context) : []),
}

export const templateAsks: Asks<ResourceClaimTemplate> = {
  errors: async (template, old, context) => (old === undefined ? adminErrors(template.spec?.spec?.devices?.requests, template.metadata.namespace ?? '', context) : []),
}

export const claimStatusAsks: Asks<ResourceClaim> = {
  async errors(claim, old, context) {
    const errors = await adminStatusErrors(claim, old!, context)
    if (!context.feature('DRAResourceClaimGranularStatusAuthorization')) return errors
    errors.push(...await bindingErrors(claim.status ?? {}, old!.status ?? {}, context))
    // What a deallocation takes away belongs to nobody.
    if (context.feature('DRAResourceClaimDeviceStatus') && claim.status?.allocation) errors.push(...await deviceErrors(claim, old!.status ?? {}, context))
    return errors
  },
}

/** Devices that a deallocation takes out of the claim take what is said of them along. In place. */
export function dropDeallocated(claim: ResourceClaim, old: ResourceClaim): void {
  const { status } = claim
  if (!status?.devices) return
  const allocated = ({ status: its }: ResourceClaim): Set<string> => new Set((its?.allocation?.devices?.results ?? []).map(deviceKey))
  const still = allocated(claim)
  const gone = new Set([...allocated(old)].filter((key) => !still.has(key)))
  const devices = status.devices.filter((device) => !gone.has(deviceKey(device)))
  if (devices.length === 0) delete status.devices
  else if (devices.length < status.devices.length) status.devices = devices
}
