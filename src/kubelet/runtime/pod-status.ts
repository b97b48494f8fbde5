/** A pod as the runtime has it: sandboxes and containers, newest first, read from CRI. Times are ms since the epoch. */
import type {
  ContainerStatus as CriContainerStatus, LinuxResources, NamespaceMode, RuntimeService, SandboxState, SandboxStatus,
} from '../cri/contract.ts'
import { isCriNotFound } from '../cri/contract.ts'
import { readContainerRecord } from './labels.ts'

export type ContainerRunState = 'created' | 'running' | 'exited' | 'unknown'

export interface RuntimeContainer {
  readonly id: string
  readonly sandboxId?: string
  readonly name: string
  readonly state: ContainerRunState
  readonly createdAt: number
  readonly startedAt: number
  readonly finishedAt: number
  readonly exitCode: number
  readonly reason: string
  readonly message: string
  readonly image: string
  readonly imageId: string
  readonly imageRef: string
  readonly hash: string
  readonly restartCount: number
  readonly logPath: string
  readonly resources?: LinuxResources
  readonly user?: { uid: number; gid: number; supplementalGroups: number[] }
  readonly stopSignal?: string
}

export interface RuntimeSandbox {
  readonly id: string
  readonly attempt: number
  readonly state: SandboxState
  readonly createdAt: number
  /** undefined when the runtime reports no network at all. */
  readonly ips?: readonly string[]
  readonly networkMode: NamespaceMode
}

export interface RuntimePod {
  /** "containerd", "cri-o". */
  readonly runtimeName?: string
  readonly uid: string
  readonly name: string
  readonly namespace: string
  /** Of the newest ready sandbox. */
  readonly ips: readonly string[]
  readonly sandboxes: readonly RuntimeSandbox[]
  readonly containers: readonly RuntimeContainer[]
  /** Names of containers that belong to the newest sandbox. */
  readonly active: ReadonlySet<string>
}

/** The newest container of that name. */
export function latestContainer(pod: RuntimePod, name: string): RuntimeContainer | undefined {
  return pod.containers.find((container) => container.name === name)
}

export function hasRunning(pod: RuntimePod): boolean {
  return pod.containers.some((container) => container.state === 'running')
}

/** What reads the termination message of a dead container; files are the host's affair. */
export type ReadTerminationMessage = (status: CriContainerStatus, path: string, policy: string) => Promise<string>

/** Names of a pod's sandboxes and containers in the runtime. */
export interface RuntimeIds {
  readonly sandboxes: readonly string[]
  readonly containers: readonly { readonly id: string; readonly sandboxId: string }[]
}

/** Reads sandboxes and containers by id; what has vanished meanwhile is left out. */
export async function readRuntimePod(
  runtime: RuntimeService, identity: { uid: string; name: string; namespace: string },
  ids: RuntimeIds, readMessage: ReadTerminationMessage,
): Promise<RuntimePod> {
  const [sandboxes, containers] = await Promise.all([
    present(ids.sandboxes.map((id) => runtime.podSandboxStatus(id))),
    present(ids.containers.map(async ({ id, sandboxId }) => convertContainer(await runtime.containerStatus(id), sandboxId, readMessage))),
  ])
  const newest = sandboxes.map(convertSandbox).sort((a, b) => b.createdAt - a.createdAt)
  const current = newest[0]
  const ordered = containers.filter((c) => c !== undefined).sort((a, b) => b.createdAt - a.createdAt)
  return {
    ...identity, sandboxes: newest, containers: ordered,
    ips: current?.state === 'SANDBOX_READY' ? (current.ips ?? []) : [],
    active: new Set(ordered.filter((c) => c.sandboxId === current?.id).map((c) => c.name)),
  }
}

async function present<T>(reads: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(reads)
  const found: T[] = []
  for (const result of results) {
    if (result.status === 'fulfilled') found.push(result.value)
    else if (!isCriNotFound(result.reason)) throw result.reason
  }
  return found
}

export function convertSandbox(status: SandboxStatus): RuntimeSandbox {
  const network = status.network
  const ips = network === null ? undefined : [network.ip, ...network.additionalIps.map(({ ip }) => ip)].filter((ip) => ip !== '')
  return {
    id: status.id, attempt: status.metadata.attempt, state: status.state, createdAt: status.createdAt / 1e6, ips,
    networkMode: status.linux?.namespaces?.options?.network ?? 'POD',
  }
}

const states: Readonly<Record<string, ContainerRunState>> = {
  CONTAINER_CREATED: 'created', CONTAINER_RUNNING: 'running', CONTAINER_EXITED: 'exited', CONTAINER_UNKNOWN: 'unknown',
}

async function convertContainer(
  status: CriContainerStatus, sandboxId: string, readMessage: ReadTerminationMessage,
): Promise<RuntimeContainer | undefined> {
  const record = readContainerRecord(status)
  if (record === undefined) return undefined
  const state = states[status.state] ?? 'unknown'
  const exited = state === 'exited'
  let message = exited ? status.message : ''
  if (exited) {
    const text = await readMessage(status, record.terminationMessagePath, record.terminationMessagePolicy)
    if (text !== '') message = message === '' ? text : `${message}: ${text}`
  }
  return {
    id: status.id, sandboxId, name: record.name, state,
    createdAt: status.createdAt / 1e6,
    startedAt: state === 'created' ? 0 : status.startedAt / 1e6,
    finishedAt: exited ? status.finishedAt / 1e6 : 0,
    exitCode: exited ? status.exitCode : 0, reason: exited ? status.reason : '', message,
    image: status.image?.image ?? '', imageId: status.imageId === '' ? status.imageRef : status.imageId, imageRef: status.imageRef,
    hash: record.hash, restartCount: record.restartCount, logPath: status.logPath,
    resources: status.resources?.linux ?? undefined,
    user: status.user?.linux ?? undefined,
    stopSignal: status.stopSignal === '' || status.stopSignal === 'RUNTIME_DEFAULT' ? undefined : status.stopSignal,
  }
}
