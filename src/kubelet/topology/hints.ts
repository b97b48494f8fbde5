/** Which NUMA nodes are best for all that a container or pod asks for. Pure. Upstream: pkg/kubelet/cm/topologymanager. */
import type { NumaNode } from './machine.ts'

/** Numbers of NUMA nodes, in order. */
export type Nodes = readonly number[]

export interface Hint {
  /** undefined: any. */
  readonly nodes: Nodes | undefined
  readonly preferred: boolean
}

/** By resource: undefined: no preference; empty: impossible. */
export type Hints = Readonly<Record<string, readonly Hint[] | undefined>>

export type TopologyPolicy = 'none' | 'best-effort' | 'restricted' | 'single-numa-node'

const equal = (a: Nodes, b: Nodes) => a.length === b.length && a.every((node, i) => node === b[i])
/** Of two sets of one size, the one that comes first as a number of bits. */
const lower = (a: Nodes, b: Nodes): boolean => {
  for (let i = 1; i <= Math.max(a.length, b.length); i++) {
    const [x, y] = [a.at(-i) ?? -1, b.at(-i) ?? -1]
    if (x !== y) return x < y
  }
  return false
}
export const narrower = (a: Nodes, b: Nodes): boolean => (a.length === b.length ? lower(a, b) : a.length < b.length)

/** All sets of some of these, the smallest first. */
export function nodeSets(all: Nodes): Nodes[] {
  const sets: Nodes[] = []
  const visit = (from: number, taken: Nodes, size: number): void => {
    if (taken.length === size) return void sets.push(taken)
    for (let i = from; i < all.length; i++) visit(i + 1, [...taken, all[i]!], size)
  }
  for (let size = 1; size <= all.length; size++) visit(0, [], size)
  return sets
}

/** Hints for `request` things of which `total` and `free` count those in a set; `free` answers undefined for sets that will not do. */
export function hintsFor(all: Nodes, request: number, total: (nodes: Nodes) => number, free: (nodes: Nodes) => number | undefined, alsoPreferred?: (nodes: Nodes, least: number) => boolean): Hint[] {
  let least = all.length
  const found: Nodes[] = []
  for (const nodes of nodeSets(all)) {
    if (total(nodes) >= request && nodes.length < least) least = nodes.length
    if ((free(nodes) ?? -1) >= request) found.push(nodes)
  }
  return found.map((nodes) => ({ nodes, preferred: nodes.length === least || alsoPreferred?.(nodes, least) === true }))
}

function averageDistance(nodes: Nodes, machine: readonly NumaNode[]): number {
  const index = (id: number) => machine.findIndex((node) => node.id === id)
  const distances = nodes.flatMap((from) => nodes.map((to) => machine[index(from)]?.distances[index(to)] ?? 0))
  return distances.length === 0 ? 0 : distances.reduce((sum, one) => sum + one, 0) / distances.length
}

/** Answers what all providers can live with best, and whether the policy takes the pod with it. */
export function mergeHints(policy: TopologyPolicy, providers: readonly Hints[], machine: readonly NumaNode[], preferClosest: boolean): { hint: Hint; admit: boolean } {
  if (policy === 'none') return { hint: { nodes: undefined, preferred: false }, admit: true }
  const everything = machine.map(({ id }) => id)
  let lists = providers.flatMap((hints): (readonly Hint[])[] => {
    const resources = Object.values(hints)
    if (resources.length === 0) return [[{ nodes: undefined, preferred: true }]]
    return resources.map((list) => (list === undefined ? [{ nodes: undefined, preferred: true }] : list.length === 0 ? [{ nodes: undefined, preferred: false }] : list))
  })
  const single = policy === 'single-numa-node'
  if (single) lists = lists.map((list) => list.filter(({ nodes, preferred }) => preferred && (nodes === undefined || nodes.length === 1)))
  const better = (current: Nodes, next: Nodes): boolean => {
    if (equal(current, next)) return false
    if (single || !preferClosest || current.length !== next.length) return !narrower(current, next)
    const [a, b] = [averageDistance(current, machine), averageDistance(next, machine)]
    return a === b ? !lower(current, next) : b < a
  }
  const target = Math.max(0, ...lists.map((list) => list.reduce<Nodes | undefined>((best, { nodes }) => (nodes !== undefined && (best === undefined || narrower(nodes, best)) ? nodes : best), undefined)?.length ?? 0))
  let best: { nodes: Nodes; preferred: boolean } | undefined
  const consider = (next: { nodes: Nodes; preferred: boolean }): void => {
    if (next.nodes.length > 0 && (best === undefined || wins(best, next))) best = next
  }
  const wins = (current: { nodes: Nodes; preferred: boolean }, next: { nodes: Nodes; preferred: boolean }): boolean => {
    if (current.preferred !== next.preferred) return next.preferred
    const [a, b] = [current.nodes.length, next.nodes.length]
    if (current.preferred || a > target || (a === b)) return better(current.nodes, next.nodes)
    // Sets that cannot be aligned are compared by how near they come to what the most demanding needs.
    if (a === target) return false
    return b <= target && b > a
  }
  const visit = (i: number, merged: Nodes, first: Nodes | undefined, preferred: boolean): void => {
    if (i === lists.length) return consider({ nodes: merged, preferred })
    for (const hint of lists[i]!) {
      if (hint.nodes === undefined) visit(i + 1, merged, first, preferred && hint.preferred)
      else visit(i + 1, merged.filter((node) => hint.nodes!.includes(node)), first ?? hint.nodes, preferred && hint.preferred && equal(hint.nodes, first ?? hint.nodes))
    }
  }
  visit(0, everything, undefined, true)
  let hint: Hint = best ?? { nodes: everything, preferred: false }
  if (single && equal(hint.nodes!, everything)) hint = { nodes: undefined, preferred: hint.preferred }
  return { hint, admit: policy === 'best-effort' || hint.preferred }
}
