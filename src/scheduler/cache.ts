import type { Node, Pod } from '../api/generated/types/core-v1.ts'
import { PodCounts } from './pod-counts.ts'
import { NodeInfo, type PodInfo, podInfo, renewed } from './snapshot.ts'

/**
 * Nodes and the pods on them, those that were only assumed there included (upstream: backend/cache). Cycles are
 * synchronous, so this is at once the cache and the snapshot of a cycle.
 */
export class SchedulerCache {
  readonly counts = new PodCounts(() => this.#nodes.values())
  readonly #nodes = new Map<string, NodeInfo>()
  readonly #nodeOfPod = new Map<string, string>()
  readonly #assumed = new Set<string>()
  readonly #images = new Map<string, number>()
  readonly #freeSlots: number[] = []
  #slots = 0
  /** Changes when nodesWithImage, or how many nodes there are, does. */
  imagesVersion = 0
  #list: NodeInfo[] | undefined

  /** Nodes that exist, zones taken in turn so that a search that stops early sees them all (backend/cache/node_tree.go). */
  get nodes(): readonly NodeInfo[] {
    return (this.#list ??= interleaveZones([...this.#nodes.values()].filter((info) => info.node !== undefined)))
  }

  /** One more than the highest slot of a node. */
  get slots(): number {
    return this.#slots
  }

  get podCount(): number {
    return this.#nodeOfPod.size
  }

  get assumedCount(): number {
    return this.#assumed.size
  }

  node(name: string): NodeInfo | undefined {
    const info = this.#nodes.get(name)
    return info?.node === undefined ? undefined : info
  }

  nodesWithImage(name: string): number {
    return this.#images.get(name) ?? 0
  }

  setNode(node: Node): void {
    const info = this.#nodeInfo(node.metadata.name!)
    const zone = info.node === undefined ? undefined : zoneOf(info)
    const { images } = info
    info.setNode(node)
    if (images !== info.images) {
      this.#countImages(images, -1)
      this.#countImages(info.images, 1)
    }
    this.counts.nodeChanged(info)
    if (zone === zoneOf(info)) return
    this.#list = undefined
    this.imagesVersion++
  }

  removeNode(name: string): void {
    const info = this.#nodes.get(name)
    if (info === undefined) return
    this.#countImages(info.images, -1)
    info.removeNode()
    this.imagesVersion++
    this.counts.nodeChanged(info)
    this.#dropEmpty(info)
    this.#list = undefined
  }

  /** A pod that the API says is on a node: replaces what was assumed or known of it. */
  setPod(pod: Pod): void {
    const uid = pod.metadata.uid!
    const name = pod.spec!.nodeName!
    const known = this.#nodeOfPod.get(uid) === name ? this.#nodes.get(name)!.pods.get(uid) : undefined
    const same = known === undefined ? undefined : renewed(known, pod)
    if (same !== undefined) {
      // Most updates change nothing that counts.
      this.#nodes.get(name)!.pods.set(uid, same)
      this.#assumed.delete(uid)
      return
    }
    this.removePod(uid)
    this.#add(podInfo(pod), name)
  }

  removePod(uid: string): void {
    const name = this.#nodeOfPod.get(uid)
    if (name === undefined) return
    this.#nodeOfPod.delete(uid)
    this.#assumed.delete(uid)
    const info = this.#nodes.get(name)!
    const removed = info.removePod(uid)
    if (removed !== undefined) this.counts.podRemoved(info, removed)
    this.#dropEmpty(info)
  }

  /** Counts the pod on the node before its binding is written. */
  assume(pod: PodInfo, nodeName: string): void {
    this.removePod(pod.uid)
    this.#add(pod, nodeName)
    this.#assumed.add(pod.uid)
  }

  /** Takes an assumption back; a pod that the API has confirmed stays. */
  forget(uid: string): void {
    if (this.#assumed.has(uid)) this.removePod(uid)
  }

  /** Takes the pod out for a dry run; what is answered puts it back, unless it is there again by then. */
  lift(uid: string): () => void {
    const name = this.#nodeOfPod.get(uid)
    const info = name === undefined ? undefined : this.#nodes.get(name)?.pods.get(uid)
    if (name === undefined || info === undefined) return () => undefined
    const assumed = this.#assumed.has(uid)
    this.removePod(uid)
    return () => {
      if (this.#nodeOfPod.has(uid)) return
      this.#add(info, name)
      if (assumed) this.#assumed.add(uid)
    }
  }

  has(uid: string): boolean {
    return this.#nodeOfPod.has(uid)
  }

  /** Where the pod is, or is assumed to be. */
  nodeOf(uid: string): string | undefined {
    return this.#nodeOfPod.get(uid)
  }

  isAssumed(uid: string): boolean {
    return this.#assumed.has(uid)
  }

  #add(pod: PodInfo, nodeName: string): void {
    const info = this.#nodeInfo(nodeName)
    info.addPod(pod)
    this.counts.podAdded(info, pod)
    this.#nodeOfPod.set(pod.uid, nodeName)
  }

  #nodeInfo(name: string): NodeInfo {
    let info = this.#nodes.get(name)
    if (info === undefined) this.#nodes.set(name, (info = new NodeInfo(name, this.#freeSlots.pop() ?? this.#slots++)))
    return info
  }

  #dropEmpty(info: NodeInfo): void {
    if (info.node !== undefined || info.pods.size > 0) return
    this.#nodes.delete(info.name)
    this.#freeSlots.push(info.slot)
  }

  #countImages(images: ReadonlyMap<string, number>, by: 1 | -1): void {
    if (images.size > 0) this.imagesVersion++
    for (const name of images.keys()) {
      const count = (this.#images.get(name) ?? 0) + by
      if (count === 0) this.#images.delete(name)
      else this.#images.set(name, count)
    }
  }
}

function zoneOf({ labels }: NodeInfo): string {
  const region = labels['failure-domain.beta.kubernetes.io/region'] ?? labels['topology.kubernetes.io/region'] ?? ''
  const zone = labels['failure-domain.beta.kubernetes.io/zone'] ?? labels['topology.kubernetes.io/zone'] ?? ''
  return `${region}:${zone}`
}

function interleaveZones(nodes: readonly NodeInfo[]): NodeInfo[] {
  const zones = new Map<string, NodeInfo[]>()
  for (const info of nodes) {
    const zone = zoneOf(info)
    const list = zones.get(zone)
    if (list === undefined) zones.set(zone, [info])
    else list.push(info)
  }
  if (zones.size < 2) return [...nodes]
  const lists = [...zones.values()]
  const out: NodeInfo[] = []
  for (let i = 0; out.length < nodes.length; i++) for (const list of lists) if (i < list.length) out.push(list[i]!)
  return out
}
