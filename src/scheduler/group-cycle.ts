/**
 * Pods of a group are tried together: each where those before it left room, and nothing is bound unless Permit lets one of
 * them through (upstream: schedule_one_podgroup.go). Behind GenericWorkload.
 */
import { podGroups } from '../api/generated/resources.ts'
import type { PodGroup } from '../api/generated/types/scheduling-v1alpha2.ts'
import { podGroupOf } from '../api/helpers/pod-group.ts'
import { formatTime } from '../api/meta/time.ts'
import { findCondition } from '../api/meta/conditions.ts'
import { type Attempt, assumeAndBind } from './binding.ts'
import type { SchedulerContext } from './context.ts'
import { type Failure, fail } from './failure.ts'
import { preemptFor } from './group-preemption.ts'
import { tryPlacements } from './group-placement.ts'
import { type Group, type GroupTrial, type Outcome, type TrialOptions, groupUnschedulable, tryGroup } from './group-trial.ts'
import { ignoreGone } from './pod-status.ts'
import type { QueuedPod } from './queue.ts'

/** The popped pod and those of its group that the queue has, by priority and age. */
export function membersOf({ queue, groups }: SchedulerContext, first: QueuedPod): QueuedPod[] {
  const { unscheduled } = groups.state(first.pod.metadata.namespace!, podGroupOf(first.pod)!)
  const others = unscheduled.filter(({ metadata }) => metadata.uid !== first.uid).map((pod) => queue.take(pod)).filter((queued) => queued !== undefined)
  return [first, ...others].sort((a, b) => b.priority - a.priority || a.firstReady! - b.firstReady!)
}

/** One cycle over all of them. */
export async function scheduleGroup(context: SchedulerContext, group: Group): Promise<void> {
  const { env, metrics } = context
  const started = env.clock.monotonic()
  const first = await search(context, group, { postFilters: true })
  metrics.groupAlgorithm((env.clock.monotonic() - started) / 1000)
  const preempts = first.result === 'unschedulable' && group.framework.handle.feature('WorkloadAwarePreemption')
  const trial = preempts ? await preemptFor(context, group, first, () => search(context, group, { postFilters: false })) : first
  for (const [i, queued] of group.members.entries()) {
    const attempt: Attempt = { framework: group.framework, queued, started }
    const outcome = trial.outcomes[i]
    if (!group.wanted(queued)) context.queue.done(queued.uid)
    else if (trial.result === 'scheduled' && outcome?.kind === 'placed') settle(context, outcome)
    else fail(context, group.framework, queued, failureIn(trial, outcome), (outcome?.attempt ?? attempt).started)
  }
  metrics.groupAttempt(trial.result, group.framework.profile, (env.clock.monotonic() - started) / 1000)
  env.tasks.go('pod group condition', (signal) => writeCondition(context, group, trial, signal))
}

function search(context: SchedulerContext, group: Group, options: TrialOptions): Promise<GroupTrial> {
  return group.framework.handle.feature('TopologyAwareWorkloadScheduling') ? tryPlacements(context, group, options) : tryGroup(context, group, options)
}

function settle(context: SchedulerContext, { attempt, state, node }: Extract<Outcome, { kind: 'placed' }>): void {
  if (context.cache.node(node.name) !== undefined) return void assumeAndBind(context, { ...attempt, state }, node)
  fail(context, attempt.framework, attempt.queued, { message: `node "${node.name}" is gone`, reason: 'SchedulerError', nominate: '' }, attempt.started)
}

/** What a pod of the group is told that is not placed. One that only the group holds back is tried again after a back-off, others when an event helps. */
function failureIn({ result, message }: GroupTrial, outcome: Outcome | undefined): Failure {
  if (result === 'error') return outcome?.kind === 'error' ? outcome.failure : { message, reason: 'SchedulerError', nominate: '' }
  if (outcome === undefined) return { message, reason: 'Unschedulable', nominate: '' }
  if (outcome.kind !== 'placed') return outcome.failure
  if (result !== 'waiting_on_preemption') return { message: `${groupUnschedulable}, ${outcome.waits ?? ''}`, reason: 'Unschedulable', nominate: '' }
  return outcome.preempts ?? { message, reason: 'Unschedulable', nominate: outcome.node.name }
}

/** A group that was scheduled once stays so, whatever happens to pods that come later. */
async function writeCondition({ informers, client, env }: SchedulerContext, { namespace, name }: Group, { result, message }: GroupTrial, signal: AbortSignal): Promise<void> {
  const group: PodGroup | undefined = informers.of(podGroups).get({ namespace, name })
  if (group === undefined) return
  const status = result === 'scheduled' ? 'True' : 'False'
  const reason = result === 'scheduled' ? 'Scheduled' : result === 'error' ? 'SchedulerError' : 'Unschedulable'
  const old = findCondition(group.status?.conditions, 'PodGroupScheduled')
  if (old?.status === 'True' && status !== 'True') return
  if (old?.status === status && old.reason === reason && old.message === message) return
  const condition = {
    type: 'PodGroupScheduled', status, reason, message, observedGeneration: group.metadata.generation ?? 0,
    lastTransitionTime: old?.status === status ? old.lastTransitionTime : formatTime(env.clock.now()),
  }
  const patch = { metadata: { uid: group.metadata.uid }, status: { conditions: [condition] } }
  await client.patch(podGroups, { namespace, name }, 'strategic', patch, { subresource: 'status', signal }).catch(ignoreGone)
}
