/**
 * Who owns whom, as the watches tell it (upstream: pkg/controller/garbagecollector graph_builder.go, graph.go). Owners
 * that are referred to but have not been seen are virtual nodes until a live look says whether they exist.
 */
import type { KubeObject, OwnerReference } from '../../api/meta/object.ts'
import { equalJson } from '../../client/copy.ts'

export interface Identity {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

export interface GraphNode {
  identity: Identity
  readonly dependents: Set<GraphNode>
  owners: readonly OwnerReference[]
  /** Not seen by any watch yet. */
  virtual: boolean
  beingDeleted: boolean
  /** Waits for its dependents to be deleted first (foreground). */
  deletingDependents: boolean
}

/** What the graph asks its processor to look at. */
export interface GraphSink {
  /** Is the object still to be? `later`: after a delay that grows. */
  attemptToDelete(uid: string, later?: boolean): void
  attemptToOrphan(uid: string): void
  /** The dependent names an owner in another namespace. */
  invalidNamespace(dependent: Identity, owner: OwnerReference): void
}

export const foregroundFinalizer = 'foregroundDeletion'
export const orphanFinalizer = 'orphan'
const absentCacheSize = 500

export const identityKey = ({ apiVersion, kind, namespace, name, uid }: Identity): string => [apiVersion, kind, namespace, name, uid].join('\0')

const isBeingDeleted = (object: KubeObject | undefined): boolean => object?.metadata.deletionTimestamp !== undefined
export const hasFinalizer = (object: KubeObject | undefined, finalizer: string): boolean =>
  object?.metadata.finalizers?.includes(finalizer) ?? false

/** Owners that a live look has found absent; the oldest are forgotten. */
export class AbsentOwners {
  readonly #keys = new Set<string>()
  add(identity: Identity): void {
    const key = identityKey(identity)
    this.#keys.delete(key)
    this.#keys.add(key)
    if (this.#keys.size > absentCacheSize) this.#keys.delete(this.#keys.values().next().value!)
  }
  has(identity: Identity): boolean {
    return this.#keys.has(identityKey(identity))
  }
}

export class Graph {
  readonly absentOwners = new AbsentOwners()
  readonly #nodes = new Map<string, GraphNode>()
  readonly #sink: GraphSink

  constructor(sink: GraphSink) {
    this.#sink = sink
  }

  get size(): number {
    return this.#nodes.size
  }

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid)
  }

  /** A watch shows the object, for the first time or changed. */
  observe(identity: Identity, object: KubeObject, old: KubeObject | undefined): void {
    const owners = object.metadata.ownerReferences ?? []
    let node = this.#nodes.get(identity.uid)
    if (node === undefined) {
      node = {
        identity, dependents: new Set(), owners, virtual: false, beingDeleted: isBeingDeleted(object),
        deletingDependents: isBeingDeleted(object) && hasFinalizer(object, foregroundFinalizer),
      }
      this.#nodes.set(identity.uid, node)
      this.#addToOwners(node, owners)
    } else {
      this.#materialize(node, identity)
      this.#changeOwners(node, owners)
      if (isBeingDeleted(object)) node.beingDeleted = true
    }
    this.#transition(node, object, old)
  }

  /** A watch shows that the object is gone. */
  remove(identity: Identity): void {
    const node = this.#nodes.get(identity.uid)
    if (node === undefined) return
    this.#materialize(node, identity)
    this.#removeNode(node, identity)
  }

  /** A live look has not found the object of that name and uid. */
  removeAbsent(identity: Identity): void {
    const node = this.#nodes.get(identity.uid)
    if (node === undefined) return
    const { matching, others } = partition(node.dependents, identity)
    if (node.virtual ? others.length === 0 : identityKey(node.identity) === identityKey(identity)) {
      this.#removeNode(node, identity)
      return
    }
    // Dependents disagree on who has this uid: those that named the absent one lose it, the others are looked into.
    if (matching.length > 0) {
      this.absentOwners.add(identity)
      for (const dependent of matching) this.#sink.attemptToDelete(dependent.identity.uid)
    }
    if (!node.virtual || identityKey(node.identity) !== identityKey(identity)) return
    const alternate = alternateIdentity(others, identity)
    if (alternate === undefined) return
    node.identity = alternate
    this.#sink.attemptToDelete(identity.uid, true)
  }

  #removeNode(node: GraphNode, identity: Identity): void {
    this.#nodes.delete(identity.uid)
    for (const owner of node.owners) this.#nodes.get(owner.uid)?.dependents.delete(node)
    if (node.dependents.size > 0) this.absentOwners.add(identity)
    for (const dependent of node.dependents) this.#sink.attemptToDelete(dependent.identity.uid)
    for (const owner of node.owners) {
      if (this.#nodes.get(owner.uid)?.deletingDependents === true) this.#sink.attemptToDelete(owner.uid)
    }
  }

  /** A virtual node is seen in the flesh; what was guessed of it may have been wrong. */
  #materialize(node: GraphNode, identity: Identity): void {
    if (!node.virtual) return
    if (identityKey(node.identity) !== identityKey(identity)) {
      for (const dependent of partition(node.dependents, identity).others) {
        if (identity.namespace !== '' && dependent.identity.namespace !== identity.namespace) this.#report(dependent, identity.uid)
        this.#sink.attemptToDelete(dependent.identity.uid)
      }
      node.identity = identity
    }
    node.virtual = false
  }

  #changeOwners(node: GraphNode, owners: readonly OwnerReference[]): void {
    const before = new Map(node.owners.map((owner) => [owner.uid, owner]))
    const after = new Map(owners.map((owner) => [owner.uid, owner]))
    const added = owners.filter((owner) => !before.has(owner.uid))
    const removed = node.owners.filter((owner) => !after.has(owner.uid))
    const changed = owners.filter((owner) => before.has(owner.uid) && !equalJson(before.get(owner.uid), owner))
    if (added.length === 0 && removed.length === 0 && changed.length === 0) return
    // An owner that this dependent held up may go on.
    for (const owner of removed) if (owner.blockOwnerDeletion === true) this.#revisit(owner.uid)
    for (const owner of changed) {
      if (before.get(owner.uid)!.blockOwnerDeletion === true && owner.blockOwnerDeletion !== true) this.#revisit(owner.uid)
    }
    node.owners = owners
    this.#addToOwners(node, added)
    for (const owner of removed) this.#nodes.get(owner.uid)?.dependents.delete(node)
  }

  #revisit(uid: string): void {
    if (this.#nodes.has(uid)) this.#sink.attemptToDelete(uid)
  }

  #addToOwners(node: GraphNode, owners: readonly OwnerReference[]): void {
    let suspicious = false
    for (const owner of owners) {
      const known = this.#nodes.get(owner.uid)
      if (known === undefined) {
        const identity = identityOf(owner, node.identity.namespace)
        this.#nodes.set(owner.uid, {
          identity, dependents: new Set([node]), owners: [], virtual: true, beingDeleted: false, deletingDependents: false,
        })
        this.#sink.attemptToDelete(owner.uid)
        continue
      }
      known.dependents.add(node)
      const { namespace } = known.identity
      if (namespace !== '' && namespace !== node.identity.namespace) {
        if (!known.virtual) this.#report(node, owner.uid)
        suspicious = true
      } else if (!sameCoordinates(owner, known.identity)) suspicious = true
      else if (namespace === '' && node.identity.namespace !== '' && known.virtual) suspicious = true
    }
    if (suspicious) this.#sink.attemptToDelete(node.identity.uid)
  }

  #report(dependent: GraphNode, ownerUid: string): void {
    const owner = dependent.owners.find(({ uid }) => uid === ownerUid)
    if (owner !== undefined) this.#sink.invalidNamespace(dependent.identity, owner)
  }

  #transition(node: GraphNode, object: KubeObject, old: KubeObject | undefined): void {
    const begins = (finalizer: string): boolean => isBeingDeleted(object) && hasFinalizer(object, finalizer)
      && (old === undefined || !isBeingDeleted(old) || !hasFinalizer(old, finalizer))
    if (begins(orphanFinalizer)) {
      this.#sink.attemptToOrphan(node.identity.uid)
      return
    }
    if (!begins(foregroundFinalizer)) return
    node.deletingDependents = true
    for (const dependent of node.dependents) this.#sink.attemptToDelete(dependent.identity.uid)
    this.#sink.attemptToDelete(node.identity.uid)
  }
}

export function identityOf({ apiVersion, kind, name, uid }: OwnerReference, namespace: string): Identity {
  return { apiVersion, kind, namespace, name, uid }
}

function sameCoordinates(owner: OwnerReference, identity: Identity): boolean {
  return owner.apiVersion === identity.apiVersion && owner.kind === identity.kind && owner.name === identity.name && owner.uid === identity.uid
}

/** Dependents that mean the identity by its uid, and those that mean something else by it. Some do both. */
function partition(dependents: ReadonlySet<GraphNode>, identity: Identity): { matching: GraphNode[]; others: GraphNode[] } {
  const matching: GraphNode[] = []
  const others: GraphNode[] = []
  for (const dependent of dependents) {
    let match = false
    let mismatch = false
    if (identity.namespace !== '' && identity.namespace !== dependent.identity.namespace) mismatch = true
    else {
      for (const owner of dependent.owners) {
        if (owner.uid !== identity.uid) continue
        if (sameCoordinates(owner, identity)) match = true
        else mismatch = true
      }
    }
    if (match) matching.push(dependent)
    if (mismatch) others.push(dependent)
  }
  return { matching, others }
}

/** Another reading of the uid to be looked up next: they are gone through in order, so that each gets its turn. */
function alternateIdentity(dependents: readonly GraphNode[], absent: Identity): Identity | undefined {
  const candidates = new Map<string, Identity>()
  for (const dependent of dependents) {
    for (const owner of dependent.owners) {
      if (owner.uid !== absent.uid) continue
      if (sameCoordinates(owner, absent) && (absent.namespace === '' || absent.namespace === dependent.identity.namespace)) continue
      const clusterScoped = absent.namespace === '' && owner.apiVersion === absent.apiVersion && owner.kind === absent.kind
      const identity = identityOf(owner, clusterScoped ? '' : dependent.identity.namespace)
      candidates.set(orderKey(identity), identity)
    }
  }
  candidates.delete(orderKey(absent))
  const keys = [...candidates.keys()].sort()
  const next = keys.find((key) => key > orderKey(absent)) ?? keys[0]
  return next === undefined ? undefined : candidates.get(next)
}

const orderKey = ({ kind, apiVersion, namespace, name, uid }: Identity): string => [kind, apiVersion, namespace, name, uid].join('\0')
