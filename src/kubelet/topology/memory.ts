/** Memory of NUMA nodes for guaranteed pods, counted so that none is given twice. Pure. Upstream: memorymanager/policy_static.go. */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { podQOS } from '../../api/helpers/qos.ts'
import { quantityValue } from '../../api/meta/quantity.ts'
import { type AnyContainer, initContainers, isRestartableInit, podUid } from '../pod.ts'
import type { MachineState, MemoryBlock, MemoryCheckpoint } from './checkpoint.ts'
import { hasPodResources } from './cpus.ts'
import { type Hint, type Hints, type Nodes, narrower, nodeSets } from './hints.ts'
import type { Machine } from './machine.ts'

export interface MemoryPolicy {
  hints(pod: Pod, container: AnyContainer): Hints
  podHints(pod: Pod): Hints
  /** Throws when there is none. */
  allocate(pod: Pod, container: AnyContainer, hint: Hint): void
  /** The nodes that a container is bound to; empty: none. */
  nodes(uid: string, container: string): Nodes
  keep(active: ReadonlyMap<string, ReadonlySet<string>>): void
  /** Called when a container starts: init containers before it have ended and hold nothing that it was given again. */
  started(pod: Pod, container: AnyContainer): void
  checkpoint(): MemoryCheckpoint
}

type Amounts = ReadonlyMap<string, number>
/** By NUMA node. */
export type ReservedMemory = readonly { readonly numaNode: number; readonly limits: Readonly<Record<string, string | number>> }[]

const isMemory = (name: string) => name === 'memory' || name.startsWith('hugepages-')
const same = (a: Nodes, b: Nodes) => a.length === b.length && a.every((node) => b.includes(node))
const copyState = (state: Readonly<MachineState>): MachineState => Object.fromEntries(Object.entries(state).map(([id, node]) => [
  id, { ...node, cells: [...node.cells], memoryMap: Object.fromEntries(Object.entries(node.memoryMap).map(([name, table]) => [name, { ...table }])) },
]))

function wantedBy(container: AnyContainer): Map<string, number> {
  return new Map(Object.entries(container.resources?.requests ?? {}).filter(([name]) => isMemory(name)).map(([name, amount]) => [name, quantityValue(amount)]))
}

function wantedByPod(pod: Pod): Map<string, number> {
  const inits = new Map<string, number>()
  const sidecars = new Map<string, number>()
  const apps = new Map<string, number>()
  const add = (map: Map<string, number>, name: string, amount: number) => map.set(name, (map.get(name) ?? 0) + amount)
  for (const container of initContainers(pod)) {
    for (const [name, amount] of wantedBy(container)) {
      if (isRestartableInit(container)) add(sidecars, name, amount)
      else inits.set(name, Math.max(inits.get(name) ?? 0, (sidecars.get(name) ?? 0) + amount))
    }
  }
  for (const container of pod.spec!.containers) for (const [name, amount] of wantedBy(container)) add(apps, name, amount)
  return new Map([...apps].map(([name, amount]) => [name, Math.max(inits.get(name) ?? 0, amount + (sidecars.get(name) ?? 0))]))
}

/** Throws Error when what is reserved is not what the node keeps back, or names nodes that do not exist. */
export function checkReservedMemory(machine: Machine, reserved: ReservedMemory, keptBack: Readonly<Record<string, number>>): void {
  const totals: Record<string, number> = {}
  for (const { numaNode, limits } of reserved) {
    if (!machine.nodes.some(({ id }) => id === numaNode)) throw new Error(`the reserved memory configuration references a NUMA node ${numaNode} that does not exist on this machine`)
    for (const [name, amount] of Object.entries(limits)) totals[name] = (totals[name] ?? 0) + quantityValue(amount)
  }
  for (const name of new Set([...Object.keys(totals), ...Object.keys(keptBack).filter(isMemory)])) {
    if ((totals[name] ?? 0) !== (keptBack[name] ?? 0)) {
      throw new Error(`the total amount "${totals[name] ?? 0}" of type "${name}" is not equal to the value "${keptBack[name] ?? 0}" determined by Node Allocatable feature`)
    }
  }
  if ((totals['memory'] ?? 0) <= 0) throw new Error('[memorymanager] you should specify the system reserved memory')
}

function freshState(machine: Machine, reserved: ReservedMemory): MachineState {
  const kept = (node: number, name: string) => reserved.filter(({ numaNode }) => numaNode === node).reduce((sum, { limits }) => sum + quantityValue(limits[name] ?? 0), 0)
  const table = (total: number, systemReserved: number, other = 0) => ({ total, systemReserved, allocatable: total - systemReserved - other, reserved: 0, free: total - systemReserved - other })
  return Object.fromEntries(machine.nodes.map(({ id, memoryBytes, hugePages }) => {
    const huge = Object.values(hugePages).reduce((sum, bytes) => sum + bytes, 0)
    const memoryMap = Object.fromEntries(Object.entries(hugePages).map(([name, bytes]) => [name, table(bytes, kept(id, name))]))
    return [id, { numberOfAssignments: 0, memoryMap: { ...memoryMap, memory: table(memoryBytes, kept(id, 'memory'), huge) }, cells: [id] }]
  }))
}

/** Takes (or counts) memory from nodes in turn. */
function reserveOn(state: MachineState, nodes: Nodes, name: string, bytes: number): void {
  let open = bytes
  for (const id of nodes) {
    const node = state[id]!
    node.numberOfAssignments++
    node.cells = [...nodes]
    const table = node.memoryMap[name]
    if (open === 0 || table === undefined || table.free <= 0) continue
    const part = Math.min(open, table.free)
    table.reserved += part
    table.free -= part
    open -= part
  }
}

function releaseOn(state: MachineState, { numaAffinity, type, size }: MemoryBlock): void {
  let open = size
  for (const id of numaAffinity) {
    const node = state[id]!
    node.numberOfAssignments--
    if (node.numberOfAssignments === 0) node.cells = [id]
    const table = node.memoryMap[type]
    if (open === 0 || table === undefined || table.reserved === 0) continue
    const part = Math.min(open, table.reserved)
    table.free += part
    table.reserved -= part
    open -= part
  }
}

/** Throws Error when the saved state does not go with the machine. */
export function createStaticMemory(machine: Machine, reserved: ReservedMemory, saved: MemoryCheckpoint | undefined): MemoryPolicy {
  let state = freshState(machine, reserved)
  const assigned = new Map<string, Map<string, MemoryBlock[]>>()
  /** What ended init containers of the pod that is looked at leave to the next: nodes → resource → bytes. */
  let reuse = { uid: '', left: new Map<string, Map<string, number>>() }
  if (saved !== undefined) restore(saved)

  function restore(before: MemoryCheckpoint): void {
    for (const [uid, containers] of Object.entries(before.entries)) assigned.set(uid, new Map(Object.entries(containers).map(([name, blocks]) => [name, blocks.map((block) => ({ ...block }))])))
    if (Object.keys(before.machineState).length === 0) {
      if (assigned.size > 0) throw new Error('[memorymanager] machine state can not be empty when it has memory assignments')
      return
    }
    const expected = state
    for (const [uid, containers] of assigned) {
      for (const [name, blocks] of containers) {
        for (const { numaAffinity, type, size } of blocks) {
          if (numaAffinity.some((id) => expected[id] === undefined)) throw new Error(`[memorymanager] (pod: ${uid}, container: ${name}) the memory assignment uses the NUMA that does not exist`)
          if (numaAffinity.some((id) => expected[id]!.memoryMap[type] === undefined)) throw new Error(`[memorymanager] (pod: ${uid}, container: ${name}) the memory assignment uses memory resource that does not exist`)
          reserveOn(expected, numaAffinity, type, size)
        }
      }
    }
    if (!sameState(before.machineState, expected)) throw new Error('[memorymanager] the expected machine state is different from the real one')
    state = copyState(before.machineState)
  }

  const reusable = (uid: string, nodes: Nodes, name: string): number => (reuse.uid === uid ? (reuse.left.get(nodes.join())?.get(name) ?? 0) : 0)
  const sum = (nodes: Nodes, name: string, what: 'free' | 'allocatable') => nodes.reduce((total, id) => total + (state[id]!.memoryMap[name]?.[what] ?? 0), 0)

  function possible(uid: string, wanted: Amounts): Hint[] {
    let least = machine.nodes.length
    const found: Nodes[] = []
    for (const nodes of nodeSets(Object.keys(state).map(Number).sort((a, b) => a - b))) {
      if ([...wanted].some(([name, bytes]) => sum(nodes, name, 'allocatable') < bytes)) continue
      least = Math.min(least, nodes.length)
      const single = nodes.length === 1
      // A node belongs to one group at a time.
      if (single && state[nodes[0]!]!.cells.length > 1) continue
      if (!single && nodes.some((id) => state[id]!.numberOfAssignments > 0 && (state[id]!.cells.length === 1 || !same(state[id]!.cells, nodes)))) continue
      if ([...wanted].every(([name, bytes]) => sum(nodes, name, 'free') + reusable(uid, nodes, name) >= bytes)) found.push(nodes)
    }
    return found.map((nodes) => ({ nodes, preferred: nodes.length === least }))
  }

  const asHints = (wanted: Amounts, list: readonly Hint[]): Hints => (list.length === 0 ? {} : Object.fromEntries([...wanted.keys()].map((name) => [name, list])))

  function again(blocks: readonly MemoryBlock[], wanted: Amounts): Hints {
    if (blocks.length !== wanted.size || blocks.some(({ type, size }) => wanted.get(type) !== size)) return {}
    return Object.fromEntries(blocks.map(({ type, numaAffinity }) => [type, [{ nodes: numaAffinity, preferred: true }]]))
  }

  const best = (list: readonly Hint[]): Hint => list.reduce((a, b) => ((b.preferred && !a.preferred) || (a.preferred === b.preferred && narrower(b.nodes!, a.nodes!)) ? b : a))

  function choose(uid: string, wanted: Amounts, hint: Hint): Nodes {
    let chosen = hint
    if (chosen.nodes === undefined) {
      const list = possible(uid, wanted)
      if (list.length === 0) throw new Error('[memorymanager] failed to get the default NUMA affinity, no NUMA nodes with enough memory is available')
      const usual = best(list)
      if (!usual.preferred && hint.preferred) throw new Error('[memorymanager] failed to find the default preferred hint')
      chosen = usual
    }
    if ([...wanted].some(([name, bytes]) => sum(chosen.nodes!, name, 'free') < bytes)) {
      const wider = possible(uid, wanted).filter(({ nodes }) => chosen.nodes!.every((id) => nodes!.includes(id)))
      if (wider.length === 0) throw new Error('[memorymanager] failed to find NUMA nodes to extend the current topology hint')
      const extended = best(wider)
      if (!extended.preferred && chosen.preferred) throw new Error('[memorymanager] failed to find the extended preferred hint')
      chosen = extended
    }
    const nodes = chosen.nodes!
    const violates = nodes.length > 1 && nodes.some((id) => state[id]!.numberOfAssignments > 0 && (state[id]!.cells.length === 1 || !same(state[id]!.cells, nodes)))
    if (violates) throw new Error('[memorymanager] preferred hint violates NUMA node allocation')
    return nodes
  }

  const isInit = (pod: Pod, container: AnyContainer) => initContainers(pod).some(({ name }) => name === container.name) && !isRestartableInit(container)

  function updateReuse(pod: Pod, container: AnyContainer, blocks: readonly MemoryBlock[]): void {
    if (reuse.uid !== podUid(pod)) reuse = { uid: podUid(pod), left: new Map() }
    for (const { numaAffinity, type, size } of blocks) {
      const own = reuse.left.get(numaAffinity.join()) ?? new Map<string, number>()
      reuse.left.set(numaAffinity.join(), own)
      const left = own.get(type) ?? 0
      own.set(type, isInit(pod, container) ? Math.max(left, size) : Math.max(0, left - size))
    }
  }

  const takesPart = (pod: Pod) => podQOS(pod) === 'Guaranteed' && !hasPodResources(pod)

  return {
    hints(pod, container) {
      if (!takesPart(pod)) return {}
      const wanted = wantedBy(container)
      const own = assigned.get(podUid(pod))?.get(container.name)
      return own === undefined ? asHints(wanted, possible(podUid(pod), wanted)) : again(own, wanted)
    },
    podHints(pod) {
      if (!takesPart(pod)) return {}
      const wanted = wantedByPod(pod)
      if (wanted.size === 0) return {}
      for (const { name } of [...initContainers(pod), ...pod.spec!.containers]) {
        const own = assigned.get(podUid(pod))?.get(name)
        if (own !== undefined) return again(own, wanted)
      }
      return asHints(wanted, possible(podUid(pod), wanted))
    },
    allocate(pod, container, hint) {
      if (!takesPart(pod)) return
      const uid = podUid(pod)
      const known = assigned.get(uid)?.get(container.name)
      if (known !== undefined) return updateReuse(pod, container, known)
      const wanted = wantedBy(container)
      const nodes = choose(uid, wanted, hint)
      const blocks = [...wanted].map(([type, size]) => ({ numaAffinity: nodes, type, size }))
      for (const { type, size } of blocks) reserveOn(state, nodes, type, Math.max(0, size - reusable(uid, nodes, type)))
      updateReuse(pod, container, blocks)
      assigned.set(uid, (assigned.get(uid) ?? new Map<string, MemoryBlock[]>()).set(container.name, blocks))
    },
    nodes: (uid, container) => [...new Set((assigned.get(uid)?.get(container) ?? []).flatMap(({ numaAffinity }) => numaAffinity))].sort((a, b) => a - b),
    started(pod, container) {
      const own = assigned.get(podUid(pod))
      for (const block of own?.get(container.name) ?? []) {
        let open = block.size
        for (const init of initContainers(pod)) {
          if (init.name === container.name || open === 0) break
          if (isRestartableInit(init)) continue
          for (const before of own!.get(init.name) ?? []) {
            if (before.type !== block.type || !same(before.numaAffinity, block.numaAffinity)) continue
            const part = Math.min(before.size, open)
            before.size -= part
            open -= part
          }
        }
      }
    },
    keep(active) {
      for (const [uid, containers] of assigned) {
        for (const [name, blocks] of containers) {
          if (active.get(uid)?.has(name) === true) continue
          containers.delete(name)
          for (const block of blocks) releaseOn(state, block)
        }
        if (containers.size === 0) assigned.delete(uid)
      }
    },
    checkpoint: () => ({
      policyName: 'Static', machineState: copyState(state),
      entries: Object.fromEntries([...assigned].map(([uid, containers]) => [uid, Object.fromEntries([...containers].map(([name, blocks]) => [name, blocks.map((block) => ({ ...block }))]))])),
    }),
  }
}

/** Groups of nodes count as one: which of them was taken from first is no matter. */
function sameState(a: Readonly<MachineState>, b: Readonly<MachineState>): boolean {
  if (Object.keys(a).length !== Object.keys(b).length) return false
  return Object.entries(a).every(([id, one]) => {
    const other = b[id]
    if (other === undefined || one.numberOfAssignments !== other.numberOfAssignments || !same(one.cells, other.cells)) return false
    if (Object.keys(one.memoryMap).length !== Object.keys(other.memoryMap).length) return false
    const total = (state: Readonly<MachineState>, name: string, what: 'free' | 'reserved') => one.cells.reduce((sum, cell) => sum + (state[cell]?.memoryMap[name]?.[what] ?? 0), 0)
    return Object.entries(one.memoryMap).every(([name, table]) => {
      const match = other.memoryMap[name]
      return match !== undefined && table.total === match.total && table.systemReserved === match.systemReserved && table.allocatable === match.allocatable &&
        total(a, name, 'free') === total(b, name, 'free') && total(a, name, 'reserved') === total(b, name, 'reserved')
    })
  })
}
