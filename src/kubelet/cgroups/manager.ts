/**
 * The cgroups that pods live in, by quality of service: <root>/kubepods[/burstable|/besteffort]/pod<uid>, by the files of
 * cgroup v1 or v2; under systemd's names where a node is set up so. Upstream: pkg/kubelet/cm/cgroup_manager_linux.go.
 */
import { readFileSync } from 'node:fs'
import { mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { podQOS } from '../../api/helpers/qos.ts'
import { podUid } from '../pod.ts'
import { type PodCgroupResources, cpuShares, podTotals } from '../runtime/resources.ts'

export interface CgroupManager {
  /** undefined: swap is not counted. */
  readonly swapVersion: 1 | 2 | undefined
  /** Of cgroups that count memory; undefined: none does. */
  readonly memoryVersion: 1 | 2 | undefined
  /** What the runtime is told. */
  parentOf(pod: Pod): string
  /** Makes the pod's cgroup with these values; one that is there keeps its own. */
  ensurePod(pod: Pod, resources: PodCgroupResources): Promise<void>
  setPod(pod: Pod, resources: Partial<PodCgroupResources>): Promise<void>
  /** undefined when the pod has none. */
  readPod(pod: Pod): PodCgroupValues | undefined
  /** Ends what is left in it. Missing is fine. */
  removePod(uid: string): Promise<void>
  /** Shares of the classes follow what their pods ask for. */
  updateQos(pods: readonly Pod[]): Promise<void>
  /** UIDs that have a cgroup. */
  listPods(): Promise<string[]>
}

/** What a pod's cgroup holds: limits 0 for none, bytes, µs. */
export interface PodCgroupValues {
  readonly cpuShares: number
  readonly cpuQuota: number
  readonly cpuPeriod: number
  readonly memoryLimit: number
  readonly memoryUsage: number
}

interface Hierarchy {
  readonly dir: string
  readonly version: 1 | 2
  readonly controllers: ReadonlySet<string>
}

const known = ['cpu', 'cpuacct', 'cpuset', 'memory', 'pids', 'blkio', 'io', 'hugetlb', 'devices', 'freezer', 'perf_event', 'net_cls', 'net_prio']

/** Mounted hierarchies. Beside v1 controllers an empty v2 mount does not count. */
export function parseHierarchies(mounts: string): Hierarchy[] {
  const found = mounts.split('\n').map((line) => line.split(' ')).filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
  const v1 = found.filter(([, , type]) => type === 'cgroup').map(([, dir, , options]): Hierarchy => ({
    dir: dir!, version: 1, controllers: new Set(options!.split(',').filter((option) => known.includes(option) || option.startsWith('name='))),
  }))
  if (v1.some(({ controllers }) => controllers.has('memory') || controllers.has('cpu'))) return v1
  return found.filter(([, , type]) => type === 'cgroup2').map(([, dir]) => ({ dir: dir!, version: 2 as const, controllers: new Set(known) }))
}

export type CgroupDriver = 'cgroupfs' | 'systemd'

/** Where the cgroup of these names lies: "/kubepods/burstable", "/kubepods.slice/kubepods-burstable.slice". */
export function cgroupPath(names: readonly string[], driver: CgroupDriver): string {
  if (driver === 'cgroupfs') return names.map((name) => `/${name}`).join('')
  const parts = names.map((name) => name.replaceAll('-', '_'))
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join('-')}.slice`).join('')
}

export interface CgroupSettings {
  /** "/" or a cgroup that exists. */
  readonly root: string
  readonly driver: CgroupDriver
  /** What all pods together may have; undefined: it is not enforced. */
  readonly allocatable: { readonly milliCpu: number; readonly memoryBytes: number } | undefined
  /** Most processes of a pod. */
  readonly podPidsLimit: number | undefined
}

/** Makes the classes' cgroups. */
export async function createCgroupManager({ root, driver, allocatable, podPidsLimit }: CgroupSettings): Promise<CgroupManager> {
  const hierarchies = parseHierarchies(await readFile('/proc/mounts', 'utf8'))
  const base = [...root.split('/').filter((part) => part !== ''), 'kubepods']
  const names = { Guaranteed: base, Burstable: [...base, 'burstable'], BestEffort: [...base, 'besteffort'] }
  const folders = Object.fromEntries(Object.entries(names).map(([qos, list]) => [qos, cgroupPath(list, driver)])) as Record<keyof typeof names, string>
  for (const path of Object.values(folders)) await ensure(hierarchies, path)
  await apply(hierarchies, folders.BestEffort, { cpuShares: 2 })
  if (allocatable !== undefined) {
    const { milliCpu, memoryBytes } = allocatable
    await apply(hierarchies, folders.Guaranteed, { cpuShares: cpuShares(milliCpu), ...(memoryBytes > 0 ? { memoryLimit: memoryBytes } : {}) })
  }

  const pathOf = (qos: keyof typeof names, uid: string) => cgroupPath([...names[qos], `pod${uid}`], driver)
  const nameOf = (pod: Pod) => pathOf(podQOS(pod) as keyof typeof names, podUid(pod))
  /** Slices hold pods under their own name before "pod". */
  const podPrefix = (qos: keyof typeof names) => (driver === 'cgroupfs' ? 'pod' : `${names[qos].map((name) => name.replaceAll('-', '_')).join('-')}-pod`)
  const classes = Object.keys(names) as (keyof typeof names)[]
  return {
    swapVersion: await swapVersion(hierarchies, folders.Guaranteed),
    memoryVersion: hierarchies.find(({ controllers }) => controllers.has('memory'))?.version,
    parentOf: (pod) => (driver === 'cgroupfs' ? nameOf(pod) : nameOf(pod).slice(nameOf(pod).lastIndexOf('/') + 1)),
    async ensurePod(pod, resources) {
      const path = nameOf(pod)
      if (!(await ensure(hierarchies, path))) return
      await apply(hierarchies, path, resources)
      if (podPidsLimit !== undefined) await limitProcesses(hierarchies, path, podPidsLimit)
    },
    setPod: (pod, resources) => apply(hierarchies, nameOf(pod), resources),
    readPod: (pod) => readValues(hierarchies, nameOf(pod)),
    async removePod(uid) {
      for (const qos of classes) for (const hierarchy of hierarchies) await removeTree(hierarchy.dir + pathOf(qos, uid))
    },
    async updateQos(pods) {
      const burstable = pods.filter((pod) => podQOS(pod) === 'Burstable').reduce((sum, pod) => sum + podTotals(pod, 'requests').cpu, 0)
      await apply(hierarchies, folders.Burstable, { cpuShares: cpuShares(burstable) })
    },
    async listPods() {
      const uids = new Set<string>()
      for (const hierarchy of hierarchies) {
        for (const qos of classes) {
          const prefix = podPrefix(qos)
          for (const name of await readdir(hierarchy.dir + folders[qos]).catch(() => [])) {
            if (name.startsWith(prefix)) uids.add(uidOf(name.slice(prefix.length), driver))
          }
        }
      }
      return [...uids]
    },
  }
}

function uidOf(name: string, driver: CgroupDriver): string {
  return driver === 'cgroupfs' ? name : name.replace(/\.slice$/, '').replaceAll('_', '-')
}

async function swapVersion(hierarchies: readonly Hierarchy[], path: string): Promise<1 | 2 | undefined> {
  const memory = hierarchies.find(({ controllers }) => controllers.has('memory'))
  if (memory === undefined) return undefined
  const file = memory.version === 2 ? 'memory.swap.max' : 'memory.memsw.limit_in_bytes'
  return (await readFile(`${memory.dir}${path}/${file}`, 'utf8').catch(() => undefined)) === undefined ? undefined : memory.version
}

async function limitProcesses(hierarchies: readonly Hierarchy[], path: string, limit: number): Promise<void> {
  for (const { dir, controllers } of hierarchies) if (controllers.has('pids')) await writeFile(`${dir}${path}/pids.max`, String(limit))
}

/** Makes the cgroup in every hierarchy, and tells whether any was missing; on v1 a cpuset takes its parent's values, on v2 the parents pass controllers on. */
async function ensure(hierarchies: readonly Hierarchy[], path: string): Promise<boolean> {
  const made = await Promise.all(hierarchies.map(async ({ dir, version, controllers }) => {
    const parts = path.split('/').filter((part) => part !== '')
    let at = dir
    let fresh = false
    for (const part of parts) {
      if (version === 2) await passOn(at)
      const parent = at
      at = `${at}/${part}`
      try {
        await mkdir(at)
        fresh = true
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
        fresh = false
      }
      if (version === 1 && controllers.has('cpuset')) await inheritCpuset(parent, at)
    }
    return fresh
  }))
  return made.includes(true)
}

async function inheritCpuset(parent: string, child: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if ((await readFile(`${child}/${file}`, 'utf8')).trim() !== '') continue
    await writeFile(`${child}/${file}`, await readFile(`${parent}/${file}`, 'utf8'))
  }
}

async function passOn(dir: string): Promise<void> {
  const available = (await readFile(`${dir}/cgroup.controllers`, 'utf8')).trim().split(' ')
  const enabled = (await readFile(`${dir}/cgroup.subtree_control`, 'utf8')).trim().split(' ')
  const missing = available.filter((name) => name !== '' && !enabled.includes(name))
  for (const name of missing) {
    // A controller that is not ours to pass on is left alone.
    await writeFile(`${dir}/cgroup.subtree_control`, `+${name}`).catch(() => undefined)
  }
}

async function apply(hierarchies: readonly Hierarchy[], path: string, resources: Partial<PodCgroupResources>): Promise<void> {
  await Promise.all(hierarchies.map(async ({ dir, version, controllers }) => {
    const files = version === 2 ? v2Files(resources) : v1Files(resources, controllers)
    for (const [file, value] of files) await writeFile(`${dir}${path}/${file}`, value)
  }))
}

export function v1Files({ cpuShares: shares, cpuQuota, cpuPeriod, memoryLimit }: Partial<PodCgroupResources>, controllers: ReadonlySet<string>): [string, string][] {
  const files: [string, string][] = []
  if (controllers.has('cpu')) {
    if (shares !== undefined) files.push(['cpu.shares', String(shares)])
    if (cpuPeriod !== undefined) files.push(['cpu.cfs_period_us', String(cpuPeriod)])
    if (cpuQuota !== undefined) files.push(['cpu.cfs_quota_us', String(cpuQuota === 0 ? -1 : cpuQuota)])
  }
  if (controllers.has('memory') && memoryLimit !== undefined) files.push(['memory.limit_in_bytes', String(memoryLimit === 0 ? -1 : memoryLimit)])
  return files
}

export function v2Files({ cpuShares: shares, cpuQuota, cpuPeriod, memoryLimit }: Partial<PodCgroupResources>): [string, string][] {
  const files: [string, string][] = shares === undefined ? [] : [['cpu.weight', String(weightOfShares(shares))]]
  if (cpuQuota !== undefined) files.push(['cpu.max', `${cpuQuota <= 0 ? 'max' : cpuQuota} ${cpuPeriod ?? 100_000}`])
  if (memoryLimit !== undefined) files.push(['memory.max', memoryLimit === 0 ? 'max' : String(memoryLimit)])
  return files
}

/** [2, 262144] shares onto [1, 10000] weight, as runc did before 1.3. */
export function weightOfShares(shares: number): number {
  return Math.floor(1 + ((Math.min(Math.max(shares, 2), 262144) - 2) * 9999) / 262142)
}

/** A limit at or above this is the kernel's word for none. */
const unlimitedBytes = 2 ** 62

/** Read at once: these files are the kernel's memory, and a round through the thread pool costs more than all of them. */
function readValues(hierarchies: readonly Hierarchy[], path: string): PodCgroupValues | undefined {
  const read = (controller: string, file: string): string => {
    const hierarchy = hierarchies.find(({ controllers }) => controllers.has(controller))
    return readFileSync(`${hierarchy?.dir}${path}/${file}`, 'utf8').trim()
  }
  try {
    if (hierarchies.every(({ version }) => version === 2)) {
      const [weight, max, memory, usage] = [read('cpu', 'cpu.weight'), read('cpu', 'cpu.max'), read('memory', 'memory.max'), read('memory', 'memory.current')] as const
      const [quota, period] = max.split(' ')
      return {
        cpuShares: Math.floor(((Number(weight) - 1) * 262142) / 9999) + 2, cpuQuota: quota === 'max' ? 0 : Number(quota), cpuPeriod: Number(period),
        memoryLimit: memory === 'max' ? 0 : Number(memory), memoryUsage: Number(usage),
      }
    }
    const [shares, quota, period, memory, usage] = [
      read('cpu', 'cpu.shares'), read('cpu', 'cpu.cfs_quota_us'), read('cpu', 'cpu.cfs_period_us'), read('memory', 'memory.limit_in_bytes'), read('memory', 'memory.usage_in_bytes'),
    ].map(Number) as [number, number, number, number, number]
    return { cpuShares: shares, cpuQuota: Math.max(0, quota), cpuPeriod: period, memoryLimit: memory >= unlimitedBytes ? 0 : memory, memoryUsage: usage }
  } catch {
    return undefined
  }
}

async function removeTree(dir: string): Promise<void> {
  let children: string[]
  try {
    children = (await readdir(dir, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map(({ name }) => name)
  } catch {
    return
  }
  for (const name of children) await removeTree(`${dir}/${name}`)
  for (let tries = 0; ; tries++) {
    try {
      return await rmdir(dir)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return
      if (code !== 'EBUSY' || tries >= 20) throw error
      await endProcesses(dir)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

async function endProcesses(dir: string): Promise<void> {
  const pids = (await readFile(`${dir}/cgroup.procs`, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
  for (const pid of pids) {
    try {
      process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
}

/** "/a/b" from a cgroup path given with or without its first slash. */
export function cleanCgroupRoot(path: string): string {
  return `/${path.split('/').filter((part) => part !== '').join('/')}`
}
