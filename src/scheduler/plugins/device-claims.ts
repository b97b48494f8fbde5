/** Claims of devices as they will be once our writes are done, and what they hold (upstream: dynamicresources/dra_manager.go). */
import type { Pod, PodResourceClaim } from '../../api/generated/types/core-v1.ts'
import type { AllocationResult, DeviceRequestAllocationResult, ResourceClaim } from '../../api/generated/types/resource-v1.ts'
import { controllerOf } from '../../api/meta/owner-references.ts'
import { type QuantityLike, addQuantity, subQuantity } from '../../api/meta/quantity.ts'
import { type Lister, keyOf } from '../../client/lister.ts'
import type { TakenDevices } from './device-allocator.ts'
import type { Amounts } from './device-capacity.ts'

/** Devices and capacity that allocations hold, kept up to date claim by claim. */
class Holdings implements TakenDevices {
  readonly devices = new Map<string, number>()
  readonly capacity = new Map<string, Record<string, QuantityLike>>()
  /** How many allocations share a device. */
  readonly #sharers = new Map<string, number>()

  change(allocation: AllocationResult | undefined, by: 1 | -1): void {
    for (const result of allocation?.devices?.results ?? []) if (result.adminAccess !== true) this.#change(result, by)
  }

  #change({ driver, pool, device, shareID, consumedCapacity = {} }: DeviceRequestAllocationResult, by: 1 | -1): void {
    const id = `${driver}/${pool}/${device}`
    const counts = shareID === undefined ? this.devices : this.#sharers
    const count = (counts.get(id) ?? 0) + by
    if (count === 0) counts.delete(id)
    else counts.set(id, count)
    if (shareID === undefined) return
    if (count === 0) {
      this.capacity.delete(id)
      return
    }
    const amounts = this.capacity.get(id) ?? {}
    this.capacity.set(id, amounts)
    for (const [name, amount] of Object.entries(consumedCapacity)) amounts[name] = (by === 1 ? addQuantity : subQuantity)(amounts[name] ?? '0', amount)
  }
}

export class DeviceClaims {
  readonly #lister: Lister<ResourceClaim>
  /** As the server answered a write that the informer has not shown yet. */
  readonly #written = new Map<string, ResourceClaim>()
  /** Allocations that were reserved and are not written yet, by uid. */
  readonly #pending = new Map<string, AllocationResult>()
  readonly #holdings = new Holdings()
  readonly #counted = new Map<string, { claim: ResourceClaim; look: number }>()
  #look = 0

  constructor(lister: Lister<ResourceClaim>) {
    this.#lister = lister
  }

  get(namespace: string, name: string): ResourceClaim | undefined {
    const known = this.#lister.get({ namespace, name })
    const written = this.#written.get(`${namespace}/${name}`)
    if (written === undefined) return known
    if (known !== undefined && known.metadata.uid === written.metadata.uid && version(known) < version(written)) return written
    this.#written.delete(`${namespace}/${name}`)
    return known
  }

  /** The server's answer to our write. */
  wrote(claim: ResourceClaim): void {
    this.#written.set(keyOf(claim), claim)
  }

  forget(claim: ResourceClaim): void {
    this.#written.delete(keyOf(claim))
  }

  isPending(uid: string): boolean {
    return this.#pending.has(uid)
  }

  /** The allocation counts from now on, until settle. */
  reserve(uid: string, allocation: AllocationResult): void {
    this.#pending.set(uid, allocation)
    this.#holdings.change(allocation, 1)
  }

  /** The reservation was written, or given up. False when there was none. */
  settle(uid: string): boolean {
    const allocation = this.#pending.get(uid)
    if (allocation === undefined) return false
    this.#pending.delete(uid)
    this.#holdings.change(allocation, -1)
    return true
  }

  /** What is held now; it changes with the cluster. */
  taken(): { readonly devices: { has(id: string): boolean }; readonly capacity: { get(id: string): Amounts | undefined } } {
    const look = ++this.#look
    for (const known of this.#lister.list()) {
      const claim = this.#written.size === 0 ? known : this.get(known.metadata.namespace!, known.metadata.name!) ?? known
      const uid = claim.metadata.uid!
      const counted = this.#counted.get(uid)
      if (counted?.claim === claim) {
        counted.look = look
        continue
      }
      this.#holdings.change(counted?.claim.status?.allocation, -1)
      this.#holdings.change(claim.status?.allocation, 1)
      this.#counted.set(uid, { claim, look })
    }
    for (const [uid, counted] of this.#counted) {
      if (counted.look === look) continue
      this.#holdings.change(counted.claim.status?.allocation, -1)
      this.#counted.delete(uid)
    }
    return this.#holdings
  }
}

function version({ metadata }: ResourceClaim): number {
  return Number(metadata.resourceVersion ?? 0)
}

/** The pod's claims; a text where one of them is not there as it must be. */
export function claimsOfPod(pod: Pod, claims: Pick<DeviceClaims, 'get'>): readonly ResourceClaim[] | string {
  const found: ResourceClaim[] = []
  const { namespace } = pod.metadata
  for (const entry of pod.spec?.resourceClaims ?? []) {
    const named = nameOf(pod, entry)
    if (typeof named === 'string') return named
    // None was made, and none is needed.
    if (named.name === undefined) continue
    const claim = claims.get(namespace!, named.name)
    if (claim === undefined) return `could not find ResourceClaim "${namespace}/${named.name}"`
    if (claim.metadata.deletionTimestamp !== undefined) return `resourceclaim "${claim.metadata.name}" is being deleted`
    if (named.owned && controllerOf(claim)?.uid !== pod.metadata.uid) {
      return `ResourceClaim ${namespace}/${claim.metadata.name} was not created for Pod ${namespace}/${pod.metadata.name} (Pod is not owner)`
    }
    found.push(claim)
  }
  return found
}

function nameOf({ metadata: { namespace, name }, status }: Pod, entry: PodResourceClaim): { readonly name: string | undefined; readonly owned: boolean } | string {
  if (entry.resourceClaimName !== undefined) return { name: entry.resourceClaimName, owned: false }
  if (entry.resourceClaimTemplateName === undefined) return `pod "${namespace}/${name}", spec.resourceClaim "${entry.name}": none of the supported fields are set`
  const made = status?.resourceClaimStatuses?.find((each) => each.name === entry.name)
  return made === undefined ? `pod "${namespace}/${name}": ResourceClaim not created yet` : { name: made.resourceClaimName, owned: true }
}

export function isReservedFor({ status }: ResourceClaim, pod: Pod): boolean {
  return status?.reservedFor?.some(({ uid }) => uid === pod.metadata.uid) ?? false
}
