/** Carries out what computePodActions asks for, through CRI. Upstream: kuberuntime_manager.go SyncPod, KillPod. */
import type { Clock, Logger, Random } from '../../base/env.ts'
import type { Pod, Secret, Service } from '../../api/generated/types/core-v1.ts'
import { type PodActions, type ProbeVerdicts, computePodActions } from '../actions.ts'
import { type Actuated, needsResize } from '../allocation/plan.ts'
import type { BackOff } from '../back-off.ts'
import { type Cri, type LinuxResources, type SandboxConfig, errorDetails, isCriNotFound } from '../cri/contract.ts'
import type { DeviceAllocation } from '../devices/contract.ts'
import type { Host } from '../host/contract.ts'
import { type ImageManager, StartError, imageUser } from '../images/manager.ts'
import { type AnyContainer, formatPod, isHostNetwork, isRestartableInit, podUid } from '../pod.ts'
import { type UserNamespaceManager, containerWithUsers, sandboxWithUsers } from '../userns/manager.ts'
import type { MountedVolume } from '../volumes/manager.ts'
import { secureJoin } from '../volumes/secure-join.ts'
import { containerConfig, podLogDirectory, sandboxConfig } from './config.ts'
import { type DnsSettings, podDns } from './dns.ts'
import type { DownwardContext } from './downward.ts'
import { type ObjectReader, makeEnvironment } from './environment.ts'
import type { HookRunner } from './hooks.ts'
import { kernelHostname, podHostname } from './hosts-file.ts'
import { type EmitContainerEvent, type KillEnv, killContainer, killContainers } from './kill.ts'
import { containerHash, containerNameLabel, podUidLabel } from './labels.ts'
import { makeDevices, makeMounts } from './mounts.ts'
import {
  type ReadTerminationMessage, type RuntimeIds, type RuntimePod, convertSandbox, latestContainer, readRuntimePod,
} from './pod-status.ts'
import type { ResourceSettings } from './resources.ts'
import { type ResizeEnv, recordStart, resizePod } from './resize.ts'
import { type SecuritySettings, verifyNonRoot } from './security.ts'

export interface PodRuntimeSettings {
  readonly podLogsDir: string
  /** Folder of links to all container logs; undefined: none. */
  readonly containerLogsDir: string | undefined
  readonly clusterDomain: string
  readonly resources: ResourceSettings
  readonly security: SecuritySettings
  podDir(uid: string): string
  cgroupParent(pod: Pod): string | undefined
  runtimeHandler(pod: Pod): Promise<string>
  dns(): Promise<DnsSettings>
  downward(podIps: readonly string[]): DownwardContext
}

export interface PodRuntimeEnv {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly cri: Cri
  readonly host: Host
  readonly images: ImageManager
  readonly hooks: HookRunner
  readonly restartBackOff: BackOff
  readonly readMessage: ReadTerminationMessage
  readonly emit: EmitContainerEvent
  readonly resize: ResizeEnv
  readonly users: UserNamespaceManager
  /** What ids of containers begin with. */
  runtimeName(): string | undefined
  /** What device plugins add to a container. */
  devices(pod: Pod, container: string): Promise<readonly DeviceAllocation[]>
  /** The CPUs and NUMA nodes that a container is confined to. */
  confine(pod: Pod, container: AnyContainer): Pick<LinuxResources, 'cpusetCpus' | 'cpusetMems'>
  /** A container runs that was confined. */
  confined(pod: Pod, container: AnyContainer): void
  /** CDI names of claimed devices. */
  claimedDevices(pod: Pod, container: AnyContainer): readonly string[]
  emitPod(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void
}

/** What one sync needs beside the pod. */
export interface SyncInput {
  readonly pod: Pod
  readonly status: RuntimePod
  readonly probes: ProbeVerdicts
  readonly actuated: Actuated
  /** A container's end has all of them started again. */
  readonly restartAll: boolean
  readonly volumes: ReadonlyMap<string, MountedVolume>
  readonly services: readonly Service[]
  readonly objects: ObjectReader
  readonly pullSecrets: readonly Secret[]
  readonly hostIps: readonly string[]
  readonly signal: AbortSignal
  /** The sandbox is up: the pod has its addresses. */
  onSandboxReady(): void
}

export interface ContainerStartFailure {
  readonly container: string
  readonly reason: string
  readonly message: string
  readonly retryAfterMs: number | undefined
}

export interface SyncOutcome {
  /** Something was started or ended. */
  readonly changed: boolean
  readonly failures: readonly ContainerStartFailure[]
  /** Containers that were started or needed no start. */
  readonly started: readonly string[]
  /** A failure of the pod as a whole. */
  readonly error: Error | undefined
  /** Why containers could not be given other resources. */
  readonly resizeError: string | undefined
  /** What was made in the runtime; undefined when not all of it is known. */
  readonly made: RuntimeIds | undefined
}

export interface PodRuntime {
  sync(input: SyncInput): Promise<SyncOutcome>
  /** Ends containers, then sandboxes. */
  kill(pod: Pod | undefined, status: RuntimePod, graceOverride?: number): Promise<void>
  /** Reads a pod afresh: what the runtime lists of it, or these. */
  read(identity: { uid: string; name: string; namespace: string }, ids?: RuntimeIds): Promise<RuntimePod>
  removeContainer(id: string, logPath: string | undefined): Promise<void>
  removeSandbox(id: string): Promise<void>
}

interface SandboxToUse {
  readonly id: string
  readonly config: SandboxConfig
  readonly ips: readonly string[]
}

interface Outcome {
  readonly failures: ContainerStartFailure[]
  readonly started: string[]
  readonly sandboxes: string[]
  readonly containers: { id: string; sandboxId: string }[]
  resized: boolean
  resizeError: string | undefined
}

export function createPodRuntime(env: PodRuntimeEnv, settings: PodRuntimeSettings): PodRuntime {
  const { runtime } = env.cri
  const killEnv: KillEnv = { clock: env.clock, runtime, hooks: env.hooks, emit: env.emit }

  async function kill(pod: Pod | undefined, status: RuntimePod, graceOverride?: number): Promise<void> {
    await killContainers(killEnv, pod, status, graceOverride)
    for (const sandbox of status.sandboxes) {
      try {
        await runtime.stopPodSandbox(sandbox.id)
      } catch (error) {
        if (!isCriNotFound(error)) throw error
      }
    }
  }

  const usersOf = async (pod: Pod) => (pod.spec!.hostUsers === false ? env.users.of(pod, await settings.runtimeHandler(pod)) : undefined)

  async function sandboxConfigOf(pod: Pod, attempt: number): Promise<SandboxConfig> {
    const dns = podDns(pod, await settings.dns())
    for (const warning of dns.warnings) env.emitPod(pod, 'Warning', 'DNSConfigForming', warning)
    if (dns.missingClusterDns) {
      env.emitPod(pod, 'Warning', 'MissingClusterDNS', `pod: "${formatPod(pod)}". kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.`)
    }
    const hostname = isHostNetwork(pod) ? '' : kernelHostname(pod, podHostname(pod, settings.clusterDomain))
    const config = sandboxConfig({
      pod, attempt, hostname, dns: dns.config, podLogsDir: settings.podLogsDir, cgroupParent: settings.cgroupParent(pod), resources: settings.resources,
    })
    return sandboxWithUsers(config, await usersOf(pod))
  }

  async function createSandbox(pod: Pod, config: SandboxConfig, signal: AbortSignal): Promise<{ id: string; ips: readonly string[] }> {
    await env.host.files.makeDir(config.logDirectory, 0o755)
    const id = await runtime.runPodSandbox(config, await settings.runtimeHandler(pod), signal)
    return { id, ips: convertSandbox(await runtime.podSandboxStatus(id)).ips ?? [] }
  }

  /** Old init containers would be taken for those of the new sandbox. */
  async function purgeInitContainers(pod: Pod, status: RuntimePod): Promise<void> {
    const names = new Set((pod.spec!.initContainers ?? []).map(({ name }) => name))
    for (const container of status.containers) if (names.has(container.name)) await removeContainer(container.id, undefined)
  }

  async function removeContainer(id: string, logPath: string | undefined): Promise<void> {
    try {
      await runtime.removeContainer(id)
    } catch (error) {
      if (!isCriNotFound(error)) throw error
    }
    if (logPath !== undefined && logPath !== '') await env.host.files.remove(logPath)
  }

  async function restartCountOf(pod: Pod, container: AnyContainer, status: RuntimePod): Promise<number> {
    const latest = latestContainer(status, container.name)
    if (latest !== undefined) return latest.restartCount + 1
    // The runtime may have forgotten it; its logs have not.
    const logs = await env.host.files.list(`${podLogDirectory(settings.podLogsDir, pod.metadata)}/${container.name}`)
    const counts = logs.flatMap((name) => /^(\d+)\.log/.exec(name)?.[1] ?? []).map(Number)
    return counts.length === 0 ? 0 : Math.max(...counts) + 1
  }

  function checkBackOff(pod: Pod, container: AnyContainer, status: RuntimePod): void {
    const exited = status.containers.find(({ name, state }) => name === container.name && state === 'exited')
    if (exited === undefined) return
    // Of what is to run now: another image starts without the old one's delays.
    const key = `${podUid(pod)}_${container.name}_${containerHash(container)}`
    const remaining = env.restartBackOff.remainingSince(key, exited.finishedAt)
    if (remaining <= 0) return env.restartBackOff.next(key, exited.finishedAt)
    env.emit(pod, container.name, 'Warning', 'BackOff', `Back-off restarting failed container ${container.name} in pod ${formatPod(pod)}`)
    const delay = goSeconds(env.restartBackOff.delay(key))
    throw new StartError('CrashLoopBackOff', `back-off ${delay} restarting failed container=${container.name} pod=${formatPod(pod)}`, remaining)
  }

  async function startContainer(input: SyncInput, container: AnyContainer, sandbox: SandboxToUse, outcome: Outcome): Promise<void> {
    const { pod, status, signal } = input
    const warn = (message: string) => env.emit(pod, container.name, 'Warning', 'Failed', `Error: ${message}`)
    checkBackOff(pod, container, status)
    const emit = env.emit.bind(undefined, pod, container.name)
    let image
    try {
      image = await env.images.ensure({
        pod, image: container.image ?? '', policy: container.imagePullPolicy, secrets: input.pullSecrets, sandbox: sandbox.config, emit, signal,
      })
    } catch (error) {
      if (error instanceof StartError) warn(error.reason)
      throw error
    }
    const restartCount = await restartCountOf(pod, container, status)
    const fail = (reason: string) => (error: unknown): never => {
      if (signal.aborted) throw error
      const details = errorDetails(error)
      warn(details)
      throw new StartError(reason, details)
    }
    const config = await generate(input, container, sandbox.ips, restartCount, image.id, imageUser(image)).catch(fail('CreateContainerConfigError'))
    const id = await runtime.createContainer(sandbox.id, config, sandbox.config, signal).catch(fail('CreateContainerError'))
    outcome.containers.push({ id, sandboxId: sandbox.id })
    emit('Normal', 'Created', 'Container created')
    recordStart(env.resize.actuated, pod, container)
    env.confined(pod, container)
    await runtime.startContainer(id, signal).catch(fail('RunContainerError'))
    emit('Normal', 'Started', 'Container started')
    await linkLog(pod, container, id, `${sandbox.config.logDirectory}/${config.logPath}`)
    const postStart = container.lifecycle?.postStart
    if (postStart === undefined) return
    try {
      await env.hooks.run(postStart, { pod, container, containerId: id, podIp: sandbox.ips[0] }, signal)
    } catch (error) {
      if (signal.aborted) throw error
      emit('Warning', 'FailedPostStartHook', 'PostStartHook failed')
      await killContainer(killEnv, {
        pod, containerId: id, containerName: container.name, message: 'FailedPostStartHook', reason: '', podIp: sandbox.ips[0],
      }).catch((failure: unknown) => env.log.warn('container was not killed', { container: container.name, error: failure }))
      throw new StartError('PostStartHookError', (error as Error).message)
    }
  }

  async function generate(
    input: SyncInput, container: AnyContainer, ips: readonly string[], restartCount: number, imageRef: string, user: { uid?: number; username?: string },
  ) {
    const { pod, status } = input
    verifyNonRoot(pod, container, user)
    const podIps = isHostNetwork(pod) ? input.hostIps : ips
    const claimed = env.claimedDevices(pod, container).map((name) => ({ name }))
    const allocations = [...(await env.devices(pod, container.name)), { envs: {}, mounts: [], devices: [], annotations: {}, cdiDevices: claimed }]
    const environment = await makeEnvironment(pod, container, settings.downward(podIps), input.services, input.objects, (name, path) => readVolumeFile(input, name, path))
    const podDir = settings.podDir(podUid(pod))
    const mounts = await makeMounts(env.host.files, env.host.mounts, {
      pod, container, podDir, volumes: input.volumes, env: environment, podIps, hostname: podHostname(pod, settings.clusterDomain),
      unique: Buffer.from(env.random.bytes(4)).toString('hex'),
    })
    await env.host.files.makeDir(`${podLogDirectory(settings.podLogsDir, pod.metadata)}/${container.name}`, 0o755)
    const config = containerConfig({
      pod, container, restartCount, imageRef, imageUser: user, env: environment, mounts, devices: makeDevices(container, input.volumes), allocations, resources: settings.resources, security: settings.security,
      targetId: targetOf(pod, container, status),
    })
    config.linux = { ...config.linux, resources: { ...config.linux.resources, ...env.confine(pod, container) } }
    return containerWithUsers(config, await usersOf(pod))
  }

  /** A file of a volume that an environment variable is read from. */
  async function readVolumeFile(input: SyncInput, name: string, path: string): Promise<{ path: string; text: string | undefined }> {
    const volume = input.volumes.get(name)
    if (volume === undefined) throw new Error(`cannot find the volume "${name}" referenced by FileKeyRef`)
    const file = await secureJoin(env.host.files, volume.path, path)
    return { path: file, text: await env.host.files.readText(file) }
  }

  async function linkLog(pod: Pod, container: AnyContainer, id: string, logPath: string): Promise<void> {
    if (settings.containerLogsDir === undefined) return
    const { files } = env.host
    try {
      await files.makeDir(settings.containerLogsDir, 0o755)
      const link = `${settings.containerLogsDir}/${pod.metadata.name}_${pod.metadata.namespace}_${container.name}-${id}.log`
      if ((await files.lstat(link)) === undefined) await files.symlink(logPath, link)
    } catch (error) {
      env.log.warn('log was not linked', { path: logPath, error })
    }
  }

  async function prepareSandbox(input: SyncInput, actions: PodActions): Promise<SandboxToUse> {
    const { pod, status, signal } = input
    if (!actions.createSandbox) {
      return { id: actions.sandboxId!, config: await sandboxConfigOf(pod, actions.attempt), ips: status.ips }
    }
    if (actions.sandboxId !== undefined) env.emitPod(pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.')
    const config = await sandboxConfigOf(pod, actions.attempt)
    try {
      const made = await createSandbox(pod, config, signal)
      env.resize.actuated.setPodLevel(podUid(pod), pod.spec!.resources)
      input.onSandboxReady()
      return { ...made, config }
    } catch (error) {
      if (!signal.aborted) env.emitPod(pod, 'Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${(error as Error).message}`)
      throw error
    }
  }

  async function startAll(input: SyncInput, actions: PodActions, outcome: Outcome): Promise<void> {
    const first = [...actions.ephemeralContainersToStart, ...actions.initContainersToStart]
    const sandbox = first.length + actions.containersToStart.length === 0 ? undefined : await prepareSandbox(input, actions)
    if (sandbox !== undefined) outcome.sandboxes.push(sandbox.id)
    if (!(await startSome(input, actions, first, sandbox, outcome))) return
    if (needsResize(actions.resize)) {
      outcome.resized = true
      try {
        await resizePod(env.resize, input.pod, actions.sandboxId!, actions.resize)
      } catch (error) {
        outcome.resizeError = (error as Error).message
      }
    }
    await startSome(input, actions, actions.containersToStart, sandbox, outcome)
  }

  /** Answers false when what comes after must wait. */
  async function startSome(
    input: SyncInput, actions: PodActions, toStart: readonly AnyContainer[], sandbox: SandboxToUse | undefined, outcome: Outcome,
  ): Promise<boolean> {
    for (const container of toStart) {
      try {
        await startContainer(input, container, sandbox!, outcome)
        outcome.started.push(container.name)
      } catch (error) {
        if (!(error instanceof StartError)) throw error
        outcome.failures.push({ container: container.name, reason: error.reason, message: error.message, retryAfterMs: error.retryAfterMs })
        const init = actions.initContainersToStart.includes(container)
        if (init && !isRestartableInit(container)) return false
      }
    }
    return true
  }

  return {
    kill,
    async sync(input) {
      const { pod, status } = input
      const actions = computePodActions(pod, status, input.probes, input.actuated, input.restartAll)
      const outcome: Outcome = { failures: [], started: [], sandboxes: [], containers: [], resized: false, resizeError: undefined }
      let changed = false
      let error: Error | undefined
      try {
        for (const { id, container, kill: alive } of actions.containersToReset) {
          changed = true
          if (alive) await killContainer(killEnv, { pod, containerId: id, containerName: container.name, message: 'killing', reason: 'RestartAllContainers', graceOverride: 0, podIp: status.ips[0] })
          await removeContainer(id, undefined)
        }
        if (actions.containersToReset.length > 0) return { changed, error, made: undefined, failures: [], started: [], resizeError: undefined }
        if (actions.killPod) {
          const alive = status.sandboxes.some(({ state }) => state === 'SANDBOX_READY') || status.containers.some(({ state }) => state === 'running')
          changed = alive
          if (alive || actions.createSandbox) await kill(pod, status)
          if (actions.createSandbox) await purgeInitContainers(pod, status)
        } else {
          for (const { id, container, message, reason } of actions.containersToKill) {
            changed = true
            await killContainer(killEnv, { pod, containerId: id, containerName: container.name, message, reason, podIp: status.ips[0] })
          }
        }
        await startAll(input, actions, outcome)
      } catch (failure) {
        error = failure as Error
      }
      const { sandboxes, containers, ...told } = outcome
      // A call that failed may have left something behind: then the runtime is asked what there is.
      const made = error === undefined && outcome.failures.length === 0 ? { sandboxes, containers } : undefined
      return { changed: changed || actions.createSandbox || outcome.resized || outcome.started.length > 0, error, made, ...told }
    },
    async read(identity, ids) {
      if (ids !== undefined) return { ...(await readRuntimePod(runtime, identity, ids, env.readMessage)), runtimeName: env.runtimeName() }
      const filter = { labelSelector: { [podUidLabel]: identity.uid } }
      const [sandboxes, containers] = await Promise.all([runtime.listPodSandbox(filter), runtime.listContainers(filter)])
      const read = await readRuntimePod(runtime, identity, {
        sandboxes: sandboxes.map(({ id }) => id),
        containers: containers.filter(({ labels }) => labels[containerNameLabel] !== undefined).map(({ id, podSandboxId }) => ({ id, sandboxId: podSandboxId })),
      }, env.readMessage)
      return { ...read, runtimeName: env.runtimeName() }
    },
    removeContainer,
    async removeSandbox(id) {
      try {
        await runtime.stopPodSandbox(id)
        await runtime.removePodSandbox(id)
      } catch (error) {
        if (!isCriNotFound(error)) throw error
      }
    },
  }
}

/** The container whose processes an ephemeral container asked to see. */
function targetOf(pod: Pod, container: AnyContainer, status: RuntimePod): string | undefined {
  const ephemeral = pod.spec!.ephemeralContainers?.find(({ name }) => name === container.name)
  const target = ephemeral?.targetContainerName ?? ''
  if (target === '') return undefined
  const found = latestContainer(status, target)
  if (found === undefined) throw new Error(`unable to find target container "${target}"`)
  return found.id
}

/** Go's print of a duration of whole seconds: "10s", "2m40s". */
function goSeconds(ms: number): string {
  const seconds = Math.round(ms / 1000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}
