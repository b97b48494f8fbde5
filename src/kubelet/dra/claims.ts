/** Which claims a pod has, and what of them a container. Pure. Upstream: dynamic-resource-allocation/resourceclaim, pkg/kubelet/cm/dra. */
import type { Pod, ResourceHealth, ResourceStatus } from '../../api/generated/types/core-v1.ts'
import type { ResourceClaim } from '../../api/generated/types/resource-v1.ts'
import type { AnyContainer } from '../pod.ts'
import type { HeldDevice, PreparedDevice } from './contract.ts'

export interface PodClaim {
  /** The pod's own name for it; '' for the one that stands for extended resources. */
  readonly name: string
  readonly claimName: string
  /** It was made from a template: it has to be the pod's. */
  readonly mustBeOwned: boolean
}

/** Throws Error with upstream's text for a claim that does not exist yet. */
export function podClaims(pod: Pod): PodClaim[] {
  const where = JSON.stringify(`${pod.metadata.namespace}/${pod.metadata.name}`)
  const claims = (pod.spec!.resourceClaims ?? []).flatMap(({ name, resourceClaimName, resourceClaimTemplateName }): PodClaim[] => {
    if (resourceClaimName !== undefined) return [{ name, claimName: resourceClaimName, mustBeOwned: false }]
    if (resourceClaimTemplateName === undefined) throw new Error(`pod ${where}, spec.resourceClaim ${JSON.stringify(name)}: none of the supported fields are set`)
    const status = pod.status?.resourceClaimStatuses?.find((one) => one.name === name)
    if (status === undefined) throw new Error(`pod ${where}: ResourceClaim not created yet`)
    return status.resourceClaimName === undefined ? [] : [{ name, claimName: status.resourceClaimName, mustBeOwned: true }]
  })
  const extended = pod.status?.extendedResourceClaimStatus?.resourceClaimName
  return extended === undefined ? claims : [...claims, { name: '', claimName: extended, mustBeOwned: true }]
}

/** Drivers of the devices that were given. Throws Error with upstream's text when the pod may not have the claim. */
export function checkClaim(pod: Pod, claim: ResourceClaim, mustBeOwned: boolean): string[] {
  const { uid, name } = claim.metadata
  const isOwner = claim.metadata.ownerReferences?.some((owner) => owner.controller === true && owner.uid === pod.metadata.uid) === true
  if (mustBeOwned && !isOwner) {
    throw new Error(`ResourceClaim ${pod.metadata.namespace}/${name} was not created for Pod ${pod.metadata.namespace}/${pod.metadata.name} (Pod is not owner)`)
  }
  const reserved = claim.status?.reservedFor?.some((consumer) => consumer.uid === pod.metadata.uid) === true
  if (!reserved) throw new Error(`pod ${pod.metadata.name} (${pod.metadata.uid}) is not allowed to use ResourceClaim ${name} (${uid})`)
  const allocation = claim.status?.allocation
  if (allocation === undefined) throw new Error(`ResourceClaim ${name}: not allocated`)
  return [...new Set((allocation.devices?.results ?? []).map(({ driver }) => driver))]
}

/** A request, or one of its alternatives. */
const isFor = (device: PreparedDevice, request: string | undefined): boolean =>
  request === undefined || request === '' || device.requestNames.length === 0 || device.requestNames.some((name) => name === request || name.startsWith(`${request}/`))

/** CDI names of the devices of a container. `devicesOf`: by the name of the claim object. */
export function containerDevices(pod: Pod, container: AnyContainer, devicesOf: (claimName: string) => readonly PreparedDevice[]): string[] {
  const names = new Map(podClaims(pod).map((claim) => [claim.name, claim.claimName]))
  const ids = (container.resources?.claims ?? []).flatMap(({ name, request }) => {
    const claimName = names.get(name)
    return claimName === undefined ? [] : devicesOf(claimName).filter((device) => isFor(device, request)).flatMap(({ cdiDeviceIds }) => cdiDeviceIds)
  })
  const extended = pod.status?.extendedResourceClaimStatus
  for (const { containerName, requestName } of extended?.requestMappings ?? []) {
    if (containerName !== container.name) continue
    for (const device of devicesOf(extended!.resourceClaimName)) if (isFor(device, requestName)) ids.push(...device.cdiDeviceIds)
  }
  return [...new Set(ids)]
}

/** Of the claims that exist; the others have no devices to tell of. */
function knownClaims({ spec, status }: Pod): Map<string, string | undefined> {
  return new Map((spec!.resourceClaims ?? []).map(({ name, resourceClaimName }) => [
    name, resourceClaimName ?? status?.resourceClaimStatuses?.find((one) => one.name === name)?.resourceClaimName,
  ]))
}

/** `allocatedResourcesStatus` of a container for its claims, each device once. `devicesOf`: by the name of the claim object. */
export function claimedHealth(
  pod: Pod, container: AnyContainer, devicesOf: (claimName: string) => readonly HeldDevice[], healthOf: (device: HeldDevice) => ResourceHealth,
): ResourceStatus[] {
  const names = knownClaims(pod)
  return (container.resources?.claims ?? []).flatMap(({ name, request }): ResourceStatus[] => {
    const claimName = names.get(name)
    if (claimName === undefined) return []
    const found = new Map<string, ResourceHealth>()
    for (const device of devicesOf(claimName)) {
      if (!isFor(device, request)) continue
      const health = healthOf(device)
      if (!found.has(health.resourceID)) found.set(health.resourceID, health)
    }
    const hasRequest = request !== undefined && request !== ''
    return found.size === 0 ? [] : [{ name: `claim:${name}${hasRequest ? `/${request}` : ''}`, resources: [...found.values()] }]
  })
}
