/** The stages of pods when nobody gives others: pods run at once, those of jobs complete after a second. */
import type { Container, ContainerStatus, Pod, PodCondition, PodStatus } from '../../../api/generated/types/core-v1.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import { formatTime } from '../../../api/meta/time.ts'
import type { Stage, StageAction, StageContext } from './stage.ts'

const runsOnce = (pod: Pod): boolean => pod.metadata.ownerReferences?.some((owner) => owner.kind === 'Job' && owner.controller === true) ?? false
const phase = (pod: Pod): string => pod.status?.phase ?? 'Pending'
const deleting = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined

const status = (of: PodStatus): readonly StageAction[] => [{ type: 'patch', patchType: 'strategic', subresource: 'status', patch: { status: of } }]

function podStage(name: string, delayMs: number, matches: (pod: Pod) => boolean, act: (pod: Pod, context: StageContext) => readonly StageAction[]): Stage {
  const typed = (object: KubeObject) => object as unknown as Pod
  return { name, kind: 'Pod', delayMs: () => delayMs, matches: (object) => matches(typed(object)), act: (object, context) => act(typed(object), context) }
}

/** The first that matches is the one that happens next. */
export const defaultStages: readonly Stage[] = [
  podStage('pod-delete', 0, deleting, () => [{ type: 'delete' }]),
  podStage('pod-ready', 0, (pod) => phase(pod) === 'Pending', (pod, context) => status(runningStatus(pod, context))),
  podStage('pod-complete', 1_000, (pod) => phase(pod) === 'Running' && runsOnce(pod), (pod, context) => status(completedStatus(pod, context))),
]

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

function runningStatus(pod: Pod, { now, nodeIP, podIP, nodeName }: StageContext): PodStatus {
  const hostIP = nodeIP(nodeName)
  const time = formatTime(now)
  const address = pod.spec?.hostNetwork === true ? hostIP : podIP(pod.metadata.uid!, pod.status?.podIP)
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
