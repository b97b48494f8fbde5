/** The files that upstream's managers keep: same names, fields and checksums, so that either kubelet goes on with the other's. */
import { fnv32a } from '../../api/helpers/template-hash.ts'
import type { HostFiles } from '../host/contract.ts'

export interface CpuCheckpoint {
  readonly policyName: string
  readonly defaultCpuSet: string
  readonly entries: Readonly<Record<string, Readonly<Record<string, string>>>>
}

export interface MemoryTable {
  total: number
  systemReserved: number
  allocatable: number
  reserved: number
  free: number
}

export interface NodeState {
  numberOfAssignments: number
  memoryMap: Record<string, MemoryTable>
  /** This node and those that are bound together with it. */
  cells: number[]
}

export type MachineState = Record<string, NodeState>

export interface MemoryBlock {
  readonly numaAffinity: readonly number[]
  readonly type: string
  size: number
}

export interface MemoryCheckpoint {
  readonly policyName: string
  readonly machineState: Readonly<MachineState>
  readonly entries: Readonly<Record<string, Readonly<Record<string, readonly MemoryBlock[]>>>>
}

const byKey = <T>(map: Readonly<Record<string, T>>): [string, T][] => Object.entries(map).sort(([a], [b]) => (/^\d+$/.test(a + b) ? Number(a) - Number(b) : a < b ? -1 : 1))
const spew = <T>(map: Readonly<Record<string, T>>, value: (value: T) => string): string => `map[${byKey(map).map(([name, one]) => `${name}:${value(one)}`).join(' ')}]`

const hash = (text: string): number => fnv32a(Buffer.from(text))

/** The checksum is over Go's print of the value: fields with their types, what is in maps and lists without. */
function cpuChecksum({ policyName, defaultCpuSet, entries }: CpuCheckpoint): number {
  const shown = spew(entries, (containers) => spew(containers, (cpus) => cpus))
  return hash(`(*state.CPUManagerCheckpoint){PolicyName:(string)${policyName} DefaultCPUSet:(string)${defaultCpuSet} Entries:(map[string]map[string]string)${shown} Checksum:(checksum.Checksum)0}`)
}

function memoryChecksum({ policyName, machineState, entries }: MemoryCheckpoint): number {
  const table = (one: MemoryTable) => `<*>{TotalMemSize:(uint64)${one.total} SystemReserved:(uint64)${one.systemReserved} Allocatable:(uint64)${one.allocatable} Reserved:(uint64)${one.reserved} Free:(uint64)${one.free}}`
  const node = (one: NodeState) => `<*>{NumberOfAssignments:(int)${one.numberOfAssignments} MemoryMap:(map[v1.ResourceName]*state.MemoryTable)${spew(one.memoryMap, table)} Cells:([]int)[${one.cells.join(' ')}]}`
  const block = (one: MemoryBlock) => `{NUMAAffinity:([]int)[${one.numaAffinity.join(' ')}] Type:(v1.ResourceName)${one.type} Size:(uint64)${one.size}}`
  const shown = spew(entries, (containers) => spew(containers, (blocks) => `[${blocks.map(block).join(' ')}]`))
  return hash(`(*state.MemoryManagerCheckpoint){PolicyName:(string)${policyName} MachineState:(state.NUMANodeMap)${spew(machineState, node)} Entries:(state.ContainerMemoryAssignments)${shown} Checksum:(checksum.Checksum)0}`)
}

export const renderCpus = (state: CpuCheckpoint): string =>
  JSON.stringify({ policyName: state.policyName, defaultCpuSet: state.defaultCpuSet, ...entriesOf(state.entries), checksum: cpuChecksum(state) })
export const renderMemory = (state: MemoryCheckpoint): string =>
  JSON.stringify({ policyName: state.policyName, machineState: state.machineState, ...entriesOf(state.entries), checksum: memoryChecksum(state) })

function entriesOf<T>(entries: Readonly<Record<string, T>>): object {
  return Object.keys(entries).length === 0 ? {} : { entries: Object.fromEntries(byKey(entries)) }
}

/** undefined: there is none. Throws Error when it cannot be used, with what to do. */
export async function readCheckpoint<T extends CpuCheckpoint | MemoryCheckpoint>(files: HostFiles, path: string, what: 'CPU' | 'memory', policyName: string): Promise<T | undefined> {
  const text = await files.readText(path)
  if (text === undefined) return undefined
  const fail = (why: string) => new Error(`could not restore state from checkpoint: ${why}, please drain this node and delete the ${what} manager checkpoint file ${JSON.stringify(path)} before restarting Kubelet`)
  let read: T & { checksum: number }
  try {
    read = { entries: {}, ...(JSON.parse(text) as object) } as unknown as T & { checksum: number }
  } catch (error) {
    throw fail((error as Error).message)
  }
  const sum = what === 'CPU' ? cpuChecksum(read as unknown as CpuCheckpoint) : memoryChecksum(read as unknown as MemoryCheckpoint)
  if ((read.checksum ?? 0) !== 0 && read.checksum !== sum) throw fail('checkpoint is corrupted')
  if (read.policyName !== policyName) throw fail(`configured policy ${JSON.stringify(policyName)} differs from state checkpoint policy ${JSON.stringify(read.policyName)}`)
  return read
}

export async function writeCheckpoint(files: HostFiles, path: string, text: string): Promise<void> {
  await files.write(`${path}.part`, text, 0o600)
  await files.rename(`${path}.part`, path)
}
