/**
 * Pods of a group are tried together: each where those before it left room, and nothing is bound unless Permit lets one of
 * them through (upstream: schedule_one_podgroup.go). Behind GenericWorkload.
 */
import { podGroups } from '../api/generated/resources.ts'
import type { PodGroup } from '../api/generated/types/scheduling-v1alpha2.ts'
import { podGroupOf } from '../api/helpers/pod-group.ts'
import { formatTime } from '../api/meta/time.ts'
import { findCondition } from '../api/meta/conditions.ts'
import { type Attempt, assumeAndBind, failureOf } from './binding.ts'
import type { SchedulerContext } from './context.ts'
import { type Failure, fail } from './failure.ts'
import { fitMessage } from './fit-message.ts'
import type { CycleState } from './framework.ts'
import { ignoreGone } from './pod-status.ts'
import type { QueuedPod } from './queue.ts'
import type { Framework } from './runtime.ts'
import type { CycleResult } from './schedule-one.ts'
import type { NodeInfo } from './snapshot.ts'

/** What became of one pod of the group. */
type Outcome =
  | { readonly kind: 'refused' | 'error'; readonly attempt: Attempt; readonly failure: Failure }
  | {
    readonly kind: 'placed'; readonly attempt: Attempt; readonly state: CycleState; readonly node: NodeInfo
    /** Why it has to wait for others; undefined when Permit lets it through. */
    readonly waits: string | undefined
    /** Set when victims must go first. */
    readonly preempts: Failure | undefined
  }

export type GroupResult = 'scheduled' | 'unschedulable' | 'waiting_on_preemption' | 'error'

interface Group {
  readonly framework: Framework
  readonly members: readonly QueuedPod[]
  /** The search for a node, extenders included. */
  find(queued: QueuedPod): CycleResult | Promise<CycleResult>
  /** Whether the pod still wants a node. */
  wanted(queued: QueuedPod): boolean
}

const preemptionMessage = 'pod group is waiting for preemption to complete'

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
  const { namespace } = group.members[0]!.pod.metadata
  const name = podGroupOf(group.members[0]!.pod)!
  const outcomes = await tryAll(context, group)
  metrics.groupAlgorithm((env.clock.monotonic() - started) / 1000)
  const result = resultOf(outcomes)
  const broken = outcomes.find(({ kind }) => kind === 'error')
  const message = broken?.kind === 'error' ? `failed to schedule other pod from a pod group: ${broken.failure.message}` : result === 'waiting_on_preemption' ? preemptionMessage : ''
  for (const [i, queued] of group.members.entries()) {
    const attempt: Attempt = { framework: group.framework, queued, started }
    const outcome = outcomes[i]
    if (!group.wanted(queued)) context.queue.done(queued.uid)
    else if (result === 'scheduled' && outcome?.kind === 'placed') settle(context, outcome)
    else fail(context, group.framework, queued, failureIn(result, message, outcome), (outcome?.attempt ?? attempt).started)
  }
  metrics.groupAttempt(result, group.framework.profile, (env.clock.monotonic() - started) / 1000)
  env.tasks.go('pod group condition', (signal) => writeCondition(context, namespace!, name, result, message, signal))
}

async function tryAll(context: SchedulerContext, group: Group): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  try {
    for (const queued of group.members) {
      const attempt: Attempt = { framework: group.framework, queued, started: context.env.clock.monotonic() }
      const trying = tryOne(context, group, attempt)
      const outcome = trying instanceof Promise ? await trying : trying
      outcomes.push(outcome)
      if (outcome.kind === 'error') break
    }
  } finally {
    // Later pods had to see the earlier ones in their places; now all go back, and those that may stay are placed anew.
    for (const outcome of outcomes.toReversed()) if (outcome.kind === 'placed') takeBack(context, outcome.attempt, outcome.state, outcome.node)
  }
  return outcomes
}

function tryOne(context: SchedulerContext, group: Group, attempt: Attempt): Outcome | Promise<Outcome> {
  if (context.cache.nodes.length === 0) return { kind: 'refused', attempt, failure: { message: 'no nodes available to schedule pods', reason: 'Unschedulable', nominate: '' } }
  try {
    const found = group.find(attempt.queued)
    const outcome = found instanceof Promise ? found.then((result) => place(context, attempt, result)) : place(context, attempt, found)
    return outcome instanceof Promise ? outcome.catch((error: unknown) => errorOf(attempt, error)) : outcome
  } catch (error) {
    return errorOf(attempt, error)
  }
}

function errorOf(attempt: Attempt, error: unknown): Outcome {
  return { kind: 'error', attempt, failure: { message: error instanceof Error ? error.message : String(error), reason: 'SchedulerError', nominate: '' } }
}

/** The pod in its place, or what preemption can do for it. */
function place(context: SchedulerContext, attempt: Attempt, result: CycleResult): Outcome | Promise<Outcome> {
  const { framework, queued } = attempt
  const { state } = result
  if (result.node !== undefined) return hold(context, attempt, state, result.node, undefined)
  const { diagnosis } = result
  if (diagnosis.absent?.code === 'Error') return errorOf(attempt, diagnosis.absent.reasons.join(', '))
  const outcome = framework.postFilter(state, queued.info, diagnosis)
  const refuse = (settled: Awaited<typeof outcome>): Outcome => {
    diagnosis.postFilterMessage = settled?.message ?? ''
    const nominate = settled === undefined ? '' : settled.nominate
    const failure: Failure = { message: fitMessage(context.cache.nodes.length, diagnosis), reason: 'Unschedulable', ...(nominate === undefined ? {} : { nominate }) }
    const cleared = nominate === undefined || nominate === '' ? undefined : context.cache.node(nominate)
    return cleared === undefined ? { kind: 'refused', attempt, failure } : hold(context, attempt, state, cleared, failure)
  }
  return outcome instanceof Promise ? outcome.then(refuse) : refuse(outcome)
}

/** Counts the pod on the node and asks for permission, until all of the group have been tried. */
function hold(context: SchedulerContext, attempt: Attempt, state: CycleState, node: NodeInfo, preempts: Failure | undefined): Outcome {
  const { framework, queued } = attempt
  context.cache.assume(queued.info, node.name)
  const refused = framework.reserve(state, queued.info, node)
  const permit = refused === undefined ? framework.permit(state, queued.info, node) : refused
  if (permit === undefined) return { kind: 'placed', attempt, state, node, waits: undefined, preempts }
  if (!('code' in permit)) return { kind: 'placed', attempt, state, node, waits: permit.message, preempts }
  takeBack(context, attempt, state, node)
  return { kind: permit.code === 'Error' ? 'error' : 'refused', attempt, failure: withoutPlugins(failureOf(node.name, permit)) }
}

/** Groups are tried again after a back-off alone: which events could help this very pod does not count. */
function withoutPlugins({ message, reason, nominate }: Failure): Failure {
  return { message, reason, ...(nominate === undefined ? {} : { nominate }) }
}

function takeBack({ cache }: SchedulerContext, { framework, queued }: Attempt, state: CycleState, node: NodeInfo): void {
  framework.unreserve(state, queued.info, node.name)
  cache.forget(queued.uid)
}

/** A group can run as soon as Permit lets one of its pods through. */
export function resultOf(outcomes: readonly Pick<Outcome, 'kind'>[]): GroupResult {
  const all = outcomes as readonly Outcome[]
  if (all.some(({ kind }) => kind === 'error')) return 'error'
  if (!all.some((each) => each.kind === 'placed' && each.waits === undefined)) return 'unschedulable'
  return all.some((each) => each.kind === 'placed' && each.preempts !== undefined) ? 'waiting_on_preemption' : 'scheduled'
}

function settle(context: SchedulerContext, { attempt, state, node }: Extract<Outcome, { kind: 'placed' }>): void {
  if (context.cache.node(node.name) !== undefined) return void assumeAndBind(context, { ...attempt, state }, node)
  fail(context, attempt.framework, attempt.queued, { message: `node "${node.name}" is gone`, reason: 'SchedulerError', nominate: '' }, attempt.started)
}

/** What a pod of the group is told that is not placed. Refusals of the group as a whole are tried again after a back-off. */
function failureIn(result: GroupResult, message: string, outcome: Outcome | undefined): Failure {
  if (result === 'error') return outcome?.kind === 'error' ? outcome.failure : { message, reason: 'SchedulerError', nominate: '' }
  if (outcome?.kind !== 'placed') return outcome!.failure
  if (result !== 'waiting_on_preemption') return { message: outcome.waits ?? '', reason: 'Unschedulable', nominate: '' }
  return outcome.preempts ?? { message, reason: 'Unschedulable', nominate: outcome.node.name }
}

/** A group that was scheduled once stays so, whatever happens to pods that come later. */
async function writeCondition({ informers, client, env }: SchedulerContext, namespace: string, name: string, result: GroupResult, message: string, signal: AbortSignal): Promise<void> {
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
