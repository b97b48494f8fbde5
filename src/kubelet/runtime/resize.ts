/** Gives running containers and their pod other resources, without a moment in which they hold more than they may. Upstream: kuberuntime_manager.go doPodResizeAction. */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { type Amounts, asRequirements, containerAmounts } from '../allocation/allocation.ts'
import type { ContainerUpdate, ResizePlan } from '../allocation/plan.ts'
import type { AllocationState } from '../allocation/state.ts'
import type { CgroupManager, PodCgroupValues } from '../cgroups/manager.ts'
import { CriError, type LinuxResources, type RuntimeService } from '../cri/contract.ts'
import { rpcCode } from '../rpc/error.ts'
import { type AnyContainer, formatPod, podUid } from '../pod.ts'
import { type PodCgroupResources, type ResourceSettings, containerResources, linuxResources, podCgroupResources } from './resources.ts'

export interface ResizeEnv {
  readonly runtime: RuntimeService
  readonly cgroups: CgroupManager | undefined
  readonly actuated: AllocationState
  readonly resources: ResourceSettings
}

/** Throws Error with upstream's text; what was done until then stays, and is not done again. */
export async function resizePod(env: ResizeEnv, pod: Pod, sandboxId: string, plan: ResizePlan): Promise<void> {
  const wanted = podCgroupResources(pod, env.resources)
  const before = env.cgroups?.readPod(pod)
  if (env.cgroups !== undefined && before === undefined) throw new Error(`unable to get pod cgroup memory config for pod "${formatPod(pod)}"`)
  if (plan.memory.length > 0 || plan.ofPod) await checkMemory(env, pod, plan, wanted, before)
  const whole = plan.ofPod || plan.podLevel
  if (plan.memory.length > 0 || whole) {
    // A limit that nobody asks for any more stays as it is.
    const limit = { from: before?.memoryLimit ?? 0, to: wanted.memoryLimit ?? before?.memoryLimit ?? 0 }
    await step(env, pod, sandboxId, plan.memory, 'memory', limit, { from: 0, to: 0 }, wanted)
    if (plan.podLevel) setPodLevel(env, pod, 'memory')
  }
  if (plan.cpu.length > 0 || whole) {
    const quota = { from: before?.cpuQuota ?? 0, to: wanted.cpuQuota ?? before?.cpuQuota ?? 0 }
    await step(env, pod, sandboxId, plan.cpu, 'cpu', quota, { from: before?.cpuShares ?? 0, to: wanted.cpuShares }, wanted)
    if (plan.podLevel) setPodLevel(env, pod, 'cpu')
  }
}

interface Change {
  readonly from: number
  readonly to: number
}

/** The pod's own cgroup grows before its containers and shrinks after them. */
async function step(
  env: ResizeEnv, pod: Pod, sandboxId: string, updates: readonly ContainerUpdate[], name: 'cpu' | 'memory', limit: Change, request: Change, wanted: PodCgroupResources,
): Promise<void> {
  const { cgroups } = env
  const setLimit = () => setPod(env, pod, sandboxId, name === 'memory' ? { memoryLimit: limit.to } : { cpuQuota: limit.to, cpuPeriod: wanted.cpuPeriod ?? env.resources.cpuCfsPeriod })
  const setRequest = async () => (name === 'memory' ? undefined : setPod(env, pod, sandboxId, { cpuShares: request.to }))
  if (cgroups !== undefined && limit.to > limit.from) await setLimit()
  if (cgroups !== undefined && request.to > request.from) await setRequest()
  for (const update of updates) await updateContainer(env, pod, update, name)
  if (cgroups !== undefined && request.to < request.from) await setRequest()
  if (cgroups !== undefined && limit.to < limit.from) await setLimit()
}

async function setPod(env: ResizeEnv, pod: Pod, sandboxId: string, change: Partial<PodCgroupResources>): Promise<void> {
  const now = env.cgroups!.readPod(pod)
  const merged: LinuxResources = {
    cpuShares: change.cpuShares ?? now?.cpuShares ?? 0, cpuQuota: change.cpuQuota ?? now?.cpuQuota ?? 0, cpuPeriod: change.cpuPeriod ?? now?.cpuPeriod ?? 0,
    memoryLimitInBytes: change.memoryLimit ?? now?.memoryLimit ?? 0,
  }
  try {
    const { overhead } = pod.spec!
    await env.runtime.updatePodSandboxResources(sandboxId, overhead === undefined ? {} : linuxResources({ requests: overhead, limits: overhead }, env.resources), merged)
  } catch (error) {
    // Runtimes may leave this out: containerd 2.2 says so with another code.
    const absent = error instanceof CriError && (error.code === rpcCode.unimplemented || (error.code === rpcCode.unknown && error.message.includes('not implemented')))
    if (!absent) throw new Error(`failed to notify runtime for UpdatePodSandboxResources; resize rejected: ${(error as Error).message}`, { cause: error })
  }
  await env.cgroups!.setPod(pod, change)
}

/** One resource at a time: the other is given as it is. */
async function updateContainer(env: ResizeEnv, pod: Pod, { container, id, desired, current }: ContainerUpdate, name: 'cpu' | 'memory'): Promise<void> {
  const next: Amounts = name === 'memory' ? { ...current, memoryLimit: desired.memoryLimit, memoryRequest: desired.memoryRequest } :
    { ...current, cpuLimit: desired.cpuLimit, cpuRequest: desired.cpuRequest }
  await env.runtime.updateContainerResources(id, containerResources(pod, { ...container, resources: asRequirements(next) }, env.resources))
  env.actuated.setContainer(podUid(pod), container.name, asRequirements(next))
  Object.assign(current, next)
}

function setPodLevel(env: ResizeEnv, pod: Pod, name: 'cpu' | 'memory'): void {
  const granted = pod.spec!.resources
  if (granted === undefined) return
  const before = env.actuated.get(podUid(pod))?.PodLevelResources
  const merge = (list: 'requests' | 'limits') => (granted[list]?.[name] === undefined ? {} : { [list]: { ...before?.[list], [name]: granted[list][name] } })
  env.actuated.setPodLevel(podUid(pod), { ...before, ...merge('requests'), ...merge('limits') })
}

/** A limit below what is in use would end processes. */
async function checkMemory(env: ResizeEnv, pod: Pod, plan: ResizePlan, wanted: PodCgroupResources, before: PodCgroupValues | undefined): Promise<void> {
  const errors: string[] = []
  const limit = wanted.memoryLimit ?? 0
  if (before !== undefined && limit > 0 && (before.memoryLimit === 0 || limit < before.memoryLimit) && before.memoryUsage >= limit) {
    errors.push(`attempting to set pod memory limit (${limit}) below current usage (${before.memoryUsage})`)
  }
  for (const { container, id, desired, current } of plan.memory) {
    if (desired.memoryLimit === 0 || (current.memoryLimit !== 0 && desired.memoryLimit >= current.memoryLimit)) continue
    const usage = (await env.runtime.containerStats(id))?.memory?.usageBytes?.value
    if (usage !== undefined && usage >= desired.memoryLimit) {
      errors.push(`attempting to set container "${container.name}" memory limit (${desired.memoryLimit}) below current usage (${usage})`)
    }
  }
  if (errors.length > 0) throw new Error(`cannot decrease memory limits: ${errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`}`)
}

/** What a container that is about to start is given. */
export function recordStart(actuated: AllocationState, pod: Pod, container: AnyContainer): void {
  actuated.setContainer(podUid(pod), container.name, asRequirements(containerAmounts(pod.spec!.resources, container.resources)))
}
