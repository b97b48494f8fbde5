/** What happens to a pod whose attempt failed (upstream: handleSchedulingFailure). */
import { pods } from '../api/generated/resources.ts'
import { podReference, writePodStatus } from './pod-status.ts'
import type { SchedulerContext } from './context.ts'
import type { QueuedPod } from './queue.ts'
import type { Framework } from './runtime.ts'

export interface Failure {
  readonly message: string
  /** Unschedulable: plugins refused; SchedulerError: something went wrong and is tried again after a back-off. */
  readonly reason: 'Unschedulable' | 'SchedulerError'
  readonly unschedulablePlugins?: ReadonlySet<string>
  readonly pendingPlugins?: ReadonlySet<string>
  /** undefined leaves the nomination as it is, '' clears it. */
  readonly nominate?: string
}

const maxEventMessage = 1024
const none: ReadonlySet<string> = new Set()

/** Queues the pod again, tells it in an event and in the pod's condition. */
export function fail(context: SchedulerContext, framework: Framework, queued: QueuedPod, failure: Failure, started: number): void {
  const { env, queue, metrics, informers, client } = context
  const { message, reason, nominate } = failure
  metrics.attempt(reason === 'Unschedulable' ? 'unschedulable' : 'error', framework.profile, (env.clock.monotonic() - started) / 1000)
  const { namespace, name } = queued.pod.metadata
  const pod = informers.of(pods).get({ namespace, name: name! })
  if (pod === undefined || (pod.spec?.nodeName ?? '') !== '') {
    queue.done(queued.uid)
    if (pod !== undefined) return
  } else if (pod.metadata.uid !== queued.uid) {
    return queue.done(queued.uid)
  } else {
    queue.addUnschedulable(queued, pod, failure.unschedulablePlugins ?? none, failure.pendingPlugins)
  }
  if (pod !== undefined && nominate !== undefined) queue.nominate(queued.info, nominate)
  const shown = message.length > maxEventMessage ? `${message.slice(0, maxEventMessage - 4)} ...` : message
  const about = pod ?? queued.pod
  context.recorder(framework.profile).event(podReference(about), 'Warning', 'FailedScheduling', 'Scheduling', shown)
  const condition = { type: 'PodScheduled', status: 'False', reason, message }
  env.tasks.go('pod condition', (signal) => writePodStatus(client, about, { condition, nominate }, env.clock.now(), signal))
}
