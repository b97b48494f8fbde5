/**
 * /metrics/cadvisor: usage of machine and containers under cAdvisor's names, as far as the runtime knows it.
 * Upstream: github.com/google/cadvisor/metrics with containerPrometheusLabelsFunc.
 */
import type { MachineInfo } from '../host/contract.ts'
import { type ContainerSample, type StatsInput, samples } from './stats.ts'

interface Metric {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  value(sample: ContainerSample): number | undefined
  /** More labels. */
  readonly labels?: string
}

const containerMetrics: readonly Metric[] = [
  { name: 'container_cpu_usage_seconds_total', help: 'Cumulative cpu time consumed in seconds.', type: 'counter', labels: 'cpu="total"', value: (s) => s.cpuNanoSeconds / 1e9 },
  { name: 'container_fs_inodes_total', help: 'Number of Inodes', type: 'gauge', labels: 'device=""', value: (s) => s.rootfsInodes },
  { name: 'container_fs_usage_bytes', help: 'Number of bytes that are consumed by the container on this filesystem.', type: 'gauge', labels: 'device=""', value: (s) => s.rootfsBytes },
  { name: 'container_memory_rss', help: 'Size of RSS in bytes.', type: 'gauge', value: (s) => s.memoryRssBytes },
  { name: 'container_memory_usage_bytes', help: 'Current memory usage in bytes, including all memory regardless of when it was accessed', type: 'gauge', value: (s) => s.memoryUsageBytes },
  { name: 'container_memory_working_set_bytes', help: 'Current working set in bytes.', type: 'gauge', value: (s) => s.memoryBytes },
]

const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`

export function cadvisorMetrics(input: StatsInput, machine: MachineInfo): string {
  const lines: string[] = []
  const family = (name: string, help: string, type: string, values: readonly string[]) => lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...values)
  family('cadvisor_version_info', "A metric with a constant '1' value labeled by kernel version, OS version, docker version, cadvisor version & cadvisor revision.", 'gauge', [
    `cadvisor_version_info{cadvisorRevision="",cadvisorVersion="",dockerVersion="",kernelVersion=${quoted(machine.kernelVersion)},osVersion=${quoted(machine.osImage)}} 1`,
  ])
  const list = samples(input.containers)
  for (const { name, help, type, value, labels } of containerMetrics) {
    family(name, help, type, list.flatMap((sample) => {
      const amount = value(sample)
      if (amount === undefined) return []
      const { pod } = sample
      const own = `container=${quoted(sample.name)}${labels === undefined ? '' : `,${labels}`},id=${quoted(sample.id)},image=${quoted(sample.image)},name=${quoted(sample.id)},namespace=${quoted(pod.namespace)},pod=${quoted(pod.name)}`
      return [`${name}{${own}} ${amount} ${input.now}`]
    }))
  }
  const ids = `boot_id=${quoted(machine.bootId)},machine_id=${quoted(machine.machineId)},system_uuid=${quoted(machine.systemUuid)}`
  family('machine_cpu_cores', 'Number of logical CPU cores.', 'gauge', [`machine_cpu_cores{${ids}} ${machine.cpus}`])
  family('machine_memory_bytes', 'Amount of memory installed on the machine.', 'gauge', [`machine_memory_bytes{${ids}} ${machine.memoryBytes}`])
  family('machine_swap_bytes', 'Amount of swap memory available on the machine.', 'gauge', [`machine_swap_bytes{${ids}} ${machine.swapBytes}`])
  return `${lines.join('\n')}\n`
}
