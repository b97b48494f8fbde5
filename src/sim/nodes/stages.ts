/** What a simulated kubelet does with a pod: stages, each a condition, a delay and a change. Pure. */
import type { Container, ContainerStatus, Pod, PodCondition, PodStatus } from '../../api/generated/types/core-v1.ts'
import { formatTime } from '../../api/meta/time.ts'

export interface StageContext {
  /** ms since the epoch. */
  readonly now: number
  readonly hostIP: string
  /** Gives the pod its address, the same one every time it asks. */
  readonly podIP: (pod: Pod) => string
}

export type StageAction = { readonly type: 'status'; readonly status: PodStatus } | { readonly type: 'delete' }

export interface Stage {
  readonly name: string
  readonly delayMs: number
  matches(pod: Pod): boolean
  act(pod: Pod, context: StageContext): StageAction
}

const runsOnce = (pod: Pod): boolean => pod.metadata.ownerReferences?.some((owner) => owner.kind === 'Job' && owner.controller === true) ?? false
const phase = (pod: Pod): string => pod.status?.phase ?? 'Pending'
const deleting = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined

/** The default stages; the first that matches is the one that happens next. */
export const defaultStages: readonly Stage[] = [
  { name: 'pod-delete', delayMs: 0, matches: deleting, act: () => ({ type: 'delete' }) },
  { name: 'pod-ready', delayMs: 0, matches: (pod) => phase(pod) === 'Pending', act: (pod, context) => ({ type: 'status', status: runningStatus(pod, context) }) },
  {
    name: 'pod-complete', delayMs: 1_000, matches: (pod) => phase(pod) === 'Running' && runsOnce(pod),
    act: (pod, context) => ({ type: 'status', status: completedStatus(pod, context) }),
  },
]

export function nextStage(stages: readonly Stage[], pod: Pod): Stage | undefined {
  return stages.find((stage) => stage.matches(pod))
}

function conditions(pod: Pod, now: string, ready: boolean, reason?: string): PodCondition[] {
  const all: [string, boolean][] = [['PodReadyToStartContainers', ready], ['Initialized', true], ['Ready', ready], ['ContainersReady', ready], ['PodScheduled', true]]
  return all.map(([type, isTrue]) => {
    const status = isTrue ? 'True' : 'False'
    const old = pod.status?.conditions?.find((c) => c.type === type)
    return {
      type, status, observedGeneration: pod.metadata.generation, lastTransitionTime: old?.status === status ? old.lastTransitionTime : now,
      ...(isTrue || reason === undefined ? {} : { reason }),
    }
  })
}

function containerStatus(pod: Pod, { name, image = '' }: Container, state: ContainerStatus['state'], ready: boolean): ContainerStatus {
  const containerID = `simulated://${pod.metadata.uid}-${name}`
  return { name, image, imageID: `simulated://${image}`, containerID, ready, started: ready, restartCount: 0, state, lastState: {} }
}

function runningStatus(pod: Pod, { now, hostIP, podIP }: StageContext): PodStatus {
  const time = formatTime(now)
  const address = pod.spec?.hostNetwork === true ? hostIP : podIP(pod)
  const finished = { terminated: { exitCode: 0, reason: 'Completed', startedAt: time, finishedAt: time } }
  const running = { running: { startedAt: time } }
  const inits = pod.spec?.initContainers ?? []
  return {
    phase: 'Running', startTime: pod.status?.startTime ?? time, hostIP, hostIPs: [{ ip: hostIP }], podIP: address, podIPs: [{ ip: address }],
    observedGeneration: pod.metadata.generation, conditions: conditions(pod, time, true), qosClass: pod.status?.qosClass,
    containerStatuses: (pod.spec?.containers ?? []).map((c) => containerStatus(pod, c, running, true)),
    ...(inits.length === 0 ? {} : { initContainerStatuses: inits.map((c) => containerStatus(pod, c, c.restartPolicy === 'Always' ? running : finished, true)) }),
  }
}

function completedStatus(pod: Pod, { now }: StageContext): PodStatus {
  const time = formatTime(now)
  return {
    ...pod.status, phase: 'Succeeded', conditions: conditions(pod, time, false, 'PodCompleted'),
    containerStatuses: (pod.status?.containerStatuses ?? []).map((status) => ({
      ...status, ready: false, started: false,
      state: { terminated: { exitCode: 0, reason: 'Completed', startedAt: status.state?.running?.startedAt ?? time, finishedAt: time, containerID: status.containerID } },
    })),
  }
}
