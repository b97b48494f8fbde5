/** CPUs of their own for containers of guaranteed pods that ask for whole ones. Pure. Upstream: cpumanager/policy_static.go. */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { podQOS } from '../../api/helpers/qos.ts'
import { quantityMilliValue } from '../../api/meta/quantity.ts'
import { type AnyContainer, initContainers, isRestartableInit, podUid } from '../pod.ts'
import type { CpuCheckpoint } from './checkpoint.ts'
import { type CpuSet, common, equalSets, formatCpuSet, minus, parseCpuSet, union } from './cpu-set.ts'
import { type Hint, type Hints, type Nodes, hintsFor } from './hints.ts'
import { type Machine, cpusIn, cpusPerCore, valuesOf } from './machine.ts'
import type { CpuOptions } from './options.ts'
import { takeCpus, withSiblings } from './take.ts'

/** A refusal that has a name of its own. */
export class AdmissionError extends Error {
  readonly reason: string

  constructor(reason: string, message: string) {
    super(message)
    this.reason = reason
  }
}

export interface CpuPolicy {
  hints(pod: Pod, container: AnyContainer): Hints
  podHints(pod: Pod): Hints
  /** Throws when there are none. */
  allocate(pod: Pod, container: AnyContainer, hint: Hint): void
  /** Those of its own; undefined: it shares. */
  exclusive(uid: string, container: string): CpuSet | undefined
  /** What all others share. */
  shared(): CpuSet
  /** Takes back what no other container may have. */
  keep(active: ReadonlyMap<string, ReadonlySet<string>>): void
  checkpoint(): CpuCheckpoint
}

const isWhole = (milli: number) => milli % 1000 === 0
/** Pods with resources as a whole take no part. */
export const hasPodResources = (pod: Pod): boolean => Object.keys({ ...pod.spec!.resources?.requests, ...pod.spec!.resources?.limits }).length > 0

/** How many CPUs of its own a container asks for. */
function wantedBy(pod: Pod, container: AnyContainer): number {
  if (podQOS(pod) !== 'Guaranteed') return 0
  const milli = quantityMilliValue(container.resources?.requests?.cpu ?? 0)
  return isWhole(milli) ? milli / 1000 : 0
}

function wantedByPod(pod: Pod): number {
  let inits = 0
  let sidecars = 0
  for (const container of initContainers(pod)) {
    const wanted = wantedBy(pod, container)
    if (isRestartableInit(container)) sidecars += wanted
    else inits = Math.max(inits, sidecars + wanted)
  }
  return Math.max(inits, sidecars + pod.spec!.containers.reduce((sum, container) => sum + wantedBy(pod, container), 0))
}

/** `reserved` are never given away. Throws Error when the saved state does not go with the machine. */
export function createStaticCpus(machine: Machine, reserved: CpuSet, options: CpuOptions, saved: CpuCheckpoint | undefined): CpuPolicy {
  const all = machine.cpus.map(({ id }) => id).sort((a, b) => a - b)
  const nodes = valuesOf(machine.cpus, 'numa')
  const numaOf = new Map(machine.cpus.map(({ id, numa }) => [id, numa]))
  const reservedCores = withSiblings(machine, reserved)
  const assigned = new Map<string, Map<string, CpuSet>>()
  let pool: CpuSet = restore()
  let reuse: { uid: string; cpus: CpuSet } = { uid: '', cpus: [] }

  function restore(): CpuSet {
    const usable = options.strictReservation ? minus(all, reserved) : all
    for (const [uid, containers] of Object.entries(saved?.entries ?? {})) {
      assigned.set(uid, new Map(Object.entries(containers).map(([name, cpus]) => [name, parseCpuSet(cpus)])))
    }
    const left = parseCpuSet(saved?.defaultCpuSet ?? '')
    const given = [...assigned].flatMap(([uid, containers]) => [...containers].map(([name, cpus]) => ({ uid, name, cpus })))
    if (left.length === 0) {
      if (given.length > 0) throw new Error('default cpuset cannot be empty')
      return usable
    }
    const reservedLeft = common(reserved, left)
    if (options.strictReservation && reservedLeft.length > 0) throw new Error(`some of strictly reserved cpus: "${formatCpuSet(reservedLeft)}" are present in defaultCpuSet: "${formatCpuSet(left)}"`)
    if (!options.strictReservation && !equalSets(reservedLeft, reserved)) throw new Error(`not all reserved cpus: "${formatCpuSet(reserved)}" are present in defaultCpuSet: "${formatCpuSet(left)}"`)
    for (const { uid, name, cpus } of given) {
      if (common(left, cpus).length > 0) throw new Error(`pod: ${uid}, container: ${name} cpuset: "${formatCpuSet(cpus)}" overlaps with default cpuset "${formatCpuSet(left)}"`)
    }
    const known = union(left, ...given.map(({ cpus }) => cpus))
    if (!equalSets(known, usable)) throw new Error(`current set of available CPUs "${formatCpuSet(usable)}" doesn't match with CPUs in state "${formatCpuSet(known)}"`)
    return left
  }

  const available = (): CpuSet => minus(pool, reserved)
  const reusable = (uid: string): CpuSet => (reuse.uid === uid ? reuse.cpus : [])
  const take = (from: CpuSet, count: number): CpuSet => takeCpus(machine, from, count, {
    spread: options.spreadCores, byCache: options.byCache, ...(options.distributeNuma ? { distribute: { groupSize: options.wholeCores ? cpusPerCore(machine) : 1 } } : {}),
  })

  /** A pod's later containers may have what those had that have ended by then. */
  function updateReuse(pod: Pod, container: AnyContainer, cpus: CpuSet): void {
    const uid = podUid(pod)
    const before = reusable(uid)
    const ends = initContainers(pod).some(({ name }) => name === container.name) && !isRestartableInit(container)
    reuse = { uid, cpus: ends ? union(before, cpus) : minus(before, cpus) }
  }

  function checkCores(wanted: number): void {
    if (!options.wholeCores) return
    const perCore = cpusPerCore(machine)
    if (wanted % perCore !== 0) throw new AdmissionError('SMTAlignmentError', `SMT Alignment Error: requested ${wanted} cpus not multiple cpus per core = ${perCore}`)
    const free = minus(pool, reservedCores).length
    if (wanted > free) {
      throw new AdmissionError('SMTAlignmentError', `SMT Alignment Error: not enough free physical CPUs: available physical CPUs = ${free}, requested CPUs = ${wanted}, CPUs per core = ${perCore}`)
    }
  }

  const inNodes = (cpus: CpuSet, set: Nodes) => cpus.filter((cpu) => set.includes(numaOf.get(cpu)!))

  function makeHints(free: CpuSet, again: CpuSet, wanted: number): Hints {
    const perSocket = Math.floor(nodes.length / valuesOf(machine.cpus, 'socket').length)
    const socketAligned = (set: Nodes, least: number) => options.bySocket && perSocket > 0 &&
      valuesOf(machine.cpus.filter(({ numa }) => set.includes(numa)), 'socket').length === Math.ceil(least / perSocket)
    return { cpu: hintsFor(nodes, wanted, (set) => cpusIn(machine.cpus, 'numa', set).length, (set) => (inNodes(again, set).length < again.length ? undefined : again.length + inNodes(free, set).length), socketAligned) }
  }

  return {
    hints(pod, container) {
      const wanted = wantedBy(pod, container)
      if (wanted === 0 || hasPodResources(pod)) return {}
      const own = assigned.get(podUid(pod))?.get(container.name)
      if (own !== undefined) return own.length === wanted ? makeHints(own, [], wanted) : { cpu: [] }
      return makeHints(available(), reusable(podUid(pod)), wanted)
    },
    podHints(pod) {
      const wanted = wantedByPod(pod)
      if (wanted === 0 || hasPodResources(pod)) return {}
      const own = assigned.get(podUid(pod))
      let held: CpuSet = []
      for (const container of [...initContainers(pod), ...pod.spec!.containers]) {
        const cpus = own?.get(container.name)
        if (cpus === undefined) continue
        if (cpus.length !== wantedBy(pod, container)) return { cpu: [] }
        held = union(held, cpus)
      }
      if (held.length === wanted) return makeHints(held, [], wanted)
      return makeHints(available(), union(reusable(podUid(pod)), held), wanted)
    },
    allocate(pod, container, hint) {
      const wanted = wantedBy(pod, container)
      if (wanted === 0 || hasPodResources(pod)) return
      const uid = podUid(pod)
      const known = assigned.get(uid)?.get(container.name)
      if (known !== undefined) return updateReuse(pod, container, known)
      checkCores(wanted)
      const from = union(available(), reusable(uid))
      let cpus: CpuSet = []
      if (hint.nodes !== undefined) {
        const sockets = valuesOf(machine.cpus.filter(({ numa }) => hint.nodes!.includes(numa)), 'socket')
        const near = options.bySocket ? common(from, cpusIn(machine.cpus, 'socket', sockets)) : inNodes(from, hint.nodes)
        cpus = take(near, Math.min(wanted, near.length))
      }
      cpus = union(cpus, take(minus(from, cpus), wanted - cpus.length))
      pool = minus(pool, cpus)
      assigned.set(uid, (assigned.get(uid) ?? new Map<string, CpuSet>()).set(container.name, cpus))
      updateReuse(pod, container, cpus)
    },
    exclusive: (uid, container) => assigned.get(uid)?.get(container),
    shared: () => pool,
    keep(active) {
      for (const [uid, containers] of assigned) {
        for (const [name, cpus] of containers) {
          if (active.get(uid)?.has(name) === true) continue
          containers.delete(name)
          pool = union(pool, minus(cpus, union(...containers.values())))
        }
        if (containers.size === 0) assigned.delete(uid)
      }
    },
    checkpoint: () => ({
      policyName: 'static', defaultCpuSet: formatCpuSet(pool),
      entries: Object.fromEntries([...assigned].map(([uid, containers]) => [uid, Object.fromEntries([...containers].map(([name, cpus]) => [name, formatCpuSet(cpus)]))])),
    }),
  }
}

/** CPUs for the system: those that were named, else as many as are reserved. */
export function reservedCpus(machine: Machine, named: CpuSet, reservedMilli: number, options: CpuOptions): CpuSet {
  if (named.length === 0 && reservedMilli === 0) throw new Error('[cpumanager] the static policy requires systemreserved.cpu + kubereserved.cpu to be greater than zero')
  const count = named.length > 0 ? named.length : Math.ceil(reservedMilli / 1000)
  const found = named.length > 0 ? named : takeOrNone()
  if (found.length !== count || common(found, machine.cpus.map(({ id }) => id)).length !== count) {
    throw new Error(`new static policy error: [cpumanager] unable to reserve the required amount of CPUs (size of ${formatCpuSet(found)} did not equal ${count})`)
  }
  return found

  function takeOrNone(): CpuSet {
    try {
      return takeCpus(machine, machine.cpus.map(({ id }) => id).sort((a, b) => a - b), count, { spread: options.spreadCores, byCache: options.byCache })
    } catch {
      return []
    }
  }
}
