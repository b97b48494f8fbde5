import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLogger, createSystemEnv } from '../../base/real/env.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { systemFiles } from '../host/files.ts'
import { container, pod } from '../testing/objects.ts'
import { renderCpus, renderMemory } from './checkpoint.ts'
import { cpuSet, formatCpuSet, parseCpuSet } from './cpu-set.ts'
import { hintsFor, mergeHints } from './hints.ts'
import { type Machine, readMachine } from './machine.ts'
import { type TopologySettings, createTopologyManager } from './manager.ts'
import { readCpuOptions, readTopologyOptions } from './options.ts'
import { takeCpus } from './take.ts'

const GiB = 1024 ** 3

/** Cores of two CPUs each: siblings are half the machine apart; NUMA nodes and sockets hold cores in order. */
function machineOf(cores: number, nodes: number, sockets: number): Machine {
  const cpus = Array.from({ length: cores * 2 }, (_, id) => {
    const core = id % cores
    return { id, core, socket: Math.floor((core * sockets) / cores), numa: Math.floor((core * nodes) / cores), cache: Math.floor((core * nodes) / cores) }
  })
  return { cpus, nodes: Array.from({ length: nodes }, (_, id) => ({ id, memoryBytes: 4 * GiB, hugePages: {}, distances: Array.from({ length: nodes }, (_entry, other) => (other === id ? 10 : 11 + Math.abs(other - id))) })) }
}

const guaranteed = (uid: string, ...cpus: (string | number)[]): Pod => pod({
  containers: cpus.map((cpu, i) => container(`c${i}`, { resources: { requests: { cpu: String(cpu), memory: '1Gi' }, limits: { cpu: String(cpu), memory: '1Gi' } } })),
}, { uid })

test('lists of CPUs', () => {
  expect(parseCpuSet('0-2,7, 9'.replaceAll(' ', ''))).toEqual([0, 1, 2, 7, 9])
  expect(formatCpuSet(cpuSet([9, 7, 0, 2, 1]))).toBe('0-2,7,9')
  expect([parseCpuSet(''), formatCpuSet([])]).toEqual([[], ''])
  expect(() => parseCpuSet('3-1')).toThrow('invalid range "3-1" (3 > 1)')
  expect(() => parseCpuSet('x')).toThrow('strconv.Atoi: parsing "x": invalid syntax')
})

describe('which CPUs', () => {
  const eight = machineOf(4, 1, 1)
  const dual = machineOf(6, 2, 2)
  const all = (machine: Machine) => machine.cpus.map(({ id }) => id)
  test.each<[string, Machine, string, number, Parameters<typeof takeCpus>[3], string]>([
    ['one', eight, '0-7', 1, {}, '0'],
    ['a core', eight, '0-7', 2, {}, '0,4'],
    ['a core and what is left of another', eight, '1-7', 3, {}, '1,4-5'],
    ['a node', dual, '0-11', 6, {}, '0-2,6-8'],
    ['the fuller node first', dual, '1-11', 2, {}, '1,7'],
    ['over cores', eight, '0-7', 2, { spread: true }, '0-1'],
    ['over nodes', dual, '0-11', 8, { distribute: { groupSize: 1 } }, '0-1,3-4,6-7,9-10'],
    ['over nodes in whole cores', dual, '0-11', 10, { distribute: { groupSize: 2 } }, '0-4,6-10'],
    ['within one node nothing is spread', dual, '0-11', 4, { distribute: { groupSize: 1 } }, '0-1,6-7'],
    ['of one cache', dual, '0-11', 3, { byCache: true }, '0-1,6'],
  ])('%s', (_name, machine, available, wanted, options, expected) => {
    expect(formatCpuSet(takeCpus(machine, parseCpuSet(available), wanted, options))).toBe(expected)
  })
  test('too many', () => {
    expect(() => takeCpus(eight, [1, 2], 3)).toThrow('not enough cpus available to satisfy request: requested=3, available=2')
    expect(takeCpus(eight, all(eight), 0)).toEqual([])
  })
})

describe('what all can live with', () => {
  const { nodes } = machineOf(4, 2, 2)
  const hint = (preferred: boolean, ...of: number[]) => ({ nodes: of, preferred })
  test.each<[string, Parameters<typeof mergeHints>[0], Parameters<typeof mergeHints>[1], ReturnType<typeof mergeHints>]>([
    ['nobody cares', 'best-effort', [{}], { hint: hint(true, 0, 1), admit: true }],
    ['nobody cares, one node', 'single-numa-node', [{}], { hint: { nodes: undefined, preferred: true }, admit: true }],
    ['both on the second', 'restricted', [{ cpu: [hint(true, 0), hint(true, 1), hint(false, 0, 1)] }, { gpu: [hint(true, 1), hint(false, 0, 1)] }], { hint: hint(true, 1), admit: true }],
    ['they contradict', 'best-effort', [{ cpu: [hint(true, 0)] }, { gpu: [hint(true, 1)] }], { hint: hint(false, 0, 1), admit: true }],
    ['they contradict and must not', 'restricted', [{ cpu: [hint(true, 0), hint(false, 0, 1)] }, { gpu: [hint(true, 1), hint(false, 0, 1)] }], { hint: hint(false, 0), admit: false }],
    ['two are as good as it gets', 'restricted', [{ cpu: [hint(true, 0, 1)] }], { hint: hint(true, 0, 1), admit: true }],
    ['two are one too many', 'single-numa-node', [{ cpu: [hint(true, 0, 1)] }], { hint: { nodes: undefined, preferred: false }, admit: false }],
    ['impossible', 'restricted', [{ cpu: [] }], { hint: hint(false, 0, 1), admit: false }],
    ['nobody is asked', 'none', [{ cpu: [] }], { hint: { nodes: undefined, preferred: false }, admit: true }],
  ])('%s', (_name, policy, providers, expected) => {
    expect(mergeHints(policy, providers, nodes, false)).toEqual(expected)
  })
  test('nodes near to each other', () => {
    const four = machineOf(8, 4, 4).nodes
    const pairs = [{ cpu: [hint(true, 0, 3), hint(true, 1, 2)] }]
    expect(mergeHints('best-effort', pairs, four, true).hint.nodes).toEqual([1, 2])
    expect(hintsFor([0, 1], 3, (set) => set.length * 2, (set) => set.length * 2)).toEqual([hint(true, 0, 1)])
  })
})

test('options', () => {
  expect(readCpuOptions({ 'full-pcpus-only': 'true', 'strict-cpu-reservation': '1' }, false)).toMatchObject({ wholeCores: true, strictReservation: true, byCache: false })
  expect(() => readCpuOptions({ x: 'true' }, false)).toThrow('unknown CPU Manager Policy option: "x"')
  expect(() => readCpuOptions({ 'align-by-socket': 'true' }, false)).toThrow('CPU Manager Policy Alpha-level Options not enabled, but option "align-by-socket" provided')
  expect(() => readCpuOptions({ 'full-pcpus-only': 'x' }, false)).toThrow('bad value for option "full-pcpus-only"')
  expect(() => readCpuOptions({ 'full-pcpus-only': 'true', 'distribute-cpus-across-cores': 'true' }, true)).toThrow('static policy options full-pcpus-only and distribute-cpus-across-cores can not be used at the same time')
  expect(readTopologyOptions({ 'max-allowable-numa-nodes': '10', 'prefer-closest-numa-nodes': 'true' })).toEqual({ preferClosest: true, maxNodes: 10 })
  expect(() => readTopologyOptions({ 'max-allowable-numa-nodes': '4' })).toThrow('the minimum value of "max-allowable-numa-nodes" should not be less than 8')
})

test("upstream's checksums", () => {
  expect(renderCpus({ policyName: 'none', defaultCpuSet: '', entries: {} })).toBe('{"policyName":"none","defaultCpuSet":"","checksum":1353318690}')
  expect(renderMemory({ policyName: 'None', machineState: {}, entries: {} })).toBe('{"policyName":"None","machineState":{},"checksum":4236770233}')
  expect(renderCpus({ policyName: 'none', defaultCpuSet: '1-3', entries: { pod: { container1: '4-6', container2: '1-3' } } })).toContain('"checksum":3610638499')
  const table = { total: 2048, systemReserved: 512, allocatable: 1536, reserved: 512, free: 1024 }
  expect(renderMemory({
    policyName: 'static', machineState: { 0: { numberOfAssignments: 0, memoryMap: { memory: table }, cells: [] } },
    entries: { pod: { container1: [{ numaAffinity: [0], type: 'memory', size: 512 }] } },
  })).toContain('"checksum":4215593881')
})

describe('pods', () => {
  let dir: string
  beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'topology-'))))
  // A checkpoint may still be on its way to the disk.
  afterEach(() => rmSync(dir, { recursive: true, force: true, maxRetries: 10 }))
  const none = { hints: () => ({}), podHints: () => ({}), allocate: () => undefined }
  const told: [string, string | undefined][] = []
  const settings: TopologySettings = {
    cpuPolicy: 'static', cpuOptions: {}, alphaOptions: true, reservedCpus: '0', memoryPolicy: 'Static', reservedMemory: [{ numaNode: 0, limits: { memory: '1Gi' } }],
    policy: 'single-numa-node', scope: 'container', policyOptions: {},
  }
  const open = (change: Partial<TopologySettings> = {}, machine = machineOf(4, 2, 2)) => createTopologyManager({
    ...createSystemEnv({ log: createLogger({ level: 'error', write: () => undefined }) }), files: systemFiles, dir, machine: async () => machine, settings: { ...settings, ...change },
    keptBack: { milliCpu: 1000, memory: { memory: GiB } }, devices: none, async updateContainer(id, { cpusetCpus }) {
      told.push([id, cpusetCpus])
    },
  })

  test('get CPUs and memory of one node, keep them over a restart, and give them back', async () => {
    const first = guaranteed('u1', 2, 1)
    let manager = await open()
    const [c0, c1] = [first.spec!.containers[0]!, first.spec!.containers[1]!]
    expect(manager.admit(first)).toBeUndefined()
    expect(manager.confine(first, c0)).toEqual({ cpusetCpus: '1,5', cpusetMems: '0' })
    expect(manager.confine(first, c1)).toEqual({ cpusetCpus: '4', cpusetMems: '0' })
    expect(manager.hasExclusive(first)).toBe(true)
    const second = guaranteed('u2', 3)
    expect(manager.admit(second)).toBeUndefined()
    expect(manager.confine(second, second.spec!.containers[0]!)).toEqual({ cpusetCpus: '2-3,6', cpusetMems: '1' })
    const shared = pod({ containers: [container('s')] }, { uid: 'u3' })
    expect(manager.admit(shared)).toBeUndefined()
    expect(manager.confine(shared, shared.spec!.containers[0]!)).toEqual({ cpusetCpus: '0,7' })
    expect(manager.admit(guaranteed('u4', 2))).toEqual({ reason: 'TopologyAffinityError', message: 'Resources cannot be allocated with Topology locality' })
    await manager.saved()
    expect(JSON.parse(readFileSync(join(dir, 'cpu_manager_state'), 'utf8'))).toMatchObject({ policyName: 'static', defaultCpuSet: '0,7', entries: { u1: { c0: '1,5', c1: '4' }, u2: { c0: '2-3,6' } } })
    manager = await open()
    expect(manager.admit(first)).toBeUndefined()
    expect(manager.confine(first, c0)).toEqual({ cpusetCpus: '1,5', cpusetMems: '0' })
    manager.keep([first])
    expect(manager.confine(shared, shared.spec!.containers[0]!)).toEqual({ cpusetCpus: '0,2-3,6-7' })
    expect(manager.admitResize(guaranteed('u1', 3, 1), first)).toEqual({ reason: 'Infeasible', message: 'Resize is infeasible for Guaranteed Pods alongside CPU Manager policy "static"' })
    await manager.reconcile([{ uid: 'u3', name: 's', id: 'x' }, { uid: 'u1', name: 'c0', id: 'y' }])
    await manager.reconcile([{ uid: 'u3', name: 's', id: 'x' }])
    expect(told).toEqual([['x', '0,2-3,6-7'], ['y', '1,5']])
    await manager.saved()
    await expect(open({ cpuPolicy: 'none' })).rejects.toThrow('configured policy "none" differs from state checkpoint policy "static", please drain this node and delete the CPU manager checkpoint file')
    await expect(open({}, machineOf(6, 2, 2))).rejects.toThrow('current set of available CPUs "0-11" doesn\'t match with CPUs in state "0-7"')
    writeFileSync(join(dir, 'cpu_manager_state'), readFileSync(join(dir, 'cpu_manager_state'), 'utf8').replace('"0,2-3', '"0,2,3'))
    await expect(open()).rejects.toThrow('checkpoint is corrupted')
  })

  test('CPUs of init containers that have ended go to the next; the pod as a whole is of one node', async () => {
    const manager = await open({ scope: 'pod', memoryPolicy: 'None' })
    const own = guaranteed('u1', 2)
    const init = { ...own.spec!.containers[0]!, name: 'init' }
    const both = { ...own, spec: { ...own.spec!, initContainers: [init] } }
    expect(manager.admit(both)).toBeUndefined()
    expect([manager.confine(both, init), manager.confine(both, both.spec.containers[0]!)]).toEqual([{ cpusetCpus: '1,5' }, { cpusetCpus: '1,5' }])
    expect(manager.admit(guaranteed('u2', 3, 2))).toEqual({ reason: 'TopologyAffinityError', message: 'Resources cannot be allocated with Topology locality' })
    manager.keep([])
    expect(manager.confine(pod({ containers: [container('s')] }), container('s'))).toEqual({ cpusetCpus: '0-7' })
  })

  test('whole cores only', async () => {
    const manager = await open({ cpuOptions: { 'full-pcpus-only': 'true', 'strict-cpu-reservation': 'true' }, policy: 'none', memoryPolicy: 'None' })
    expect(manager.admit(guaranteed('u1', 1))).toEqual({ reason: 'SMTAlignmentError', message: 'SMT Alignment Error: requested 1 cpus not multiple cpus per core = 2' })
    expect(manager.admit(guaranteed('u2', 8))).toEqual({
      reason: 'SMTAlignmentError', message: 'SMT Alignment Error: not enough free physical CPUs: available physical CPUs = 6, requested CPUs = 8, CPUs per core = 2',
    })
    expect(manager.admit(guaranteed('u3', 6))).toBeUndefined()
    const shared = pod({ containers: [container('s')] }, { uid: 'u4' })
    expect(manager.confine(shared, shared.spec!.containers[0]!)).toEqual({ cpusetCpus: '4' })
  })

  test('memory over several nodes, and none that is left', async () => {
    const manager = await open({ cpuPolicy: 'none', policy: 'best-effort' })
    const big = pod({ containers: [container('c', { resources: { requests: { cpu: '1', memory: '6Gi' }, limits: { cpu: '1', memory: '6Gi' } } })] }, { uid: 'u1' })
    expect(manager.admit(big)).toBeUndefined()
    expect(manager.confine(big, big.spec!.containers[0]!)).toEqual({ cpusetMems: '0,1' })
    expect(manager.admit(guaranteed('u2', 1, 1))).toMatchObject({ reason: 'UnexpectedAdmissionError' })
    manager.keep([])
    expect(manager.admit(guaranteed('u2', 1, 1))).toBeUndefined()
    await expect(open({ cpuPolicy: 'none', reservedMemory: [] })).rejects.toThrow('the total amount "0" of type "memory" is not equal to the value')
    await expect(open({ cpuPolicy: 'none', reservedMemory: [{ numaNode: 5, limits: { memory: '1Gi' } }] })).rejects.toThrow('references a NUMA node 5 that does not exist on this machine')
  })

  test("the machine as the kernel's files tell it", async () => {
    const files: Record<string, string> = {
      'node/node0/cpulist': '0-3', 'node/node0/meminfo': 'Node 0 MemTotal:  1024 kB', 'node/node0/distance': '10 20', 'node/node0/hugepages/hugepages-2048kB/nr_hugepages': '4',
      'node/node1/cpulist': '', 'node/node1/meminfo': 'Node 1 MemTotal:  2048 kB', 'node/node1/distance': '20 10',
    }
    for (const cpu of [0, 1, 2, 3]) {
      Object.assign(files, {
        [`cpu/cpu${cpu}/topology/thread_siblings_list`]: `${cpu % 2},${(cpu % 2) + 2}`, [`cpu/cpu${cpu}/topology/physical_package_id`]: '0', [`cpu/cpu${cpu}/cache/index3/level`]: '3',
        [`cpu/cpu${cpu}/cache/index3/shared_cpu_list`]: `${cpu % 2},${(cpu % 2) + 2}`, [`cpu/cpu${cpu}/cache/index3/id`]: String(7 + (cpu % 2)),
      })
    }
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(dir, name, '..'), { recursive: true })
      writeFileSync(join(dir, name), `${text}\n`)
    }
    const below = (path: string) => path.replace('/sys/devices/system', dir)
    const machine = await readMachine({ ...systemFiles, readText: (path) => systemFiles.readText(below(path)), list: (path) => systemFiles.list(below(path)) }, { cpus: 1, memoryBytes: 1 })
    expect(machine.cpus[3]).toEqual({ id: 3, core: 1, socket: 0, numa: 0, cache: 8 })
    expect(machine.nodes).toEqual([
      { id: 0, memoryBytes: 1024 * 1024, hugePages: { 'hugepages-2Mi': 8 * 1024 * 1024 }, distances: [10, 20] }, { id: 1, memoryBytes: 2 * 1024 * 1024, hugePages: {}, distances: [20, 10] },
    ])
    expect(await readMachine({ ...systemFiles, list: async () => [] }, { cpus: 2, memoryBytes: 5 })).toMatchObject({ cpus: [{ id: 0 }, { id: 1 }], nodes: [{ id: 0, memoryBytes: 5 }] })
  })
})
