/** Which volumes a pod's claims get on a node, and their binding (upstream: plugins/volumebinding/binder.go). */
import { csiDrivers, csiStorageCapacities, persistentVolumeClaims, persistentVolumes, pods, storageClasses } from '../../api/generated/resources.ts'
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, TopologySelectorTerm } from '../../api/generated/types/core-v1.ts'
import type { CSIStorageCapacity, StorageClass } from '../../api/generated/types/storage-v1.ts'
import { classOfClaim, classOfVolume, findVolumeOnNode, isBoundTo, volumeAnnotations, volumeReaches } from '../../api/helpers/volumes.ts'
import { compareQuantity } from '../../api/meta/quantity.ts'
import { defineIndex, keyOf } from '../../client/lister.ts'
import type { Handle } from '../framework.ts'
import { type LabelMatcher, labelMatcher } from '../snapshot.ts'
import { Assumptions } from './assumptions.ts'
import { claimOf, notMadeFor } from './pod-claims.ts'

const byClass = defineIndex<PersistentVolume>('class', (volume) => [classOfVolume(volume)])
const noProvisioner = 'kubernetes.io/no-provisioner'
const firstPollMs = 20
const pollMs = 1_000

/** A pod's claims by what is to be done for them. */
export interface PodVolumeClaims {
  readonly bound: readonly PersistentVolumeClaim[]
  /** Bound when the pod has a node; the smallest first. */
  readonly delayed: readonly PersistentVolumeClaim[]
  /** Must be bound by the controller before the pod can go anywhere. */
  readonly immediate: readonly PersistentVolumeClaim[]
}

/** What a node means for the claims that are not bound yet. */
export interface PodVolumes {
  bindings: { readonly claim: PersistentVolumeClaim; volume: PersistentVolume }[]
  provisions: PersistentVolumeClaim[]
}

export const conflicts = {
  node: 'node(s) didn\'t match PersistentVolume\'s node affinity',
  bind: 'node(s) didn\'t find available persistent volumes to bind',
  space: 'node(s) did not have enough free storage',
  missing: 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)',
} as const

const capacityMatchers = new WeakMap<CSIStorageCapacity, LabelMatcher>()

export class VolumeBinder {
  readonly #handle: Handle
  readonly #claims: Assumptions<PersistentVolumeClaim>
  readonly #volumes: Assumptions<PersistentVolume>
  readonly #timeoutMs: number

  constructor(handle: Handle, timeoutMs: number) {
    this.#handle = handle
    this.#timeoutMs = timeoutMs
    this.#claims = new Assumptions(handle.lister(persistentVolumeClaims))
    this.#volumes = new Assumptions(handle.lister(persistentVolumes))
    for (const resource of [storageClasses, csiDrivers, csiStorageCapacities]) handle.lister<unknown>(resource)
  }

  /** Sorts the pod's claims. Throws with upstream's text when one cannot be told. */
  claimsOf(pod: Pod): PodVolumeClaims {
    const bound: PersistentVolumeClaim[] = []
    const delayed: PersistentVolumeClaim[] = []
    const immediate: PersistentVolumeClaim[] = []
    for (const volume of pod.spec?.volumes ?? []) {
      const wanted = claimOf(pod, volume)
      if (wanted === undefined) continue
      const key = `${pod.metadata.namespace}/${wanted.name}`
      const claim = this.#claims.get(key)
      if (claim === undefined) throw new Error(`error getting PVC "${key}": could not find v1.PersistentVolumeClaim`)
      const stranger = wanted.ephemeral ? notMadeFor(pod, claim) : undefined
      if (stranger !== undefined) throw new Error(stranger)
      if (isFullyBound(claim)) bound.push(claim)
      else if (this.#waits(claim) && (claim.spec?.volumeName ?? '') === '') delayed.push(claim)
      else immediate.push(claim)
    }
    return { bound, delayed, immediate }
  }

  /** Volumes for the claims on this node, or why there are none. Throws with upstream's text on what cannot be told. */
  find({ bound, delayed }: PodVolumeClaims, node: Node): PodVolumes | string[] {
    const reasons: string[] = []
    const { labels } = node.metadata
    for (const claim of bound) {
      const volume = this.#volumes.get(claim.spec!.volumeName!)
      if (volume !== undefined && volumeReaches(volume, labels)) continue
      reasons.push(volume === undefined ? conflicts.missing : conflicts.node)
      break
    }
    const found = this.#findDelayed(delayed, node)
    if (typeof found === 'string') reasons.splice(reasons[0] === conflicts.node ? 1 : 0, 0, found)
    return reasons.length > 0 || typeof found === 'string' ? reasons : found
  }

  #findDelayed(delayed: readonly PersistentVolumeClaim[], node: Node): PodVolumes | string {
    const out: PodVolumes = { bindings: [], provisions: [] }
    const toFind: PersistentVolumeClaim[] = []
    for (const claim of delayed) {
      const selected = claim.metadata.annotations?.[volumeAnnotations.selectedNode]
      if (selected === undefined) toFind.push(claim)
      else if (selected === node.metadata.name) out.provisions.push(claim)
      else return conflicts.bind
    }
    const taken = new Set<string>()
    for (const claim of toFind.sort((a, b) => compareQuantity(sizeOf(a), sizeOf(b)))) {
      const volume = findVolumeOnNode(claim, this.#volumes.by(byClass, classOfClaim(claim)), node.metadata.labels, taken)
      if (volume === undefined) {
        out.provisions.push(claim)
        continue
      }
      taken.add(volume.metadata.name!)
      out.bindings.push({ claim, volume })
    }
    for (const claim of out.provisions) {
      const refused = this.#cannotProvision(claim, node)
      if (refused !== undefined) return refused
    }
    return out
  }

  #cannotProvision(claim: PersistentVolumeClaim, node: Node): string | undefined {
    const className = classOfClaim(claim)
    if (className === '') throw new Error(`no class for claim "${keyOf(claim)}"`)
    const found = this.#handle.lister(storageClasses).get({ name: className })
    if (found === undefined) throw new Error(`failed to find storage class "${className}"`)
    if (found.provisioner === '' || found.provisioner === noProvisioner) return conflicts.bind
    if (!topologyAllows(found.allowedTopologies, node)) return conflicts.bind
    return this.#hasSpace(claim, found, node) ? undefined : conflicts.space
  }

  /** Asks the driver's published capacities, if it publishes any. */
  #hasSpace(claim: PersistentVolumeClaim, { provisioner, metadata }: StorageClass, node: Node): boolean {
    const size = claim.spec?.resources?.requests?.['storage']
    if (size === undefined || this.#handle.lister(csiDrivers).get({ name: provisioner })?.spec.storageCapacity !== true) return true
    return this.#handle.lister(csiStorageCapacities).list().some((capacity) => {
      const limit = capacity.maximumVolumeSize ?? capacity.capacity
      return capacity.storageClassName === metadata.name && limit !== undefined && compareQuantity(limit, size) >= 0 && reaches(capacity, node)
    })
  }

  /** Counts the volumes as taken. True when the pod's claims are all bound, so that nothing is to be written. */
  assume(pod: Pod, nodeName: string, found: PodVolumes): boolean {
    if (this.#allBound(pod)) return true
    for (const binding of found.bindings) {
      const changed = bindVolume(binding.volume, binding.claim)
      if (changed !== binding.volume) this.#volumes.assume(changed)
      binding.volume = changed
    }
    found.provisions = found.provisions.map((claim) => {
      const annotations = { ...claim.metadata.annotations, [volumeAnnotations.selectedNode]: nodeName }
      const changed = { ...claim, metadata: { ...claim.metadata, annotations } }
      this.#claims.assume(changed)
      return changed
    })
    return false
  }

  revert({ bindings, provisions }: PodVolumes): void {
    for (const { volume } of bindings) this.#volumes.restore(volume)
    for (const claim of provisions) this.#claims.restore(claim)
  }

  /** Writes what was assumed and waits until every claim is bound. Throws when that fails or takes too long. */
  async bind(pod: Pod, node: string, found: PodVolumes, signal: AbortSignal): Promise<void> {
    const { client, env } = this.#handle
    if (client === undefined) return
    for (const binding of found.bindings) binding.volume = await client.update(persistentVolumes, binding.volume, { signal })
    for (const [i, claim] of found.provisions.entries()) found.provisions[i] = await client.update(persistentVolumeClaims, claim, { signal })
    const deadline = env.clock.monotonic() + this.#timeoutMs
    for (let wait = firstPollMs; !this.#isDone(pod, node, found); wait = Math.min(wait * 1.5, pollMs)) {
      if (env.clock.monotonic() >= deadline) throw new Error('binding volumes: context deadline exceeded')
      await env.clock.sleep(wait, signal)
    }
  }

  #isDone(pod: Pod, nodeName: string, { bindings, provisions }: PodVolumes): boolean {
    const node = this.#handle.node(nodeName)?.node
    if (node === undefined) throw new Error(`binding volumes: failed to get node "${nodeName}": node "${nodeName}" not found`)
    const { namespace, name } = pod.metadata
    if (this.#handle.lister(pods).get({ namespace, name: name! }) === undefined) throw new Error(`binding volumes: pod does not exist any more: pod "${name}" not found`)
    const unreachable = (volume: PersistentVolume) => new Error(`binding volumes: pv "${volume.metadata.name}" node affinity doesn't match node "${nodeName}": no matching NodeSelectorTerms`)
    for (const { volume: written, claim } of bindings) {
      const volume = this.#volumes.stored(keyOf(written))
      const current = this.#claims.stored(keyOf(claim))
      if (volume === undefined || current === undefined) throw new Error('binding volumes: failed to check binding: not found')
      if (isOlder(volume, written)) return false
      if (!volumeReaches(volume, node.metadata.labels)) throw unreachable(volume)
      if ((volume.spec?.claimRef?.uid ?? '') === '') throw new Error(`binding volumes: ClaimRef got reset for pv "${volume.metadata.name}"`)
      if (!isFullyBound(current)) return false
    }
    for (const written of provisions) {
      const claim = this.#claims.stored(keyOf(written))
      if (claim === undefined) throw new Error('binding volumes: failed to check provisioning pvc: not found')
      if (isOlder(claim, written)) return false
      // A provisioner that cannot serve the node takes the annotation away.
      if (claim.metadata.annotations?.[volumeAnnotations.selectedNode] !== nodeName) throw new Error(`binding volumes: provisioning failed for PVC "${claim.metadata.name}"`)
      const volume = (claim.spec?.volumeName ?? '') === '' ? undefined : this.#volumes.stored(claim.spec!.volumeName!)
      if (volume !== undefined && !volumeReaches(volume, node.metadata.labels)) throw unreachable(volume)
      if (!isFullyBound(claim)) return false
    }
    return true
  }

  #allBound(pod: Pod): boolean {
    const { delayed, immediate } = this.claimsOf(pod)
    return delayed.length + immediate.length === 0
  }

  #waits(claim: PersistentVolumeClaim): boolean {
    const className = classOfClaim(claim)
    if (className === '') return false
    const found = this.#handle.lister(storageClasses).get({ name: className })
    if (found === undefined) return false
    if (found.volumeBindingMode === undefined) throw new Error(`VolumeBindingMode not set for StorageClass "${className}"`)
    return found.volumeBindingMode === 'WaitForFirstConsumer'
  }
}

function sizeOf({ spec }: PersistentVolumeClaim) {
  return spec?.resources?.requests?.['storage'] ?? '0'
}

function isFullyBound({ metadata, spec }: PersistentVolumeClaim): boolean {
  return (spec?.volumeName ?? '') !== '' && metadata.annotations?.[volumeAnnotations.bindCompleted] !== undefined
}

function isOlder(a: { metadata: { resourceVersion?: string } }, b: { metadata: { resourceVersion?: string } }): boolean {
  return BigInt(a.metadata.resourceVersion ?? '0') < BigInt(b.metadata.resourceVersion ?? '0')
}

/** The volume with the claim as its own; the very same object when it says so already. */
function bindVolume(volume: PersistentVolume, claim: PersistentVolumeClaim): PersistentVolume {
  const { namespace, name, uid, resourceVersion } = claim.metadata
  const reference = volume.spec?.claimRef
  const refers = reference?.name === name && reference?.namespace === namespace && reference?.uid === uid
  const marks = !isBoundTo(volume, claim) && volume.metadata.annotations?.[volumeAnnotations.boundByController] === undefined
  if (refers && !marks) return volume
  return {
    ...volume,
    metadata: marks
      ? { ...volume.metadata, annotations: { ...volume.metadata.annotations, [volumeAnnotations.boundByController]: 'yes' } }
      : volume.metadata,
    spec: { ...volume.spec!, claimRef: refers ? reference : { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion } },
  }
}

/** Any term, of which every expression names a value that the node has. No terms allow all, an empty one nothing. */
function topologyAllows(terms: readonly TopologySelectorTerm[] | undefined, { metadata }: Node): boolean {
  if (terms === undefined || terms.length === 0) return true
  return terms.some(({ matchLabelExpressions = [] }) => matchLabelExpressions.length > 0
    && matchLabelExpressions.every(({ key, values }) => metadata.labels?.[key] !== undefined && values.includes(metadata.labels[key])))
}

function reaches(capacity: CSIStorageCapacity, { metadata }: Node): boolean {
  let matches = capacityMatchers.get(capacity)
  if (matches === undefined) capacityMatchers.set(capacity, (matches = labelMatcher(capacity.nodeTopology)))
  return matches(metadata.labels ?? {})
}
