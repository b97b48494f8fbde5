/** Looks at single objects of the graph and does what has to be done (upstream: garbagecollector.go, operations.go). */
import { isStatus } from '../../api/meta/errors.ts'
import { type KubeObject, type OwnerReference, parseApiVersion, type Resource } from '../../api/meta/object.ts'
import type { Client } from '../../client/client.ts'
import { equalJson } from '../../client/copy.ts'
import {
  foregroundFinalizer, type Graph, type GraphNode, hasFinalizer, type Identity, identityOf, orphanFinalizer,
} from './graph.ts'

/** An owner whose kind the server does not serve (yet): the object is looked at again later. */
export class UnknownKindError extends Error {
  override readonly name = 'UnknownKindError'
}

class NamespacedOwnerError extends Error {
  override readonly name = 'NamespacedOwnerError'
}

export interface ProcessorDeps {
  readonly client: Client
  readonly graph: Graph
  /** The resource of a kind, from discovery. */
  readonly resourceOf: (group: string, kind: string) => Resource | undefined
  readonly requeue: (uid: string) => void
}

type Propagation = 'Orphan' | 'Foreground' | 'Background'

export class Processor {
  readonly #deps: ProcessorDeps

  constructor(deps: ProcessorDeps) {
    this.#deps = deps
  }

  /** Whether the object is to be looked at again though nothing failed: a virtual node has to be seen first. */
  async attemptToDelete(uid: string, signal: AbortSignal): Promise<'done' | 'again'> {
    const node = this.#deps.graph.get(uid)
    if (node === undefined) return 'done'
    const wasVirtual = node.virtual
    try {
      const gone = await this.#deleteIfGarbage(node, signal)
      return wasVirtual && !gone && this.#deps.graph.get(uid)?.virtual === true ? 'again' : 'done'
    } catch (error) {
      if (error instanceof NamespacedOwnerError) return 'done'
      throw error
    }
  }

  /** True when the object was found absent. */
  async #deleteIfGarbage(node: GraphNode, signal: AbortSignal): Promise<boolean> {
    if (node.beingDeleted && !node.deletingDependents) return false
    const { identity } = node
    const latest = await this.#live(identity, signal)
    if (latest === undefined || latest.metadata.uid !== identity.uid) {
      this.#deps.graph.removeAbsent(identity)
      return true
    }
    if (node.deletingDependents) {
      await this.#finishForeground(node, signal)
      return false
    }
    const references = latest.metadata.ownerReferences ?? []
    if (references.length === 0) return false
    const { solid, dangling, waiting } = await this.#classify(references, identity, signal)
    if (solid.length > 0) {
      const useless = [...dangling, ...waiting].map(({ uid }) => uid)
      if (useless.length > 0) await this.#dropOwners(identity, useless, signal)
      return false
    }
    if (waiting.length > 0 && node.dependents.size > 0) {
      // A circle of objects that all wait in the foreground would never end: its edges no longer block.
      if ([...node.dependents].some((dependent) => dependent.deletingDependents)) await this.#unblockOwners(identity, references, signal)
      return this.#delete(identity, latest, 'Foreground', signal)
    }
    const propagation = hasFinalizer(latest, orphanFinalizer)
      ? 'Orphan'
      : hasFinalizer(latest, foregroundFinalizer) ? 'Foreground' : 'Background'
    return this.#delete(identity, latest, propagation, signal)
  }

  /** Dependents lose the owner, then the owner its finalizer. */
  async attemptToOrphan(uid: string, signal: AbortSignal): Promise<void> {
    const node = this.#deps.graph.get(uid)
    if (node === undefined) return
    const drop = async (dependent: GraphNode): Promise<void> => {
      try {
        await this.#dropOwners(dependent.identity, [uid], signal)
      } catch (error) {
        if (!isStatus(error, 'NotFound')) throw error
      }
    }
    await Promise.all([...node.dependents].map(drop))
    await this.#removeFinalizer(node.identity, orphanFinalizer, signal)
  }

  async #finishForeground(node: GraphNode, signal: AbortSignal): Promise<void> {
    const blocking = [...node.dependents].filter((dependent) =>
      dependent.owners.some((owner) => owner.uid === node.identity.uid && owner.blockOwnerDeletion === true))
    if (blocking.length === 0) {
      await this.#removeFinalizer(node.identity, foregroundFinalizer, signal)
      return
    }
    for (const dependent of blocking) if (!dependent.deletingDependents) this.#deps.requeue(dependent.identity.uid)
  }

  async #classify(references: readonly OwnerReference[], item: Identity, signal: AbortSignal): Promise<{
    solid: OwnerReference[]; dangling: OwnerReference[]; waiting: OwnerReference[]
  }> {
    const result = { solid: [] as OwnerReference[], dangling: [] as OwnerReference[], waiting: [] as OwnerReference[] }
    for (const reference of references) {
      const owner = await this.#liveOwner(reference, item, signal)
      if (owner === undefined) result.dangling.push(reference)
      else if (owner.metadata.deletionTimestamp !== undefined && hasFinalizer(owner, foregroundFinalizer)) result.waiting.push(reference)
      else result.solid.push(reference)
    }
    return result
  }

  /** The owner as it is now; undefined when it does not exist. */
  async #liveOwner(reference: OwnerReference, item: Identity, signal: AbortSignal): Promise<KubeObject | undefined> {
    const { absentOwners } = this.#deps.graph
    const clusterWide = identityOf(reference, '')
    const local = identityOf(reference, item.namespace)
    if (absentOwners.has(clusterWide) || absentOwners.has(local)) return undefined
    const resource = this.#resource(reference)
    if (item.namespace === '' && resource.namespaced) {
      throw new NamespacedOwnerError('cluster-scoped objects cannot refer to namespaced owners')
    }
    const identity = resource.namespaced ? local : clusterWide
    const owner = await this.#live(identity, signal)
    if (owner !== undefined && owner.metadata.uid === reference.uid) return owner
    absentOwners.add(identity)
    return undefined
  }

  async #live(identity: Identity, signal: AbortSignal): Promise<KubeObject | undefined> {
    const resource = this.#resource(identity)
    if (resource.namespaced && identity.namespace === '') {
      throw new NamespacedOwnerError('cluster-scoped objects cannot refer to namespaced owners')
    }
    try {
      return await this.#deps.client.get(resource, identity, { signal })
    } catch (error) {
      if (isStatus(error, 'NotFound')) return undefined
      throw error
    }
  }

  /** True when the object was gone already. */
  async #delete(identity: Identity, latest: KubeObject, propagationPolicy: Propagation, signal: AbortSignal): Promise<boolean> {
    const { client, graph } = this.#deps
    const resource = this.#resource(identity)
    const { uid } = identity
    const attempt = (resourceVersion?: string) =>
      client.delete(resource, identity, { propagationPolicy, preconditions: { uid, resourceVersion }, signal, metadataOnly: true })
    try {
      try {
        await attempt(latest.metadata.resourceVersion)
      } catch (error) {
        if (!isStatus(error, 'Conflict')) throw error
        // Changed since it was looked at: its owners are what counts.
        const again = await this.#live(identity, signal)
        const sameOwners = again?.metadata.uid === uid && equalJson(again.metadata.ownerReferences, latest.metadata.ownerReferences)
        if (again !== undefined && !sameOwners) throw error
        await attempt()
      }
      return false
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error
      graph.removeAbsent(identity)
      return true
    }
  }

  async #dropOwners(identity: Identity, uids: readonly string[], signal: AbortSignal): Promise<void> {
    const directives = uids.map((uid) => ({ $patch: 'delete', uid }))
    await this.#patchOwners(identity, directives, (owners) => owners.filter(({ uid }) => !uids.includes(uid)), signal)
  }

  async #unblockOwners(identity: Identity, references: readonly OwnerReference[], signal: AbortSignal): Promise<void> {
    const unblock = (owner: OwnerReference): OwnerReference => ({ ...owner, blockOwnerDeletion: false })
    const blocking = references.filter(({ blockOwnerDeletion }) => blockOwnerDeletion === true)
    if (blocking.length > 0) await this.#patchOwners(identity, blocking.map(unblock), (owners) => owners.map(unblock), signal)
  }

  /** By strategic merge patch; kinds that know none get a merge patch of the whole list. */
  async #patchOwners(
    identity: Identity, strategic: readonly unknown[], change: (owners: readonly OwnerReference[]) => OwnerReference[], signal: AbortSignal,
  ): Promise<void> {
    const { client } = this.#deps
    const resource = this.#resource(identity)
    try {
      await client.patch(resource, identity, 'strategic', { metadata: { ownerReferences: strategic, uid: identity.uid } }, { signal })
    } catch (error) {
      if (!isStatus(error, 'UnsupportedMediaType')) throw error
      const latest = await client.get(resource, identity, { signal })
      const { resourceVersion, ownerReferences = [] } = latest.metadata
      const metadata = { resourceVersion, uid: identity.uid, ownerReferences: change(ownerReferences) }
      await client.patch(resource, identity, 'merge', { metadata }, { signal })
    }
  }

  async #removeFinalizer(identity: Identity, finalizer: string, signal: AbortSignal): Promise<void> {
    const { client } = this.#deps
    const resource = this.#resource(identity)
    for (let tries = 0; ; tries++) {
      const latest = await this.#live(identity, signal)
      const { finalizers = [], resourceVersion } = latest?.metadata ?? {}
      if (!finalizers.includes(finalizer)) return
      const metadata = { resourceVersion, finalizers: finalizers.filter((one) => one !== finalizer) }
      try {
        await client.patch(resource, identity, 'merge', { metadata }, { signal })
        return
      } catch (error) {
        if (isStatus(error, 'NotFound')) return
        if (!isStatus(error, 'Conflict') || tries >= 4) throw error
      }
    }
  }

  #resource({ apiVersion, kind }: { apiVersion: string; kind: string }): Resource {
    const { group } = parseApiVersion(apiVersion)
    const resource = this.#deps.resourceOf(group, kind)
    if (resource === undefined) throw new UnknownKindError(`unable to get REST mapping for ${apiVersion}/${kind}.`)
    return resource
  }
}
