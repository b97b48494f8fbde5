/**
 * CPUs, memory and devices of one NUMA node for a pod, given when it is admitted and kept over restarts of the kubelet.
 * Upstream: pkg/kubelet/cm/topologymanager, cpumanager, memorymanager.
 */
import type { Clock, Logger } from '../../base/env.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { podQOS } from '../../api/helpers/qos.ts'
import { podRequests } from '../../api/helpers/pod-resources.ts'
import { compareQuantity } from '../../api/meta/quantity.ts'
import type { Rejection } from '../admission.ts'
import type { LinuxResources } from '../cri/contract.ts'
import type { HostFiles } from '../host/contract.ts'
import { type AnyContainer, initContainers, podUid } from '../pod.ts'
import { type CpuCheckpoint, type MemoryCheckpoint, readCheckpoint, renderCpus, renderMemory, writeCheckpoint } from './checkpoint.ts'
import { type CpuSet, equalSets, formatCpuSet, parseCpuSet } from './cpu-set.ts'
import { AdmissionError, type CpuPolicy, createStaticCpus, reservedCpus } from './cpus.ts'
import { type Hint, type Hints, type TopologyPolicy, mergeHints } from './hints.ts'
import { type Machine, valuesOf } from './machine.ts'
import { type MemoryPolicy, type ReservedMemory, checkReservedMemory, createStaticMemory } from './memory.ts'
import { checkCpuOptions, readCpuOptions, readTopologyOptions } from './options.ts'

/** One that has things of NUMA nodes to give. */
export interface HintProvider {
  hints(pod: Pod, container: AnyContainer): Hints
  podHints(pod: Pod): Hints
  /** Throws when there is nothing; what a container has already it keeps. */
  allocate(pod: Pod, container: AnyContainer, hint: Hint): void
}

export interface TopologySettings {
  readonly cpuPolicy: 'none' | 'static'
  readonly cpuOptions: Readonly<Record<string, string>>
  readonly alphaOptions: boolean
  /** "0-1": CPUs kept for the system, by name. */
  readonly reservedCpus: string
  readonly memoryPolicy: 'None' | 'Static'
  readonly reservedMemory: ReservedMemory
  readonly policy: TopologyPolicy
  readonly scope: 'container' | 'pod'
  readonly policyOptions: Readonly<Record<string, string>>
}

export interface TopologyManagerEnv {
  readonly clock: Clock
  readonly log: Logger
  readonly files: HostFiles
  /** "/var/lib/kubelet". */
  readonly dir: string
  readonly machine: () => Promise<Machine>
  readonly settings: TopologySettings
  /** What the node keeps back: mCPU, and bytes by resource. */
  readonly keptBack: { readonly milliCpu: number; readonly memory: Readonly<Record<string, number>> }
  readonly devices: HintProvider
  updateContainer(id: string, resources: LinuxResources): Promise<void>
}

/** A container that runs. */
export interface RunningContainer {
  readonly uid: string
  readonly name: string
  readonly id: string
}

export interface TopologyManager {
  /** Gives the pod what it needs, or says why there is none. */
  admit(pod: Pod): Rejection | undefined
  /** Why a pod cannot be given more or less than it has. */
  admitResize(pod: Pod, before: Pod): Rejection | undefined
  /** Only these pods hold anything. */
  keep(pods: readonly Pod[]): void
  /** The CPUs and memory nodes that a container is to start with. */
  confine(pod: Pod, container: AnyContainer): Pick<LinuxResources, 'cpusetCpus' | 'cpusetMems'>
  /** Whether a container (any of the pod) has CPUs of its own. */
  hasExclusive(pod: Pod, container?: AnyContainer): boolean
  started(pod: Pod, container: AnyContainer): void
  /** Brings running containers to the CPUs that are theirs now. */
  reconcile(running: readonly RunningContainer[]): Promise<void>
  /** Resolves when everything given is on the disk. */
  saved(): Promise<void>
}

/** Throws Error when settings, machine and saved state do not go together. */
export async function createTopologyManager(env: TopologyManagerEnv): Promise<TopologyManager> {
  const { settings, files } = env
  const cpuFile = `${env.dir}/cpu_manager_state`
  const memoryFile = `${env.dir}/memory_manager_state`
  const needsMachine = settings.cpuPolicy !== 'none' || settings.memoryPolicy !== 'None' || settings.policy !== 'none'
  const machine: Machine = needsMachine ? await env.machine() : { cpus: [], nodes: [] }
  const topology = settings.policy === 'none' ? undefined : readTopologyOptions(settings.policyOptions)
  if (topology !== undefined && machine.nodes.length > topology.maxNodes) throw new Error(`unsupported on machines with more than ${topology.maxNodes} NUMA Nodes`)
  const savedCpus = await readCheckpoint<CpuCheckpoint>(files, cpuFile, 'CPU', settings.cpuPolicy)
  const savedMemory = await readCheckpoint<MemoryCheckpoint>(files, memoryFile, 'memory', settings.memoryPolicy)
  const cpus = settings.cpuPolicy === 'static' ? openCpus() : undefined
  const memory = settings.memoryPolicy === 'Static' ? openMemory() : undefined
  const providers: readonly HintProvider[] = [env.devices, ...(cpus === undefined ? [] : [cpus]), ...(memory === undefined ? [] : [memory])]
  /** By container id: the CPUs it was told last. */
  const told = new Map<string, CpuSet>()
  let written = { cpus: '', memory: '' }
  let saving: Promise<void> = Promise.resolve()

  function openCpus(): CpuPolicy {
    const options = readCpuOptions(settings.cpuOptions, settings.alphaOptions)
    checkCpuOptions(options, settings.policy, valuesOf(machine.cpus, 'socket').length, machine.nodes.length)
    return createStaticCpus(machine, reservedCpus(machine, parseCpuSet(settings.reservedCpus), env.keptBack.milliCpu, options), options, savedCpus)
  }

  function openMemory(): MemoryPolicy {
    checkReservedMemory(machine, settings.reservedMemory, env.keptBack.memory)
    return createStaticMemory(machine, settings.reservedMemory, savedMemory)
  }

  function save(): void {
    const next = {
      cpus: renderCpus(cpus?.checkpoint() ?? { policyName: 'none', defaultCpuSet: '', entries: {} }),
      memory: renderMemory(memory?.checkpoint() ?? { policyName: 'None', machineState: {}, entries: {} }),
    }
    const before = written
    written = next
    const write = async (): Promise<void> => {
      if (next.cpus !== before.cpus) await writeCheckpoint(files, cpuFile, next.cpus)
      if (next.memory !== before.memory) await writeCheckpoint(files, memoryFile, next.memory)
    }
    if (next.cpus !== before.cpus || next.memory !== before.memory) saving = saving.then(write).catch((error: unknown) => env.log.error('what pods were given was not written', { error }))
  }

  const merge = (hints: readonly Hints[]) => mergeHints(settings.policy, hints, machine.nodes, topology?.preferClosest === true)

  function give(pod: Pod): void {
    const refuse = () => new AdmissionError('TopologyAffinityError', 'Resources cannot be allocated with Topology locality')
    const whole = settings.policy !== 'none' && settings.scope === 'pod' ? merge(providers.map((provider) => provider.podHints(pod))) : undefined
    if (whole?.admit === false) throw refuse()
    for (const container of [...initContainers(pod), ...pod.spec!.containers]) {
      const { hint, admit } = whole ?? merge(settings.policy === 'none' ? [] : providers.map((provider) => provider.hints(pod, container)))
      if (!admit) throw refuse()
      for (const provider of providers) provider.allocate(pod, container, hint)
    }
  }

  const cpusOf = (uid: string, container: string): CpuSet => cpus?.exclusive(uid, container) ?? cpus?.shared() ?? []

  save()
  await saving
  return {
    admit(pod) {
      try {
        give(pod)
        return undefined
      } catch (error) {
        if (error instanceof AdmissionError) return { reason: error.reason, message: error.message }
        return { reason: 'UnexpectedAdmissionError', message: `Allocate failed due to ${(error as Error).message}, which is unexpected` }
      } finally {
        save()
      }
    },
    admitResize(pod, before) {
      if (podQOS(pod) !== 'Guaranteed') return undefined
      const changes = (name: string) => compareQuantity(podRequests(pod)[name] ?? 0, podRequests(before)[name] ?? 0) !== 0
      const refuse = (what: string, policy: string): Rejection => ({ reason: 'Infeasible', message: `Resize is infeasible for Guaranteed Pods alongside ${what} Manager policy "${policy}"` })
      if (cpus !== undefined && changes('cpu')) return refuse('CPU', 'static')
      if (memory !== undefined && changes('memory')) return refuse('Memory', 'Static')
      return undefined
    },
    keep(pods) {
      const active = new Map(pods.map((pod) => [podUid(pod), new Set([...initContainers(pod), ...pod.spec!.containers].map(({ name }) => name))]))
      cpus?.keep(active)
      memory?.keep(active)
      save()
    },
    confine(pod, container) {
      const own = cpusOf(podUid(pod), container.name)
      const nodes = memory?.nodes(podUid(pod), container.name) ?? []
      return { ...(own.length === 0 ? {} : { cpusetCpus: formatCpuSet(own) }), ...(nodes.length === 0 ? {} : { cpusetMems: nodes.join(',') }) }
    },
    hasExclusive(pod, container) {
      const list = container === undefined ? [...initContainers(pod), ...pod.spec!.containers] : [container]
      return list.some(({ name }) => cpus?.exclusive(podUid(pod), name) !== undefined)
    },
    started(pod, container) {
      memory?.started(pod, container)
      save()
    },
    async reconcile(running) {
      if (cpus === undefined) return
      for (const { uid, name, id } of running) {
        const own = cpusOf(uid, name)
        if (own.length === 0 || equalSets(own, told.get(id) ?? [])) continue
        try {
          await env.updateContainer(id, { cpusetCpus: formatCpuSet(own) })
          told.set(id, own)
        } catch (error) {
          env.log.warn('container was not moved to its CPUs', { container: name, cpus: formatCpuSet(own), error })
        }
      }
      const alive = new Set(running.map(({ id }) => id))
      for (const id of told.keys()) if (!alive.has(id)) told.delete(id)
    },
    saved: () => saving,
  }
}
