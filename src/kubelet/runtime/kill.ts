/** Ending containers: grace periods, preStop hooks, sidecars after the rest. Upstream: kuberuntime_container.go killContainer. */
import type { Clock } from '../../base/env.ts'
import type { Lifecycle, Pod } from '../../api/generated/types/core-v1.ts'
import type { KillReason } from '../actions.ts'
import { type RuntimeService, isCriNotFound } from '../cri/contract.ts'
import { type AnyContainer, findContainer, initContainers, isRestartableInit } from '../pod.ts'
import type { HookRunner } from './hooks.ts'
import { type ContainerRecord, readContainerRecord } from './labels.ts'
import type { RuntimeContainer, RuntimePod } from './pod-status.ts'

export type EmitContainerEvent = (pod: Pod, containerName: string, type: 'Normal' | 'Warning', reason: string, message: string) => void

export interface KillEnv {
  readonly clock: Clock
  readonly runtime: RuntimeService
  readonly hooks: HookRunner
  readonly emit: EmitContainerEvent
}

/** Every container gets this long, whatever else is said. Seconds. */
const minimumGrace = 2

export interface KillRequest {
  /** undefined: only the runtime knows it; what is needed is read from its annotations. */
  readonly pod: Pod | undefined
  readonly containerId: string
  readonly containerName: string
  readonly message: string
  readonly reason: KillReason
  readonly graceOverride?: number
  readonly podIp: string | undefined
  /** Resolves when those it must outlive are gone. */
  readonly turn?: Promise<void>
}

/** Resolves when the container is dead. */
export async function killContainer(env: KillEnv, request: KillRequest): Promise<void> {
  const { clock, runtime, emit } = env
  const restored = request.pod === undefined ? await restore(runtime, request.containerId) : undefined
  const pod = request.pod ?? restored?.pod
  const container = restored?.container ?? (pod === undefined ? undefined : findContainer(pod, request.containerName)?.container)
  if (pod === undefined || container === undefined) return stop(runtime, request.containerId, minimumGrace)
  emit(pod, container.name, 'Normal', 'Killing', request.message === '' ? `Stopping container ${container.name}` : request.message)
  let grace = request.graceOverride ?? gracePeriod(pod, container, request.reason)
  const preStop = container.lifecycle?.preStop
  if (preStop !== undefined && grace > 0) {
    const target = { pod, container, containerId: request.containerId, podIp: request.podIp }
    grace -= await spend(clock, grace, async (signal) => {
      try {
        await env.hooks.run(preStop, target, signal)
      } catch {
        // Its output may hold secrets: the event says only that it failed.
        if (!signal.aborted) emit(pod, container.name, 'Warning', 'FailedPreStopHook', 'PreStopHook failed')
      }
    })
  }
  if (request.turn !== undefined && grace > 0) {
    const turn = request.turn
    grace -= await spend(clock, grace, () => turn)
  }
  await stop(runtime, request.containerId, Math.max(grace, minimumGrace))
}

async function stop(runtime: RuntimeService, id: string, graceSeconds: number): Promise<void> {
  try {
    await runtime.stopContainer(id, graceSeconds)
  } catch (error) {
    if (!isCriNotFound(error)) throw error
  }
}

/** Waits for work, at most `seconds`. Answers the whole seconds that went by. */
async function spend(clock: Clock, seconds: number, work: (signal: AbortSignal) => Promise<void>): Promise<number> {
  const began = clock.monotonic()
  const controller = new AbortController()
  const timer = clock.setTimeout(() => controller.abort(new Error('grace period is over')), seconds * 1000)
  const over = new Promise<void>((resolve) => controller.signal.addEventListener('abort', () => resolve(), { once: true }))
  await Promise.race([work(controller.signal), over])
  timer.cancel()
  return Math.floor((clock.monotonic() - began) / 1000)
}

export function gracePeriod(pod: Pod, container: AnyContainer, reason: KillReason): number {
  if (pod.metadata.deletionGracePeriodSeconds !== undefined) return pod.metadata.deletionGracePeriodSeconds
  const ofPod = pod.spec!.terminationGracePeriodSeconds
  if (ofPod === undefined) return minimumGrace
  const probe = reason === 'LivenessProbe' ? container.livenessProbe : reason === 'StartupProbe' ? container.startupProbe : undefined
  return probe?.terminationGracePeriodSeconds ?? ofPod
}

/** As much of pod and container as their annotations remember. */
async function restore(runtime: RuntimeService, id: string): Promise<{ pod: Pod; container: AnyContainer } | undefined> {
  let record: ContainerRecord | undefined
  try {
    record = readContainerRecord(await runtime.containerStatus(id))
  } catch (error) {
    if (!isCriNotFound(error)) throw error
  }
  if (record === undefined) return undefined
  const lifecycle = record.preStop === undefined ? {} : { lifecycle: { preStop: JSON.parse(record.preStop) } as Lifecycle }
  const container: AnyContainer = { name: record.name, ...lifecycle }
  const { podName: name, podNamespace: namespace, podUid: uid } = record
  return {
    container,
    pod: {
      apiVersion: 'v1', kind: 'Pod',
      metadata: { name, namespace, uid, deletionGracePeriodSeconds: record.deletionGraceSeconds },
      spec: { containers: [container], terminationGracePeriodSeconds: record.terminationGraceSeconds },
    },
  }
}

/** Ends all running containers of a pod side by side; sidecars in reverse order after the others. Throws an AggregateError. */
export async function killContainers(env: KillEnv, pod: Pod | undefined, status: RuntimePod, graceOverride?: number): Promise<void> {
  const running = status.containers.filter(({ state }) => state === 'running' || state === 'unknown' || state === 'created')
  const done = new Map(running.map(({ name }) => [name, Promise.withResolvers<void>()]))
  const results = await Promise.allSettled(running.map(async (container) => {
    try {
      await killContainer(env, {
        pod, containerId: container.id, containerName: container.name, message: '', reason: '', graceOverride, podIp: status.ips[0],
        turn: turnOf(pod, container, (name) => done.get(name)?.promise),
      })
    } finally {
      done.get(container.name)!.resolve()
    }
  }))
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []))
  if (errors.length > 0) throw new AggregateError(errors, errors.map(({ message }) => message).join(', '))
}

function turnOf(pod: Pod | undefined, { name }: RuntimeContainer, ended: (name: string) => Promise<void> | undefined): Promise<void> | undefined {
  if (pod === undefined) return undefined
  const sidecars = initContainers(pod).filter(isRestartableInit)
  const at = sidecars.findIndex((container) => container.name === name)
  if (at < 0) return undefined
  const before = [...pod.spec!.containers, ...sidecars.slice(at + 1)].map(async (container) => ended(container.name))
  return Promise.all(before).then(() => undefined)
}
