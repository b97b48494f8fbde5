/** What is left on the node and what each pod uses. Upstream: pkg/kubelet/server/stats, eviction/helpers.go. */
import type { Clock } from '../../base/env.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { Cri } from '../cri/contract.ts'
import type { Host } from '../host/contract.ts'
import { podUid } from '../pod.ts'
import { podLogDirectory } from '../runtime/config.ts'
import { containerNameLabel, podUidLabel } from '../runtime/labels.ts'
import type { DiskUse, PodUse } from './rank.ts'
import type { Observation, Observations, Signal } from './thresholds.ts'

export interface UsageEnv {
  readonly clock: Clock
  readonly host: Host
  readonly cri: Cri
  readonly rootDir: string
  readonly podLogsDir: string
  /** ms that a count of files holds: counting is dear. */
  readonly countedForMs: number
}

const none: DiskUse = { bytes: 0, inodes: 0 }

export async function observeNode({ host, cri, rootDir }: UsageEnv): Promise<Observations> {
  const [usage, nodefs, imagefs] = await Promise.all([host.usage(), host.disk(rootDir), imageDisk(cri, host)])
  const found = new Map<Signal, Observation>([
    ['memory.available', { available: usage.memoryAvailableBytes, capacity: usage.memoryTotalBytes }],
    ['pid.available', { available: usage.pidsMax - usage.pidsRunning, capacity: usage.pidsMax }],
  ])
  const disks = [['nodefs', nodefs], ['imagefs', imagefs ?? nodefs], ['containerfs', nodefs]] as const
  for (const [name, disk] of disks) {
    found.set(`${name}.available`, { available: disk.availableBytes, capacity: disk.capacityBytes })
    // Some file systems make inodes as they go and say 0.
    if (disk.inodes > 0) found.set(`${name}.inodesFree`, { available: disk.inodesFree, capacity: disk.inodes })
  }
  return found
}

/** The file system that images lie on; undefined: the runtime does not say. */
export async function imageDisk(cri: Cri, host: Host) {
  try {
    const mountpoint = (await cri.images.imageFsInfo())[0]?.fsId?.mountpoint
    return mountpoint === undefined ? undefined : await host.disk(mountpoint)
  } catch {
    return undefined
  }
}

export interface PodUsageReader {
  read(pods: readonly Pod[]): Promise<ReadonlyMap<string, PodUse>>
}

export function createPodUsageReader(env: UsageEnv): PodUsageReader {
  const counted = new Map<string, { use: DiskUse; at: number }>()

  async function count(path: string): Promise<DiskUse> {
    const known = counted.get(path)
    if (known !== undefined && env.clock.monotonic() - known.at < env.countedForMs) return known.use
    const use = await env.host.files.diskUse(path).catch(() => none)
    counted.set(path, { use, at: env.clock.monotonic() })
    return use
  }

  async function volumesOf(pod: Pod): Promise<Map<string, DiskUse>> {
    const found = new Map<string, DiskUse>()
    for (const { name, emptyDir, configMap } of pod.spec!.volumes ?? []) {
      const onDisk = emptyDir === undefined ? configMap !== undefined : (emptyDir.medium ?? '') === ''
      const plugin = emptyDir === undefined ? 'configmap' : 'empty-dir'
      if (onDisk) found.set(name, await count(`${env.rootDir}/pods/${podUid(pod)}/volumes/kubernetes.io~${plugin}/${name}`))
    }
    return found
  }

  return {
    async read(pods) {
      const stats = await env.cri.runtime.listContainerStats()
      const usage = new Map<string, PodUse>()
      for (const pod of pods) {
        const uid = podUid(pod)
        const own = stats.filter(({ attributes }) => attributes?.labels[podUidLabel] === uid && attributes.labels[containerNameLabel] !== undefined)
        if (own.length === 0) continue
        const logs = podLogDirectory(env.podLogsDir, pod.metadata)
        const containers = await Promise.all(own.map(async ({ attributes, memory, writableLayer }) => {
          const name = attributes!.labels[containerNameLabel]!
          return {
            name, memoryBytes: memory?.workingSetBytes?.value ?? 0, logs: await count(`${logs}/${name}`),
            rootfs: { bytes: writableLayer?.usedBytes?.value ?? 0, inodes: writableLayer?.inodesUsed?.value ?? 0 },
          }
        }))
        usage.set(uid, { containers, processes: 0, memoryBytes: containers.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0), volumes: await volumesOf(pod) })
      }
      for (const [path, { at }] of counted) if (env.clock.monotonic() - at > 2 * env.countedForMs) counted.delete(path)
      return usage
    },
  }
}
