/** The steps of a pod's life on the node. Upstream: pkg/kubelet/kubelet.go SyncPod, SyncTerminatingPod, SyncTerminatedPod. */
import type { Env } from '../base/env.ts'
import type { Pod, PodStatus, Secret, Service } from '../api/generated/types/core-v1.ts'
import { pods } from '../api/generated/resources.ts'
import { isStatus } from '../api/meta/errors.ts'
import { parseTime } from '../api/meta/time.ts'
import type { Client } from '../client/client.ts'
import { computePodActions, sandboxChanged } from './actions.ts'
import type { AllocationManager } from './allocation/manager.ts'
import { BackOff } from './back-off.ts'
import type { CgroupManager, PodCgroupValues } from './cgroups/manager.ts'
import type { DeviceManager } from './devices/manager.ts'
import type { DraManager } from './dra/manager.ts'
import type { HostFiles } from './host/contract.ts'
import type { ImageManager } from './images/manager.ts'
import type { ObjectCache } from './objects.ts'
import type { Pleg } from './pleg.ts'
import type { PodCertificates } from './pod-certificates/manager.ts'
import { isHostNetwork, isStaticPod, isTerminalPhase, podUid } from './pod.ts'
import type { PodStore } from './pod-store.ts'
import { restartingCondition } from './restart-all.ts'
import type { PodSyncer } from './pod-workers.ts'
import type { ProbeManager } from './probes/manager.ts'
import type { DownwardContext } from './runtime/downward.ts'
import type { PodRuntime, SyncOutcome } from './runtime/pod-runtime.ts'
import { type RuntimeIds, type RuntimePod, hasRunning } from './runtime/pod-status.ts'
import { type ResourceSettings, podCgroupResources } from './runtime/resources.ts'
import { isMirrorOf, mirrorOf } from './static-pods.ts'
import type { WaitingReason } from './status/containers.ts'
import { generatePodStatus } from './status/generate.ts'
import type { StatusManager } from './status/manager.ts'
import type { UserNamespaceManager } from './userns/manager.ts'
import type { TrustAnchors } from './volumes/trust-bundles.ts'
import type { TokenCache } from './volumes/tokens.ts'
import { type MountedVolume, VolumeError, type VolumeManager } from './volumes/manager.ts'

export interface PodSyncerEnv extends Env {
  readonly client: Client
  readonly store: PodStore
  readonly runtime: PodRuntime
  readonly pleg: () => Pleg
  readonly probes: ProbeManager
  readonly status: StatusManager
  readonly volumes: VolumeManager
  readonly tokens: TokenCache
  readonly trustAnchors: TrustAnchors
  readonly certificates: PodCertificates
  readonly objects: ObjectCache
  readonly images: ImageManager
  readonly restartBackOff: BackOff
  readonly cgroups: CgroupManager | undefined
  readonly allocation: AllocationManager
  readonly users: UserNamespaceManager
  readonly claims: DraManager
  readonly devices: Pick<DeviceManager, 'health'>
  readonly files: HostFiles
  readonly resources: ResourceSettings
  readonly hostIps: readonly string[]
  readonly kubeletStartedAt: number
  node(): { name: string; uid: string } | undefined
  networkErrors(): readonly string[]
  services(): readonly Service[]
  servicesSynced(signal: AbortSignal): Promise<void>
  podDir(uid: string): string
  downward(podIps: readonly string[]): DownwardContext
  emit(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void
}

const networkRetryMs = 1000
const failureRetryMs = 10_000
const deadlineReason = 'DeadlineExceeded'
const deadlineText = 'Pod was active on the node longer than the specified deadline'

export function createPodSyncer(env: PodSyncerEnv): PodSyncer {
  const volumeBackOff = new BackOff(env.clock, 500, 122_000)
  /** Why containers of a pod could not start, by UID and name. */
  const reasons = new Map<string, Map<string, WaitingReason>>()

  /** `known`: what it is sure to have, which spares the runtime a search. */
  async function read(pod: Pod, known?: RuntimeIds): Promise<RuntimePod> {
    const runtime = await env.runtime.read(identityOf(pod), known)
    env.pleg().observe(runtime)
    return runtime
  }

  /** A pod that was never worked on and that the runtime did not have has nothing there. */
  async function readFirst(pod: Pod): Promise<RuntimePod> {
    return env.pleg().hasNothingOf(podUid(pod)) ? env.runtime.read(identityOf(pod), { sandboxes: [], containers: [] }) : read(pod)
  }

  function generate(pod: Pod, runtime: RuntimePod, terminal: boolean): PodStatus {
    const uid = podUid(pod)
    const cgroup: PodCgroupValues | undefined = terminal ? undefined : env.cgroups?.readPod(pod)
    const status = generatePodStatus({
      cgroup, actuated: env.allocation.actuated(uid), resizeConditions: env.allocation.conditions(uid),
      pod, runtime, terminal, old: env.status.get(uid) ?? env.store.apiPod(uid)?.status ?? pod.status ?? {},
      probes: env.probes.view(uid), hostIps: env.hostIps, kubeletStartedAt: env.kubeletStartedAt,
      waitingReason: (name) => reasons.get(uid)?.get(name), deviceHealth: (container) => [...env.devices.health(uid, container.name), ...env.claims.health(pod, container)],
    })
    // However its containers end, a pod that overran its time has failed.
    const overdue = !isTerminalPhase(pod.status?.phase) && (deadlineLeft(pod, status) ?? 1) <= 0
    return overdue ? { ...status, phase: 'Failed', reason: deadlineReason, message: deadlineText } : status
  }

  function remember(pod: Pod, outcome: SyncOutcome): void {
    const own = reasons.get(podUid(pod)) ?? new Map<string, WaitingReason>()
    for (const name of outcome.started) own.delete(name)
    for (const { container, reason, message } of outcome.failures) own.set(container, { reason, message })
    reasons.set(podUid(pod), own)
  }

  /** ms of the pod's own deadline that are left; undefined: it has none. */
  function deadlineLeft(pod: Pod, status: PodStatus): number | undefined {
    const seconds = pod.spec!.activeDeadlineSeconds
    const started = parseTime(env.status.get(podUid(pod))?.startTime ?? pod.status?.startTime ?? status.startTime ?? '')
    return seconds === undefined || started === undefined ? undefined : started + seconds * 1000 - env.clock.now()
  }

  async function mountVolumes(pod: Pod, runtime: RuntimePod): Promise<Map<string, MountedVolume>> {
    const key = podUid(pod)
    try {
      const podIps = isHostNetwork(pod) ? env.hostIps : runtime.ips
      const mounted = await env.volumes.mount(pod, {
        objects: env.objects, downward: env.downward(podIps), token: (owner, spec) => env.tokens.get(owner, spec),
        trustAnchors: env.trustAnchors, certificate: (owner, volume, source) => env.certificates.bundle(owner, volume, source),
      })
      volumeBackOff.forget(key)
      return mounted
    } catch (error) {
      volumeBackOff.next(key, env.clock.now())
      for (const failure of error instanceof AggregateError ? error.errors : [error]) {
        if (failure instanceof VolumeError && failure.reason !== undefined) env.emit(pod, 'Warning', failure.reason, failure.message)
      }
      throw error
    }
  }

  async function pullSecrets(pod: Pod): Promise<Secret[]> {
    const found = await Promise.all((pod.spec!.imagePullSecrets ?? []).map(({ name }) => env.objects.secret(pod.metadata.namespace!, name ?? '')))
    return found.filter((secret) => secret !== undefined)
  }

  /** The API server is shown a static pod by a copy of it. */
  async function ensureMirror(pod: Pod): Promise<void> {
    const mirror = env.store.mirrorOf(pod)
    const key = { name: pod.metadata.name!, namespace: pod.metadata.namespace! }
    try {
      if (mirror !== undefined && (mirror.metadata.deletionTimestamp !== undefined || !isMirrorOf(mirror, pod))) {
        await env.client.delete(pods, key, { gracePeriodSeconds: 0, preconditions: { uid: podUid(mirror) } })
      } else if (mirror !== undefined) return
      await env.client.create(pods, mirrorOf(pod, env.node()))
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists') && !isStatus(error, 'NotFound')) env.log.warn('mirror pod was not made', { pod: key, error })
    }
  }

  async function prepare(pod: Pod, signal: AbortSignal): Promise<void> {
    env.objects.register(pod)
    env.certificates.track(pod)
    const dir = env.podDir(podUid(pod))
    await Promise.all([
      env.files.makeDir(`${dir}/containers`, 0o750), env.files.makeDir(`${dir}/volumes`, 0o750),
      env.cgroups?.ensurePod(pod, podCgroupResources(pod, env.resources)),
      isStaticPod(pod) ? ensureMirror(pod) : env.servicesSynced(signal),
    ])
  }

  async function prepareClaims(pod: Pod): Promise<void> {
    try {
      await env.claims.prepare(pod)
    } catch (error) {
      env.emit(pod, 'Warning', 'FailedPrepareDynamicResources', `Failed to prepare dynamic resources: ${(error as Error).message}`)
      throw error
    }
  }

  function retryAfter(pod: Pod, runtime: RuntimePod, outcome: SyncOutcome, deadline: number | undefined): number | undefined {
    const waits = outcome.failures.map(({ retryAfterMs }) => Math.max(100, retryAfterMs ?? failureRetryMs))
    if (outcome.resizeError !== undefined) waits.push(failureRetryMs)
    if (deadline !== undefined) waits.push(Math.max(0, deadline))
    if (outcome.changed && outcome.failures.length === 0) {
      const next = computePodActions(pod, runtime, env.probes, env.allocation.actuated(podUid(pod)))
      if (next.initContainersToStart.length + next.containersToStart.length > 0 || isRestartingAll(env.status.get(podUid(pod)))) waits.push(0)
    }
    return waits.length === 0 ? undefined : Math.min(...waits)
  }

  return {
    async sync(asked, first, signal) {
      const pod = env.allocation.granted(asked)
      let runtime = first ? await readFirst(pod) : await read(pod)
      env.allocation.settle(pod, runtime)
      const status = generate(pod, runtime, false)
      if (status.reason === deadlineReason && env.status.get(podUid(pod))?.reason !== deadlineReason) env.emit(pod, 'Normal', deadlineReason, deadlineText)
      env.status.set(pod, status)
      // An answer that is not there yet is asked for now.
      if (status.containerStatuses?.some(({ state, ready }) => state?.running !== undefined && !ready) === true) env.probes.nudge(podUid(pod))
      if (isTerminalPhase(status.phase)) return { terminal: true }
      const deadline = deadlineLeft(pod, status)
      const networkErrors = isHostNetwork(pod) ? [] : env.networkErrors()
      if (networkErrors.length > 0) {
        env.emit(pod, 'Warning', 'NetworkNotReady', `network is not ready: ${networkErrors.join(', ')}`)
        return { terminal: false, retryAfterMs: networkRetryMs }
      }
      await prepare(pod, signal)
      signal.throwIfAborted()
      let volumes: Map<string, MountedVolume>
      try {
        volumes = await mountVolumes(pod, runtime)
      } catch (error) {
        env.log.debug('volumes were not mounted', { pod: pod.metadata.name, error })
        return { terminal: false, retryAfterMs: volumeBackOff.remaining(podUid(pod)) }
      }
      if (sandboxChanged(pod, runtime).changed) await prepareClaims(pod)
      const secrets = await pullSecrets(pod)
      signal.throwIfAborted()
      env.probes.add(pod)
      const outcome = await env.runtime.sync({
        pod, status: runtime, probes: env.probes, actuated: env.allocation.actuated(podUid(pod)), volumes,
        restartAll: isRestartingAll(status), services: env.services(), objects: env.objects, pullSecrets: secrets,
        hostIps: env.hostIps, signal, onSandboxReady: () => undefined,
      })
      signal.throwIfAborted()
      remember(pod, outcome)
      if (outcome.changed || outcome.failures.length > 0) {
        runtime = await read(pod, outcome.made === undefined ? undefined : withMade(runtime, outcome.made))
        if (outcome.resizeError === undefined) env.allocation.settle(pod, runtime)
        else env.allocation.failed(pod, outcome.resizeError)
        const after = generate(pod, runtime, false)
        env.status.set(pod, after)
        env.probes.nudge(podUid(pod))
        if (isTerminalPhase(after.phase)) return { terminal: true }
      }
      if (outcome.error !== undefined) throw outcome.error
      return { terminal: false, retryAfterMs: retryAfter(pod, runtime, outcome, deadline) }
    },

    async terminating(asked, grace, changeStatus, signal) {
      const pod = env.allocation.granted(asked)
      const uid = podUid(pod)
      const before = await read(pod)
      const status = generate(pod, before, false)
      env.status.set(pod, changeStatus === undefined ? status : changeStatus(status))
      if (grace === undefined || grace > 0) env.probes.stopLivenessAndStartup(uid)
      else env.probes.remove(uid)
      const killed = env.runtime.kill(pod, before, grace)
      const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }))
      // A kill with a longer period goes on in the back; the next overtakes it.
      killed.catch(() => undefined)
      aborted.catch(() => undefined)
      await Promise.race([killed, aborted])
      env.probes.remove(uid)
      const after = await read(pod)
      if (!hasRunning(after)) await env.claims.unprepare(uid)
      if (hasRunning(after)) throw new Error('detected running containers after a successful termination')
      env.status.set(pod, generate(pod, after, true))
    },

    async terminatingRuntime(ref) {
      await env.runtime.kill(undefined, await env.runtime.read(ref), 1)
    },

    async terminated(asked) {
      const pod = env.allocation.granted(asked)
      const uid = podUid(pod)
      env.status.set(pod, generate(pod, await read(pod), true))
      await env.volumes.unmount(uid)
      env.objects.unregister(uid)
      env.tokens.forget(uid)
      env.certificates.forget(uid)
      env.images.forget(uid)
      env.restartBackOff.forget(`${uid}_`)
      volumeBackOff.forget(uid)
      reasons.delete(uid)
      await env.cgroups?.removePod(uid)
      await env.users.release(uid)
      env.status.terminate(pod)
    },
  }
}

function identityOf({ metadata: { uid, name, namespace } }: Pod): { uid: string; name: string; namespace: string } {
  return { uid: uid!, name: name!, namespace: namespace! }
}

/** What was there, and what has been made since. */
function withMade(before: RuntimePod, made: RuntimeIds): RuntimeIds {
  return {
    sandboxes: [...new Set([...made.sandboxes, ...before.sandboxes.map(({ id }) => id)])],
    containers: [...made.containers, ...before.containers.map(({ id, sandboxId = '' }) => ({ id, sandboxId }))],
  }
}

function isRestartingAll(status: PodStatus | undefined): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === restartingCondition && value === 'True') === true
}
