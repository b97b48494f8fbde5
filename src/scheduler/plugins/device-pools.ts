/** Pools of devices as a node sees them (upstream: dynamic-resource-allocation/structured, pools). */
import type { Node, NodeSelector } from '../../api/generated/types/core-v1.ts'
import type { Counter, Device, ResourceSlice } from '../../api/generated/types/resource-v1.ts'
import { type NodeMatcher, compileNodeSelector } from '../../api/helpers/node-affinity.ts'

export interface Pool {
  readonly driver: string
  readonly name: string
  /** Not all of its slices are there yet. */
  readonly incomplete: boolean
  /** What is wrong with it. */
  readonly invalid?: string
  /** Slices with devices that the node may use, by name. */
  readonly slices: readonly ResourceSlice[]
  /** Slices for other nodes, whose devices may use the same counters. */
  readonly others: readonly ResourceSlice[]
  readonly counterSets: ReadonlyMap<string, Readonly<Record<string, Counter>>>
}

const matchers = new WeakMap<NodeSelector, NodeMatcher>()

export function nodeMatches(node: Node, nodeName: string | undefined, allNodes: boolean | undefined, selector: NodeSelector | undefined): boolean {
  if (nodeName !== undefined && nodeName !== '') return node.metadata.name === nodeName
  if (allNodes === true) return true
  if (selector === undefined) return false
  let matches = matchers.get(selector)
  if (matches === undefined) matchers.set(selector, (matches = compileNodeSelector(selector)))
  return matches(node)
}

/** Slices of all drivers, by the node that they are for. */
export class Slices {
  #all: readonly ResourceSlice[] = []
  #onNode = new Map<string, ResourceSlice[]>()
  #shared: ResourceSlice[] = []
  #pools = new Map<string, { readonly node: Node; readonly pools: readonly Pool[] }>()

  /** Takes what there is now; cheap when that is what it was. */
  set(all: readonly ResourceSlice[]): void {
    if (all.length === this.#all.length && all.every((slice, i) => slice === this.#all[i])) return
    this.#all = [...all]
    this.#onNode = new Map()
    this.#shared = []
    this.#pools = new Map()
    for (const slice of all) {
      const { nodeName, sharedCounters } = slice.spec
      if (nodeName === undefined || nodeName === '' || (sharedCounters?.length ?? 0) > 0) {
        this.#shared.push(slice)
        continue
      }
      const list = this.#onNode.get(nodeName)
      if (list === undefined) this.#onNode.set(nodeName, [slice])
      else list.push(slice)
    }
  }

  /** By driver and name, those with binding conditions last. */
  poolsFor(node: Node): readonly Pool[] {
    const name = node.metadata.name!
    const known = this.#pools.get(name)
    if (known?.node === node) return known.pools
    const pools = gatherPools([...(this.#onNode.get(name) ?? []), ...this.#shared], node, this.#all)
    this.#pools.set(name, { node, pools })
    return pools
  }
}

function isRelevant({ spec }: ResourceSlice, node: Node): boolean {
  if ((spec.sharedCounters?.length ?? 0) > 0) return true
  if ((spec.nodeName ?? '') !== '' || spec.allNodes === true || spec.nodeSelector !== undefined) return nodeMatches(node, spec.nodeName, spec.allNodes, spec.nodeSelector)
  return spec.perDeviceNodeSelection === true && (spec.devices ?? []).some((device) => nodeMatches(node, device.nodeName, device.allNodes, device.nodeSelector))
}

function gatherPools(candidates: readonly ResourceSlice[], node: Node, all: readonly ResourceSlice[]): Pool[] {
  const byPool = new Map<string, ResourceSlice[]>()
  for (const slice of candidates) {
    if (!isRelevant(slice, node)) continue
    const { driver, pool } = slice.spec
    const key = `${driver}/${pool.name}`
    const found = byPool.get(key)
    const generation = found?.[0]!.spec.pool.generation
    if (generation === undefined || pool.generation > generation) byPool.set(key, [slice])
    else if (pool.generation === generation) found!.push(slice)
  }
  const ready: Pool[] = []
  const conditional: Pool[] = []
  for (const slices of byPool.values()) {
    const { driver, pool: { name, generation, resourceSliceCount } } = slices[0]!.spec
    let ofPool: ResourceSlice[] | undefined
    if (slices.length !== resourceSliceCount) {
      const same = all.filter(({ spec }) => spec.driver === driver && spec.pool.name === name)
      if (same.some(({ spec }) => spec.pool.generation > generation)) continue
      ofPool = same.filter(({ spec }) => spec.pool.generation === generation)
      if (ofPool.length !== resourceSliceCount) {
        ready.push({ driver, name, incomplete: true, slices: [], others: [], counterSets: new Map() })
        continue
      }
    }
    const pool = buildPool(driver, name, slices, ofPool)
    const binds = pool.slices.some(({ spec }) => (spec.devices ?? []).some(({ bindingConditions }) => bindingConditions !== undefined))
    ;(binds ? conditional : ready).push(pool)
  }
  const byId = (a: Pool, b: Pool) => order(a.driver, b.driver) || order(a.name, b.name)
  return [...ready.sort(byId), ...conditional.sort(byId)]
}

const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

function buildPool(driver: string, name: string, slices: ResourceSlice[], ofPool: readonly ResourceSlice[] | undefined): Pool {
  slices.sort((a, b) => order(a.metadata.name!, b.metadata.name!))
  const hasCounters = ({ spec }: ResourceSlice) => (spec.sharedCounters?.length ?? 0) > 0
  const withDevices = slices.filter((slice) => !hasCounters(slice))
  const counterSets = new Map<string, Readonly<Record<string, Counter>>>()
  const broken = (invalid: string): Pool => ({ driver, name, incomplete: false, invalid, slices: [], others: [], counterSets })
  const names = new Set<string>()
  for (const { name: device } of withDevices.flatMap(({ spec }) => spec.devices ?? [])) {
    if (names.has(device)) return broken(`duplicate device name ${device}`)
    names.add(device)
  }
  for (const set of slices.flatMap(({ spec }) => spec.sharedCounters ?? [])) {
    if (counterSets.has(set.name)) return broken(`duplicate counter set name ${set.name}`)
    counterSets.set(set.name, set.counters)
  }
  const targeting = new Set(slices.map(({ metadata }) => metadata.name))
  const others = ofPool === undefined || ofPool.length === slices.length ? [] : ofPool.filter(({ metadata }) => !targeting.has(metadata.name))
  const wrong = wrongCounters(counterSets, [...slices, ...others])
  return wrong === undefined ? { driver, name, incomplete: false, slices: withDevices, others, counterSets } : broken(wrong)
}

function wrongCounters(counterSets: Pool['counterSets'], slices: readonly ResourceSlice[]): string | undefined {
  for (const { counterSet, counters } of slices.flatMap(({ spec }) => spec.devices ?? []).flatMap((device: Device) => device.consumesCounters ?? [])) {
    const set = counterSets.get(counterSet)
    if (set === undefined) return `counter set ${counterSet} not found`
    for (const counter of Object.keys(counters)) if (set[counter] === undefined) return `counter ${counter} not found in counter set ${counterSet}`
  }
  return undefined
}
