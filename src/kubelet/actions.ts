/**
 * What is to be done so that the runtime has what a pod asks for. Pure; the executor is runtime/pod-runtime.ts.
 * Upstream: pkg/kubelet/kuberuntime, computePodActions and computeInitContainerActions.
 */
import type { Pod } from '../api/generated/types/core-v1.ts'
import {
  type AnyContainer, containerShouldRestart, ephemeralContainers, initContainers, isHostNetwork, isRestartableInit,
} from './pod.ts'
import { isRestartAll } from './restart-all.ts'
import { type Actuated, type ResizePlan, emptyResize, planResize, podLevelChanged } from './allocation/plan.ts'
import { containerHash } from './runtime/labels.ts'
import { type RuntimeContainer, type RuntimePod, latestContainer } from './runtime/pod-status.ts'

export type KillReason = 'LivenessProbe' | 'StartupProbe' | 'Unknown' | 'RestartAllContainers' | ''
export type ProbeResult = 'success' | 'failure'

export interface ContainerToKill {
  readonly id: string
  readonly container: AnyContainer
  readonly message: string
  readonly reason: KillReason
}

export interface ContainerToReset {
  readonly id: string
  readonly container: AnyContainer
  /** It lives. */
  readonly kill: boolean
}

export interface PodActions {
  /** Stop all containers and the sandbox first. */
  killPod: boolean
  createSandbox: boolean
  /** The sandbox to start containers in, or the one that is given up. */
  sandboxId: string | undefined
  /** Attempt number of the new sandbox. */
  attempt: number
  initContainersToStart: AnyContainer[]
  containersToStart: AnyContainer[]
  ephemeralContainersToStart: AnyContainer[]
  containersToKill: ContainerToKill[]
  /** The whole pod starts again: these go first, in this order. */
  containersToReset: ContainerToReset[]
  /** Running containers that are to have other resources. */
  resize: ResizePlan
}

/** Last results of the probes that can end a container, by container id. */
export interface ProbeVerdicts {
  liveness(containerId: string): ProbeResult | undefined
  startup(containerId: string): ProbeResult | undefined
}

/** Whether the pod needs another sandbox than the newest it has. */
export function sandboxChanged(pod: Pod, status: RuntimePod): { changed: boolean; attempt: number; sandboxId: string | undefined } {
  const newest = status.sandboxes[0]
  if (newest === undefined) return { changed: true, attempt: 0, sandboxId: undefined }
  const ready = status.sandboxes.filter((sandbox) => sandbox.state === 'SANDBOX_READY')
  const next = { changed: true, attempt: newest.attempt + 1, sandboxId: newest.id }
  if (ready.length > 1 || newest.state !== 'SANDBOX_READY') return next
  if ((newest.networkMode === 'NODE') !== isHostNetwork(pod)) return { ...next, sandboxId: undefined }
  if (!isHostNetwork(pod) && newest.ips !== undefined && newest.ips.length === 0) return next
  return { changed: false, attempt: newest.attempt, sandboxId: newest.id }
}

/** Whether a container that is not running is to be started (again). */
export function shouldContainerBeRestarted(container: AnyContainer, pod: Pod, status: RuntimePod): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false
  const latest = latestContainer(status, container.name)
  if (latest === undefined) return true
  if (latest.state === 'running') return false
  if (latest.state !== 'exited') return true
  return containerShouldRestart(container, pod.spec!, latest.exitCode)
}

/** Whether any regular container was ever created: then the init containers are done. */
export function anyRegularCreated(pod: Pod, status: RuntimePod): boolean {
  return pod.spec!.containers.some((container) => latestContainer(status, container.name) !== undefined)
}

/** `actuated`: what the containers have been given; undefined where resources cannot be resized. `restartAll`: a container's end has all of them started again. */
export function computePodActions(pod: Pod, status: RuntimePod, probes: ProbeVerdicts, actuated?: Actuated, restartAll = false): PodActions {
  const sandbox = sandboxChanged(pod, status)
  const actions: PodActions = {
    killPod: sandbox.changed, createSandbox: sandbox.changed, sandboxId: sandbox.sandboxId, attempt: sandbox.attempt,
    initContainersToStart: [], containersToStart: [], ephemeralContainersToStart: [], containersToKill: [], containersToReset: [], resize: emptyResize(),
  }
  if (restartAll) {
    actions.containersToReset = containersToReset(pod, status)
    return actions
  }
  if (sandbox.changed) {
    planNewSandbox(pod, status, actions)
    return actions
  }
  actions.ephemeralContainersToStart = ephemeralContainers(pod).filter((c) => latestContainer(status, c.name) === undefined)
  const initialized = planInitContainers(pod, status, probes, actions, actuated)
  if (actions.killPod || !initialized) return actions
  planRegularContainers(pod, status, probes, actions, actuated)
  if (actuated !== undefined) actions.resize.podLevel = podLevelChanged(pod, actuated)
  return actions
}

/** Backwards, and those whose end began it last: a kubelet that is killed meanwhile still knows why. */
function containersToReset(pod: Pod, status: RuntimePod): ContainerToReset[] {
  const causes: ContainerToReset[][] = [[], []]
  const others: ContainerToReset[][] = [[], []]
  for (const [group, list] of [pod.spec!.containers, initContainers(pod)].entries()) {
    for (const container of list) {
      for (const { id, state, exitCode } of status.containers.filter(({ name }) => name === container.name)) {
        const cause = state === 'exited' && isRestartAll(container, exitCode)
        ;(cause ? causes : others)[group]!.push({ id, container, kill: state !== 'exited' })
      }
    }
  }
  return [...others.flat(), ...causes.flat()]
}

function planNewSandbox(pod: Pod, status: RuntimePod, actions: PodActions): void {
  const neverAgain = pod.spec!.restartPolicy === 'Never'
  if (neverAgain && actions.attempt !== 0 && status.containers.length > 0) {
    // The pod had its only run: a new sandbox would have nothing to do.
    actions.createSandbox = false
    return
  }
  const toStart = pod.spec!.containers.filter((container) => {
    const once = (container.restartPolicy ?? pod.spec!.restartPolicy) === 'OnFailure'
    const latest = latestContainer(status, container.name)
    return !(once && latest?.state === 'exited' && latest.exitCode === 0)
  })
  if (toStart.length === 0 && anyRegularCreated(pod, status)) {
    actions.createSandbox = false
    return
  }
  const first = initContainers(pod)[0]
  if (first === undefined) actions.containersToStart = toStart
  else actions.initContainersToStart = [first]
}

/** Walks backwards to the next init container to run. True when initialization is complete. */
function planInitContainers(pod: Pod, status: RuntimePod, probes: ProbeVerdicts, actions: PodActions, actuated: Actuated | undefined): boolean {
  const inits = initContainers(pod)
  if (inits.length === 0) return true
  // A regular container that lives proves that initialization was complete, even when its traces were collected.
  let initialized = pod.spec!.containers.some((container) => {
    const state = latestContainer(status, container.name)?.state
    return state === 'created' || state === 'running'
  })
  let before = initialized
  const start: number[] = []
  for (let i = inits.length - 1; i >= 0; i--) {
    const container = inits[i]!
    const latest = latestContainer(status, container.name)
    const sidecar = isRestartableInit(container)
    if (latest === undefined) {
      if (before && sidecar) start.push(i)
      continue
    }
    if (before && !sidecar) continue
    const step = sidecar ? planSidecar(container, latest, probes, resizer(pod, actions, actuated)) : planInit(container, latest, pod, status)
    if (step.fatal) {
      actions.killPod = true
      actions.initContainersToStart = []
      return false
    }
    if (step.kill !== undefined) actions.containersToKill.push(step.kill)
    if (step.done) {
      if (i === inits.length - 1) initialized = true
      else if (!before || !sidecar) start.push(i + 1)
    }
    if (step.start) start.push(i)
    before = true
  }
  if (!before) start.push(0)
  actions.initContainersToStart = start.reverse().map((i) => inits[i]!)
  return initialized
}

interface InitStep {
  /** Its part is done: the next may start; a running sidecar says so each time. */
  done?: boolean
  start?: boolean
  kill?: ContainerToKill
  /** It failed for good: the pod is over. */
  fatal?: boolean
}

function planInit(container: AnyContainer, latest: RuntimeContainer, pod: Pod, status: RuntimePod): InitStep {
  switch (latest.state) {
    case 'created':
      return { start: true }
    case 'running':
      return {}
    case 'exited':
      if (latest.exitCode === 0) return { done: true }
      return shouldContainerBeRestarted(container, pod, status) ? { start: true } : { fatal: true }
    case 'unknown':
      if ((container.restartPolicy ?? pod.spec!.restartPolicy) === 'Never') return { fatal: true }
      return { start: true, kill: killUnknown('Init container', container, latest) }
  }
}

type Resizer = (container: AnyContainer, latest: RuntimeContainer) => ContainerToKill | undefined

/** Plans a resize. Answers the end of the container when it has to be started again for it. */
function resizer(pod: Pod, actions: PodActions, actuated: Actuated | undefined): Resizer {
  return (container, latest) => {
    if (actuated === undefined || !planResize(pod, container, latest.id, actuated, actions.resize)) return undefined
    return { id: latest.id, container, message: `Container ${container.name} resize requires restart`, reason: '' }
  }
}

function planSidecar(container: AnyContainer, latest: RuntimeContainer, probes: ProbeVerdicts, resize: Resizer): InitStep {
  if (latest.state === 'created' || latest.state === 'exited') return { start: true }
  if (latest.state === 'unknown') return { start: true, kill: killUnknown('Init container', container, latest) }
  const kill = (message: string, reason: KillReason): ContainerToKill => ({ id: latest.id, container, message, reason })
  if (container.startupProbe !== undefined) {
    const startup = probes.startup(latest.id)
    if (startup === 'failure') return { start: true, kill: kill(`Init container ${container.name} failed startup probe`, 'StartupProbe') }
    if (startup !== 'success') return {}
  }
  if (latest.hash !== containerHash(container)) {
    return { done: true, start: true, kill: kill(`Init container ${container.name} definition changed`, '') }
  }
  if (container.livenessProbe !== undefined && probes.liveness(latest.id) === 'failure') {
    return { done: true, start: true, kill: kill(`Init container ${container.name} failed liveness probe`, 'LivenessProbe') }
  }
  const again = resize(container, latest)
  return again === undefined ? { done: true } : { done: true, start: true, kill: again }
}

function planRegularContainers(pod: Pod, status: RuntimePod, probes: ProbeVerdicts, actions: PodActions, actuated: Actuated | undefined): void {
  const resize = resizer(pod, actions, actuated)
  let keep = 0
  for (const container of pod.spec!.containers) {
    const latest = latestContainer(status, container.name)
    if (latest?.state !== 'running') {
      if (!shouldContainerBeRestarted(container, pod, status)) continue
      actions.containersToStart.push(container)
      if (latest?.state === 'unknown') actions.containersToKill.push(killUnknown('Container', container, latest))
      continue
    }
    const verdict = whyKill(container, latest, probes)
    if (verdict === undefined) {
      const again = resize(container, latest)
      if (again === undefined) keep++
      else {
        actions.containersToKill.push(again)
        actions.containersToStart.push(container)
      }
      continue
    }
    const restart = verdict.changed || (container.restartPolicy ?? pod.spec!.restartPolicy) !== 'Never'
    if (restart) actions.containersToStart.push(container)
    const message = restart ? `${verdict.message}, will be restarted` : verdict.message
    actions.containersToKill.push({ id: latest.id, container, message, reason: verdict.reason })
  }
  if (keep === 0 && actions.containersToStart.length === 0) {
    actions.killPod = true
    // Sidecars must not keep a finished pod alive.
    actions.initContainersToStart = []
  }
}

function whyKill(
  container: AnyContainer, latest: RuntimeContainer, probes: ProbeVerdicts,
): { message: string; reason: KillReason; changed: boolean } | undefined {
  if (latest.hash !== containerHash(container)) {
    return { message: `Container ${container.name} definition changed`, reason: '', changed: true }
  }
  if (probes.liveness(latest.id) === 'failure') {
    return { message: `Container ${container.name} failed liveness probe`, reason: 'LivenessProbe', changed: false }
  }
  if (probes.startup(latest.id) === 'failure') {
    return { message: `Container ${container.name} failed startup probe`, reason: 'StartupProbe', changed: false }
  }
  return undefined
}

function killUnknown(what: string, container: AnyContainer, latest: RuntimeContainer): ContainerToKill {
  return { id: latest.id, container, message: `${what} is in "unknown" state, try killing it before restart`, reason: 'Unknown' }
}
