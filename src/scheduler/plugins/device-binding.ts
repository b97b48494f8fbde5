/** Writes of claims: allocations, reservations, and the wait for devices that must be made ready first. */
import { resourceClaims } from '../../api/generated/resources.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { AllocationResult, ResourceClaim } from '../../api/generated/types/resource-v1.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { formatTime } from '../../api/meta/time.ts'
import type { Env } from '../../base/env.ts'
import type { Client } from '../../client/client.ts'
import type { DeviceClaims } from './device-claims.ts'
import { keyOfClaim } from './device-allocator.ts'

const finalizer = 'resource.kubernetes.io/delete-protection'
const tries = 5

/** Writes the allocation, if there is one to write, and the pod's reservation; answers the claim as it is then. */
export async function bindClaim(env: Env, client: Client, claims: DeviceClaims, given: ResourceClaim, pod: Pod, allocation: AllocationResult | undefined, signal: AbortSignal): Promise<ResourceClaim> {
  let claim = given
  const { namespace, name, uid } = pod.metadata
  for (let attempt = 1; ; attempt++) {
    try {
      if (claim.metadata.deletionTimestamp !== undefined) throw new Error(`claim ${keyOfClaim(claim)} got deleted in the meantime`)
      if (allocation !== undefined) {
        if (claim.status?.allocation !== undefined) throw new Error(`claim ${keyOfClaim(claim)} got allocated elsewhere in the meantime`)
        const { finalizers = [] } = claim.metadata
        if (!finalizers.includes(finalizer)) {
          claim = await client.update(resourceClaims, { ...claim, metadata: { ...claim.metadata, finalizers: [...finalizers, finalizer] } }, { signal })
        }
      }
      const held = allocation ?? claim.status?.allocation
      if (held === undefined) throw new Error(`claim ${keyOfClaim(claim)} got deallocated elsewhere in the meantime`)
      const reservedFor = [...(claim.status?.reservedFor ?? []), { resource: 'pods', name: name!, uid: uid! }]
      const status = { ...claim.status, reservedFor, allocation: { ...held, allocationTimestamp: held.allocationTimestamp ?? formatTime(env.clock.now()) } }
      claim = await client.update(resourceClaims, { ...claim, status }, { subresource: 'status', signal })
      claims.wrote(claim)
      return claim
    } catch (error) {
      if (!isStatus(error, 'Conflict') || attempt === tries) throw error
      claim = await client.get(resourceClaims, { namespace, name: claim.metadata.name! }, { signal })
    }
  }
}

/** Takes back what a pod that is not bound after all had reserved. */
export async function unreserve(client: Client, claim: ResourceClaim, pod: Pod): Promise<void> {
  const { namespace, name, uid } = claim.metadata
  const patch = { metadata: { uid }, status: { reservedFor: [{ $patch: 'delete', uid: pod.metadata.uid }] } }
  await client.patch(resourceClaims, { namespace, name: name! }, 'strategic', patch, { subresource: 'status' })
}

/** Whether all devices that must be made ready are; throws when one never will be. */
export function isReady(claim: ResourceClaim): boolean {
  const { allocation, devices = [] } = claim.status ?? {}
  if (allocation === undefined) return false
  for (const { device, driver, pool, bindingConditions = [], bindingFailureConditions = [] } of allocation.devices?.results ?? []) {
    if (bindingConditions.length === 0) continue
    const conditions = devices.find((each) => each.device === device && each.driver === driver && each.pool === pool)?.conditions
    if (conditions === undefined) return false
    const holds = (type: string) => conditions.find((condition) => condition.type === type && condition.status === 'True')
    for (const type of bindingFailureConditions) {
      const failed = holds(type)
      if (failed !== undefined) throw new Error(`device binding failed: claim=${claim.metadata.name}, reason=${failed.reason}, message=${JSON.stringify(failed.message)}`)
    }
    if (!bindingConditions.every((type) => holds(type) !== undefined)) return false
  }
  return true
}

export function mustBeMadeReady({ status }: ResourceClaim): boolean {
  return status?.allocation?.devices?.results?.some(({ bindingConditions }) => (bindingConditions?.length ?? 0) > 0) ?? false
}

/** Whether devices were to be made ready and that took too long. */
export function isLate(claim: ResourceClaim, timeoutMs: number, now: number): boolean {
  const since = claim.status?.allocation?.allocationTimestamp
  return since !== undefined && mustBeMadeReady(claim) && Date.parse(since) + timeoutMs < now
}
