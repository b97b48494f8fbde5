/** Which CPUs a container gets: whole NUMA nodes, sockets, caches and cores first. Pure. Upstream: cpumanager/cpu_assignment.go. */
import { type CpuSet, cpuSet, minus, union } from './cpu-set.ts'
import { type Cpu, type Machine, cpusIn, cpusPerCore, valuesOf } from './machine.ts'

export interface TakeOptions {
  /** Over cores rather than onto few. */
  readonly spread?: boolean
  /** Over NUMA nodes evenly when one is not enough, in groups of so many CPUs. */
  readonly distribute?: { readonly groupSize: number }
  readonly byCache?: boolean
}

type Level = 'core' | 'socket' | 'numa' | 'cache'

/** Throws Error with upstream's text when there are too few. */
export function takeCpus(machine: Machine, available: CpuSet, wanted: number, options: TakeOptions = {}): CpuSet {
  const { distribute } = options
  return distribute === undefined || wanted % distribute.groupSize !== 0 ? takePacked(machine, available, wanted, options) : takeDistributed(machine, available, wanted, distribute.groupSize, options)
}

function tooFew(wanted: number, available: CpuSet): Error {
  return new Error(`not enough cpus available to satisfy request: requested=${wanted}, available=${available.length}`)
}

/** Free CPUs of a machine, and the orders in which they are looked at. */
function openPool(machine: Machine, available: CpuSet) {
  let free: readonly Cpu[] = machine.cpus.filter(({ id }) => available.includes(id))
  // What is bigger is looked at first: sockets are usually, but a socket can also hold several NUMA nodes.
  const numaFirst = valuesOf(machine.cpus, 'socket').length >= valuesOf(machine.cpus, 'numa').length
  const byRoom = (level: Level, ids: CpuSet): number[] => {
    const room = (id: number) => cpusIn(free, level, [id]).length
    return [...ids].sort((a, b) => room(a) - room(b) || a - b)
  }
  const inside = (outer: Level, id: number, inner: Level) => valuesOf(free.filter((cpu) => cpu[outer] === id), inner)
  const [outer, inner]: [Level, Level] = numaFirst ? ['numa', 'socket'] : ['socket', 'numa']
  const outers = () => byRoom(outer, valuesOf(free, outer))
  const inners = () => outers().flatMap((id) => byRoom(inner, inside(outer, id, inner)))
  const sorted: Record<Level, () => number[]> = {
    numa: numaFirst ? outers : inners, socket: numaFirst ? inners : outers,
    core: () => inners().flatMap((id) => byRoom('core', inside(inner, id, 'core'))),
    cache: () => sorted.numa().flatMap((id) => byRoom('cache', inside('numa', id, 'cache'))),
  }
  return {
    outer, inner, sorted,
    free: () => free,
    remove: (cpus: CpuSet) => void (free = free.filter(({ id }) => !cpus.includes(id))),
    inOrder: (spread: boolean): number[] => (spread ? sorted.socket().flatMap((id) => [...cpusIn(free, 'socket', [id])]) : sorted.core().flatMap((id) => [...cpusIn(free, 'core', [id])])),
  }
}

function takePacked(machine: Machine, available: CpuSet, wanted: number, { spread = false, byCache = false }: TakeOptions): CpuSet {
  const pool = openPool(machine, available)
  let taken: CpuSet = []
  const missing = () => wanted - taken.length
  const take = (cpus: CpuSet) => {
    taken = union(taken, cpus)
    pool.remove(cpus)
  }
  if (missing() < 1) return taken
  if (wanted > pool.free().length) throw tooFew(wanted, available)
  const takeWhole = (level: Level) => {
    for (const id of pool.sorted[level]()) {
      const all = cpusIn(machine.cpus, level, [id])
      if (cpusIn(pool.free(), level, [id]).length === all.length && missing() >= all.length) take(all)
    }
  }
  takeWhole(pool.outer)
  if (missing() > 0) takeWhole(pool.inner)
  if (missing() > 0 && byCache) takeByCache()
  if (missing() > 0 && !spread) takeWhole('core')
  while (missing() > 0) take([pool.inOrder(spread)[0]!])
  return taken

  function takeByCache(): void {
    const perCore = cpusPerCore(machine)
    const perCache = Math.floor(machine.cpus.length / Math.max(1, valuesOf(machine.cpus, 'cache').length))
    for (const id of pool.sorted.cache()) {
      if (missing() >= perCache) takeWhole('cache')
      if (missing() < 1) return
      const cores = valuesOf(pool.free().filter(({ cache }) => cache === id), 'core').slice(0, Math.ceil(missing() / perCore))
      let cpus = cpusIn(pool.free(), 'core', cores)
      if (missing() % 2 !== 0 && perCore > 1 && cpus.length > missing()) cpus = cpus.slice(0, -1)
      if (cpus.length === missing()) return take(cpus)
    }
  }
}

/** Every choice of `size` of these, in order; stops when `visit` answers true. */
function combinations(all: readonly number[], size: number, visit: (chosen: readonly number[]) => boolean): void {
  const walk = (from: number, chosen: readonly number[]): boolean => {
    if (chosen.length === size) return visit(chosen)
    for (let i = from; i <= all.length - (size - chosen.length); i++) if (walk(i + 1, [...chosen, all[i]!])) return true
    return false
  }
  if (size > 0) walk(0, [])
}

const rounded = (value: number) => Math.round(value * 1000) / 1000

function deviation(values: readonly number[]): number {
  const mean = rounded(values.reduce((sum, value) => sum + value, 0) / values.length)
  return rounded(Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length))
}

/** Which of a choice's nodes give one group more, so that what is left is even. */
function bestRemainder(left: ReadonlyMap<number, number>, candidates: readonly number[], remainder: number, group: number): { balance: number; nodes: readonly number[] } {
  if (remainder === 0) return { balance: deviation([...left.values()]), nodes: [] }
  let best: { balance: number; nodes: readonly number[] } = { balance: Infinity, nodes: [] }
  for (let size = candidates.length; size >= 1; size--) {
    combinations(candidates, size, (subset) => {
      if (subset.reduce((sum, node) => sum + left.get(node)!, 0) < remainder) return false
      const after = new Map(left)
      for (let open = remainder; open > 0;) {
        const before = open
        for (const node of subset) {
          if (open === 0) break
          if (after.get(node)! < group) continue
          after.set(node, after.get(node)! - group)
          open -= group
        }
        if (open === before) return false
      }
      const balance = deviation([...after.values()])
      if (balance < best.balance) best = { balance, nodes: subset }
      return false
    })
  }
  return best
}

function takeDistributed(machine: Machine, available: CpuSet, wanted: number, group: number, options: TakeOptions): CpuSet {
  if (wanted < 1) return []
  const pool = openPool(machine, available)
  if (wanted > pool.free().length) throw tooFew(wanted, available)
  const nodes = pool.sorted.numa()
  const room = (node: number) => cpusIn(pool.free(), 'numa', [node]).length
  const groups = Math.floor((wanted - 1) / group) + 1
  const groupsPerNode = Math.floor((Math.floor((machine.cpus.length - 1) / group) + 1 - 1) / valuesOf(machine.cpus, 'numa').length) + 1
  const least = Math.floor((groups - 1) / groupsPerNode) + 1
  for (let size = least; size <= Math.min(groups, nodes.length); size++) {
    let best: { balance: number; chosen: readonly number[]; more: readonly number[] } = { balance: Infinity, chosen: [], more: [] }
    const share = Math.floor(wanted / size / group) * group
    combinations(nodes, size, (chosen) => {
      if (best.balance === 0) return true
      if (chosen.reduce((sum, node) => sum + Math.floor(room(node) / group), 0) * group < wanted || chosen.some((node) => room(node) < share)) return false
      const left = new Map(nodes.map((node) => [node, room(node) - (chosen.includes(node) ? share : 0)]))
      const { balance, nodes: more } = bestRemainder(left, chosen.filter((node) => left.get(node)! >= group), wanted - share * size, group)
      if (balance < best.balance) best = { balance, chosen, more }
      return false
    })
    if (best.chosen.length === 0) continue
    let taken: CpuSet = []
    const takeFrom = (node: number, count: number) => {
      const cpus = takePacked(machine, cpusIn(pool.free(), 'numa', [node]), count, { spread: options.spread ?? false })
      taken = union(taken, cpus)
      pool.remove(cpus)
    }
    for (const node of best.chosen) takeFrom(node, share)
    while (taken.length < wanted) {
      for (const node of best.more) if (taken.length < wanted && room(node) >= group) takeFrom(node, group)
    }
    return taken
  }
  return takePacked(machine, available, wanted, { spread: options.spread ?? false })
}

/** CPUs with those that share a core with them. */
export function withSiblings(machine: Machine, cpus: CpuSet): CpuSet {
  const cores = cpuSet(machine.cpus.filter(({ id }) => cpus.includes(id)).map(({ core }) => core))
  return union(cpus, minus(cpusIn(machine.cpus, 'core', cores), cpus))
}
