/** CPUs and memory of the machine by NUMA node, read from the kernel's own files. Upstream: cadvisor machine info, cpumanager/topology. */
import { readHugePages } from '../host/huge-pages.ts'
import type { HostFiles } from '../host/contract.ts'
import { type CpuSet, cpuSet, parseCpuSet } from './cpu-set.ts'

export interface Cpu {
  readonly id: number
  /** The lowest CPU of its physical core. */
  readonly core: number
  readonly socket: number
  readonly numa: number
  /** Its last cache that not the whole NUMA node shares; else its socket. */
  readonly cache: number
}

export interface NumaNode {
  readonly id: number
  readonly memoryBytes: number
  /** "hugepages-2Mi" → bytes. */
  readonly hugePages: Readonly<Record<string, number>>
  /** To every node, by its place in the list. */
  readonly distances: readonly number[]
}

export interface Machine {
  readonly cpus: readonly Cpu[]
  readonly nodes: readonly NumaNode[]
}

type Level = 'core' | 'socket' | 'numa' | 'cache'

/** CPUs of which `level` is one of these. */
export const cpusIn = (cpus: readonly Cpu[], level: Level, ids: readonly number[]): CpuSet => cpuSet(cpus.filter((cpu) => ids.includes(cpu[level])).map(({ id }) => id))
/** The values of `level` that occur. */
export const valuesOf = (cpus: readonly Cpu[], level: Level): CpuSet => cpuSet(cpus.map((cpu) => cpu[level]))

export const cpusPerCore = ({ cpus }: Machine): number => Math.floor(cpus.length / Math.max(1, valuesOf(cpus, 'core').length))

const nodesPath = '/sys/devices/system/node'
const cpusPath = '/sys/devices/system/cpu'

/** A machine without NUMA files is one node. */
export async function readMachine(files: HostFiles, fallback: { readonly cpus: number; readonly memoryBytes: number }): Promise<Machine> {
  const text = async (path: string) => ((await files.readText(path).catch(() => undefined)) ?? '').trim()
  const ids = (await files.list(nodesPath).catch(() => [])).flatMap((name) => /^node(\d+)$/.exec(name)?.[1] ?? []).map(Number).sort((a, b) => a - b)
  const cpus: Cpu[] = []
  const nodes: NumaNode[] = []
  for (const id of ids) {
    const own = parseCpuSet(await text(`${nodesPath}/node${id}/cpulist`))
    for (const cpu of own) cpus.push(await readCpu(text, files, cpu, id, own))
    nodes.push({
      id, memoryBytes: 1024 * Number(/MemTotal:\s+(\d+)/.exec(await text(`${nodesPath}/node${id}/meminfo`))?.[1] ?? 0),
      hugePages: await readHugePages(files, `${nodesPath}/node${id}/hugepages`), distances: (await text(`${nodesPath}/node${id}/distance`)).split(/\s+/).filter(Boolean).map(Number),
    })
  }
  if (cpus.length > 0) return { cpus, nodes }
  return {
    cpus: Array.from({ length: fallback.cpus }, (_, id) => ({ id, core: id, socket: 0, numa: 0, cache: 0 })),
    nodes: [{ id: 0, memoryBytes: fallback.memoryBytes, hugePages: {}, distances: [10] }],
  }
}

type ReadText = (path: string) => Promise<string>

async function readCpu(text: ReadText, files: HostFiles, id: number, numa: number, ofNode: CpuSet): Promise<Cpu> {
  const at = `${cpusPath}/cpu${id}`
  const siblings = parseCpuSet(await text(`${at}/topology/thread_siblings_list`))
  const socket = Number((await text(`${at}/topology/physical_package_id`)) || 0)
  let cache = socket
  for (const index of await files.list(`${at}/cache`).catch(() => [])) {
    if ((await text(`${at}/cache/${index}/level`)) !== '3') continue
    const shared = parseCpuSet(await text(`${at}/cache/${index}/shared_cpu_list`))
    if (shared.length !== ofNode.length) cache = Number((await text(`${at}/cache/${index}/id`)) || socket)
  }
  return { id, core: siblings[0] ?? id, socket, numa, cache }
}
