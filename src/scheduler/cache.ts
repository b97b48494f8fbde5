import type { Node, Pod } from '../api/generated/types/core-v1.ts'
import { NodeInfo, podInfo } from './snapshot.ts'

/**
 * Nodes and the pods on them, those that were only assumed there included (upstream: backend/cache). Cycles are
 * synchronous, so this is at once the cache and the snapshot of a cycle.
 */
export class SchedulerCache {
  readonly #nodes = new Map<string, NodeInfo>()
  readonly #nodeOfPod = new Map<string, string>()
  readonly #assumed = new Set<string>()
  #list: NodeInfo[] | undefined

  /** Nodes that exist, zones taken in turn so that a search that stops early sees them all (backend/cache/node_tree.go). */
  get nodes(): readonly NodeInfo[] {
    return (this.#list ??= interleaveZones([...this.#nodes.values()].filter((info) => info.node !== undefined)))
  }

  node(name: string): NodeInfo | undefined {
    const info = this.#nodes.get(name)
    return info?.node === undefined ? undefined : info
  }

  setNode(node: Node): void {
    this.#nodeInfo(node.metadata.name!).setNode(node)
    this.#list = undefined
  }

  removeNode(name: string): void {
    const info = this.#nodes.get(name)
    if (info === undefined) return
    info.node = undefined
    if (info.pods.size === 0) this.#nodes.delete(name)
    this.#list = undefined
  }

  /** A pod that the API says is on a node: replaces what was assumed or known of it. */
  setPod(pod: Pod): void {
    this.removePod(pod.metadata.uid!)
    this.#add(pod, pod.spec!.nodeName!)
  }

  removePod(uid: string): void {
    const name = this.#nodeOfPod.get(uid)
    if (name === undefined) return
    this.#nodeOfPod.delete(uid)
    this.#assumed.delete(uid)
    const info = this.#nodes.get(name)
    info?.removePod(uid)
    if (info !== undefined && info.node === undefined && info.pods.size === 0) this.#nodes.delete(name)
  }

  /** Counts the pod on the node before its binding is written. */
  assume(pod: Pod, nodeName: string): void {
    this.removePod(pod.metadata.uid!)
    this.#add(pod, nodeName)
    this.#assumed.add(pod.metadata.uid!)
  }

  /** Takes an assumption back; a pod that the API has confirmed stays. */
  forget(uid: string): void {
    if (this.#assumed.has(uid)) this.removePod(uid)
  }

  has(uid: string): boolean {
    return this.#nodeOfPod.has(uid)
  }

  isAssumed(uid: string): boolean {
    return this.#assumed.has(uid)
  }

  #add(pod: Pod, nodeName: string): void {
    this.#nodeInfo(nodeName).addPod(podInfo(pod))
    this.#nodeOfPod.set(pod.metadata.uid!, nodeName)
  }

  #nodeInfo(name: string): NodeInfo {
    let info = this.#nodes.get(name)
    if (info === undefined) this.#nodes.set(name, (info = new NodeInfo(name)))
    return info
  }
}

function interleaveZones(nodes: readonly NodeInfo[]): NodeInfo[] {
  const zones = new Map<string, NodeInfo[]>()
  for (const info of nodes) {
    const zone = `${info.labels['topology.kubernetes.io/region'] ?? ''}:${info.labels['topology.kubernetes.io/zone'] ?? ''}`
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
