/** Usage of node and pods: /stats/summary and /metrics/resource. Upstream: pkg/kubelet/server/stats, apis/stats/v1alpha1. */
import { formatTime } from '../../api/meta/time.ts'
import type { ContainerStats } from '../cri/contract.ts'
import type { DiskUsage, Usage } from '../host/contract.ts'
import { containerNameLabel, podNameLabel, podNamespaceLabel, podUidLabel } from '../runtime/labels.ts'

export interface StatsInput {
  readonly nodeName: string
  readonly now: number
  readonly usage: Usage
  readonly disk: DiskUsage
  readonly containers: readonly ContainerStats[]
  /** Nanoseconds of CPU that the machine has spent. */
  readonly nodeCpuNanoSeconds: number
  readonly pods: readonly { readonly uid: string; readonly startTime: string | undefined }[]
}

export interface ContainerSample {
  readonly id: string
  readonly image: string
  readonly pod: { name: string; namespace: string; uid: string }
  readonly name: string
  readonly cpuNanoSeconds: number
  readonly cpuNanoCores: number | undefined
  readonly memoryBytes: number
  readonly memoryUsageBytes: number | undefined
  readonly memoryRssBytes: number | undefined
  readonly pageFaults: number | undefined
  readonly majorPageFaults: number | undefined
  readonly rootfsBytes: number
  readonly rootfsInodes: number | undefined
}

/** Those of the runtime's containers that belong to pods. */
export function samples(stats: readonly ContainerStats[]): ContainerSample[] {
  return stats.flatMap((entry) => {
    const labels = entry.attributes?.labels
    if (labels?.[podUidLabel] === undefined || labels[containerNameLabel] === undefined) return []
    return [{
      pod: { name: labels[podNameLabel] ?? '', namespace: labels[podNamespaceLabel] ?? '', uid: labels[podUidLabel] },
      name: labels[containerNameLabel], id: entry.attributes!.id, image: '',
      cpuNanoSeconds: entry.cpu?.usageCoreNanoSeconds?.value ?? 0, cpuNanoCores: entry.cpu?.usageNanoCores?.value,
      memoryBytes: entry.memory?.workingSetBytes?.value ?? 0, rootfsBytes: entry.writableLayer?.usedBytes?.value ?? 0, rootfsInodes: entry.writableLayer?.inodesUsed?.value,
      memoryUsageBytes: entry.memory?.usageBytes?.value, memoryRssBytes: entry.memory?.rssBytes?.value, pageFaults: entry.memory?.pageFaults?.value,
      majorPageFaults: entry.memory?.majorPageFaults?.value,
    }]
  })
}

const filesystem = (disk: DiskUsage) => ({ availableBytes: disk.availableBytes, capacityBytes: disk.capacityBytes, inodesFree: disk.inodesFree, inodes: disk.inodes })

/** Without what is not known. */
const defined = (fields: Readonly<Record<string, unknown>>) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

export function statsSummary(input: StatsInput): object {
  const time = formatTime(input.now)
  const { usage, disk } = input
  const pods = new Map<string, { podRef: object; startTime?: string; containers: object[]; cpu: number; memory: number }>()
  for (const sample of samples(input.containers)) {
    const pod = pods.get(sample.pod.uid) ?? { podRef: sample.pod, containers: [], cpu: 0, memory: 0 }
    pods.set(sample.pod.uid, pod)
    pod.cpu += sample.cpuNanoSeconds
    pod.memory += sample.memoryBytes
    pod.containers.push({
      name: sample.name, cpu: { time, usageCoreNanoSeconds: sample.cpuNanoSeconds, ...(sample.cpuNanoCores === undefined ? {} : { usageNanoCores: sample.cpuNanoCores }) },
      memory: {
        time, workingSetBytes: sample.memoryBytes, ...defined({ usageBytes: sample.memoryUsageBytes, rssBytes: sample.memoryRssBytes, pageFaults: sample.pageFaults, majorPageFaults: sample.majorPageFaults }),
      },
      rootfs: { time, ...filesystem(disk), usedBytes: sample.rootfsBytes, ...defined({ inodesUsed: sample.rootfsInodes }) },
      logs: { time, ...filesystem(disk) },
    })
  }
  const used = usage.memoryTotalBytes - usage.memoryAvailableBytes
  return {
    node: {
      nodeName: input.nodeName,
      cpu: { time, usageCoreNanoSeconds: input.nodeCpuNanoSeconds },
      memory: { time, availableBytes: usage.memoryAvailableBytes, usageBytes: used, workingSetBytes: used },
      fs: { time, ...filesystem(disk), usedBytes: disk.capacityBytes - disk.availableBytes, inodesUsed: disk.inodes - disk.inodesFree },
      rlimit: { time, maxpid: usage.pidsMax, curproc: usage.pidsRunning },
    },
    pods: [...pods].map(([uid, { podRef, containers, cpu, memory }]) => ({
      podRef, ...defined({ startTime: input.pods.find((pod) => pod.uid === uid)?.startTime }), containers, cpu: { time, usageCoreNanoSeconds: cpu }, memory: { time, workingSetBytes: memory },
    })),
  }
}

/** What metrics-server reads. */
export function resourceMetrics(input: StatsInput): string {
  const lines: string[] = []
  const family = (name: string, help: string, type: string, values: readonly string[]) => lines.push(`# HELP ${name} [STABLE] ${help}`, `# TYPE ${name} ${type}`, ...values)
  const list = samples(input.containers)
  const labels = ({ name, pod }: ContainerSample) => `{container="${name}",namespace="${pod.namespace}",pod="${pod.name}"}`
  const { usage } = input
  family('container_cpu_usage_seconds_total', 'Cumulative cpu time consumed by the container in core-seconds', 'counter',
    list.map((s) => `container_cpu_usage_seconds_total${labels(s)} ${s.cpuNanoSeconds / 1e9} ${input.now}`))
  family('container_memory_working_set_bytes', 'Current working set of the container in bytes', 'gauge',
    list.map((s) => `container_memory_working_set_bytes${labels(s)} ${s.memoryBytes} ${input.now}`))
  const perPod = new Map<string, { labels: string; cpu: number; memory: number }>()
  for (const { pod, cpuNanoSeconds, memoryBytes } of list) {
    const sum = perPod.get(pod.uid) ?? { labels: `{namespace="${pod.namespace}",pod="${pod.name}"}`, cpu: 0, memory: 0 }
    perPod.set(pod.uid, { ...sum, cpu: sum.cpu + cpuNanoSeconds, memory: sum.memory + memoryBytes })
  }
  family('pod_cpu_usage_seconds_total', 'Cumulative cpu time consumed by the pod in core-seconds', 'counter',
    [...perPod.values()].map((pod) => `pod_cpu_usage_seconds_total${pod.labels} ${pod.cpu / 1e9} ${input.now}`))
  family('pod_memory_working_set_bytes', 'Current working set of the pod in bytes', 'gauge',
    [...perPod.values()].map((pod) => `pod_memory_working_set_bytes${pod.labels} ${pod.memory} ${input.now}`))
  family('node_cpu_usage_seconds_total', 'Cumulative cpu time consumed by the node in core-seconds', 'counter', [`node_cpu_usage_seconds_total ${input.nodeCpuNanoSeconds / 1e9} ${input.now}`])
  family('node_memory_working_set_bytes', 'Current working set of the node in bytes', 'gauge',
    [`node_memory_working_set_bytes ${usage.memoryTotalBytes - usage.memoryAvailableBytes} ${input.now}`])
  family('resource_scrape_error', '1 if there was an error while getting container metrics, 0 otherwise', 'gauge', ['resource_scrape_error 0'])
  return `${lines.join('\n')}\n`
}
