/** The API's container statuses from what the runtime has. Pure. Upstream: kubelet_pods.go convertToAPIContainerStatuses. */
import type { ContainerState, ContainerStatus, Pod, PodStatus } from '../../api/generated/types/core-v1.ts'
import { formatTime } from '../../api/meta/time.ts'
import type { Actuated } from '../allocation/plan.ts'
import { anyRegularCreated, shouldContainerBeRestarted } from '../actions.ts'
import { restartingReason, shouldAllRestart } from '../restart-all.ts'
import { type AnyContainer, type ContainerKind, ephemeralContainers, initContainers, isRestartableInit, statusOf } from '../pod.ts'
import { type RuntimeContainer, type RuntimePod, latestContainer } from '../runtime/pod-status.ts'
import { containerStatusResources } from './resources.ts'

export interface WaitingReason {
  readonly reason: string
  readonly message: string
}

export interface ContainerStatusInput {
  readonly pod: Pod
  readonly runtime: RuntimePod
  /** What was last reported. */
  readonly old: PodStatus
  /** Why the last attempt to start it failed. */
  waitingReason(containerName: string): WaitingReason | undefined
  readonly actuated: Actuated
}

const unknownReason = 'ContainerStatusUnknown'
/** "containerd://<id>", "cri-o://<id>". */
function containerIdText(runtime: RuntimePod, id: string): string {
  return `${runtime.runtimeName ?? 'containerd'}://${id}`
}

/** The runtime's id from the API's. */
export function parseContainerId(text: string | undefined): string {
  return text === undefined ? '' : text.slice(text.indexOf('://') + 3)
}

export function containerStatuses(input: ContainerStatusInput, kind: ContainerKind): ContainerStatus[] {
  const { pod, old } = input
  const containers = kind === 'init' ? initContainers(pod) : kind === 'regular' ? pod.spec!.containers : ephemeralContainers(pod)
  const previous = (kind === 'init' ? old.initContainerStatuses : kind === 'regular' ? old.containerStatuses : old.ephemeralContainerStatuses) ?? []
  const statuses = containers.map((container) => oneStatus(input, container, kind, statusOf(previous, container.name)))
  return kind === 'init' ? statuses : statuses.sort((a, b) => (a.name < b.name ? -1 : 1))
}

function oneStatus(input: ContainerStatusInput, container: AnyContainer, kind: ContainerKind, old: ContainerStatus | undefined): ContainerStatus {
  const seen = input.runtime.containers.filter((c) => c.name === container.name)
  const latest = seen[0]
  let status: ContainerStatus
  if (latest === undefined) {
    status = unseenStatus(input, container, old, kind !== 'ephemeral' && shouldAllRestart(input.pod, input.runtime, input.old))
  } else {
    status = convertContainer(input, container, latest, old)
    if (seen[1] !== undefined) status.lastState = convertContainer(input, container, seen[1], old).state ?? {}
  }
  return withWaitingReason(input, container, kind, status)
}

/** A container that the runtime does not know: not yet made, or collected. */
function unseenStatus({ pod }: ContainerStatusInput, container: AnyContainer, old: ContainerStatus | undefined, restarting: boolean): ContainerStatus {
  if (old?.state?.terminated !== undefined && !restarting) return { ...old }
  const defaultReason = initContainers(pod).length > 0 ? 'PodInitializing' : 'ContainerCreating'
  const status: ContainerStatus = {
    name: container.name, image: container.image ?? '', imageID: '', ready: false,
    restartCount: old?.restartCount ?? 0, lastState: old?.lastState ?? {}, state: { waiting: { reason: defaultReason } },
    ...volumeMounts(container),
  }
  if (restarting && old !== undefined && old.state?.waiting === undefined) {
    const message = 'The container is removed because RestartAllContainers in place'
    const lastState = { terminated: { reason: restartingReason, message, exitCode: 137 } }
    return { ...status, state: { waiting: { reason: restartingReason, message } }, lastState, restartCount: old.restartCount + 1 }
  }
  if (old?.state?.running !== undefined && status.lastState?.terminated === undefined) {
    status.lastState = {
      terminated: {
        reason: unknownReason, exitCode: 137, startedAt: undefined, finishedAt: undefined,
        message: 'The container could not be located when the pod was deleted.  The container used to be Running',
      },
    }
    if (pod.metadata.deletionTimestamp === undefined) status.restartCount++
  }
  return status
}

function convertContainer({ actuated, runtime }: ContainerStatusInput, container: AnyContainer, c: RuntimeContainer, old: ContainerStatus | undefined): ContainerStatus {
  const containerID = containerIdText(runtime, c.id)
  const status: ContainerStatus = {
    name: c.name, image: c.image, imageID: c.imageRef, containerID, restartCount: Math.max(c.restartCount, old?.restartCount ?? 0),
    ready: false, lastState: lastEnd(containerID, old),
    state: convertState(c, containerID, old), ...volumeMounts(container),
    resources: containerStatusResources(container, c, actuated.container(c.name), old?.containerID === containerID ? old : undefined),
  }
  if (container.resources?.requests !== undefined) status.allocatedResources = container.resources.requests
  // A container whose forerunner was removed from the runtime counts on.
  if (c.state === 'running' && old?.state?.terminated !== undefined && old.containerID !== containerID && old.restartCount >= c.restartCount) status.restartCount = old.restartCount + 1
  if (status.state?.terminated?.reason === unknownReason) status.restartCount = (old?.restartCount ?? 0) + 1
  if (c.state === 'running' && old?.started !== undefined && old.containerID === containerID) status.started = old.started
  if (c.user !== undefined) status.user = { linux: c.user }
  return status
}

/** How it ended before, also when the runtime no longer has that container. */
function lastEnd(containerID: string, old: ContainerStatus | undefined): ContainerState {
  const ended = old?.containerID !== containerID ? (old?.state?.terminated ?? old?.lastState?.terminated) : old.lastState?.terminated
  return ended === undefined ? {} : { terminated: ended }
}

function convertState(c: RuntimeContainer, containerID: string, old: ContainerStatus | undefined): ContainerState {
  switch (c.state) {
    case 'running':
      return { running: { startedAt: formatTime(c.startedAt) } }
    case 'exited':
      return {
        terminated: {
          exitCode: c.exitCode, ...(c.reason === '' ? {} : { reason: c.reason }), ...(c.message === '' ? {} : { message: c.message }),
          startedAt: formatTime(c.startedAt), finishedAt: formatTime(c.finishedAt), containerID,
        },
      }
    case 'unknown':
      if (old?.state?.running !== undefined) {
        return {
          terminated: { reason: unknownReason, message: 'The container could not be located when the pod was terminated', exitCode: 137 },
        }
      }
      return { waiting: {} }
    case 'created':
      return { waiting: {} }
  }
}

/** A container that is to be started, and could not be, is waiting for that reason. */
function withWaitingReason(input: ContainerStatusInput, container: AnyContainer, kind: ContainerKind, status: ContainerStatus): ContainerStatus {
  const { pod, runtime } = input
  if (kind === 'init') {
    const latest = latestContainer(runtime, container.name)
    if (latest?.state === 'exited' && latest.exitCode === 0) return status
    const collected = latest === undefined && anyRegularCreated(pod, runtime) && !isRestartableInit(container)
    if (collected && status.state?.waiting !== undefined) {
      const message = 'Unable to get init container status from container runtime and pod has been initialized, treat it as exited normally'
      return { ...status, state: { terminated: { reason: 'Completed', message, exitCode: 0 } } }
    }
  }
  if (!shouldContainerBeRestarted(container, pod, runtime)) return status
  const waiting = input.waitingReason(container.name)
  if (waiting === undefined) return status
  const lastState = status.state?.terminated === undefined ? status.lastState : status.state
  return { ...status, lastState, state: { waiting: { reason: waiting.reason, ...(waiting.message === '' ? {} : { message: waiting.message }) } } }
}

function volumeMounts(container: AnyContainer): Pick<ContainerStatus, 'volumeMounts'> {
  if ((container.volumeMounts?.length ?? 0) === 0) return {}
  return {
    volumeMounts: container.volumeMounts!.map(({ name, mountPath, readOnly }) => ({
      name, mountPath, ...(readOnly === true ? { readOnly, recursiveReadOnly: 'Disabled' } : {}),
    })),
  }
}
