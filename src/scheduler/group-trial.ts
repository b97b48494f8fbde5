/**
 * How the pods of a group would be placed: each where those before it left room. A trial leaves nothing behind (upstream:
 * schedule_one_podgroup.go, podGroupSchedulingDefaultAlgorithm).
 */
import { type Attempt, failureOf } from './binding.ts'
import type { SchedulerContext } from './context.ts'
import type { Failure } from './failure.ts'
import { fitMessage } from './fit-message.ts'
import type { CycleState, Placement } from './framework.ts'
import type { QueuedPod } from './queue.ts'
import type { Framework } from './runtime.ts'
import type { CycleResult } from './schedule-one.ts'
import type { NodeInfo } from './snapshot.ts'

/** What became of one pod of the group. */
export type Outcome =
  | { readonly kind: 'refused' | 'error'; readonly attempt: Attempt; readonly failure: Failure }
  | {
    readonly kind: 'placed'; readonly attempt: Attempt; readonly state: CycleState; readonly node: NodeInfo
    /** Why it has to wait for others; undefined when Permit lets it through. */
    readonly waits: string | undefined
    /** Set when victims must go first. */
    readonly preempts: Failure | undefined
  }

export type GroupResult = 'scheduled' | 'unschedulable' | 'waiting_on_preemption' | 'error'

export interface GroupTrial {
  readonly result: GroupResult
  /** What the group's condition says. */
  readonly message: string
  /** Of the group's pods in their order; those behind an error, or all where the group as a whole was refused, have none. */
  readonly outcomes: readonly Outcome[]
}

export interface Group {
  readonly framework: Framework
  readonly namespace: string
  readonly name: string
  readonly members: readonly QueuedPod[]
  /** The search for a node, extenders included. */
  find(queued: QueuedPod, placement: Placement | undefined): CycleResult | Promise<CycleResult>
  /** Whether the pod still wants a node. */
  wanted(queued: QueuedPod): boolean
}

export interface TrialOptions {
  /** The only nodes that are looked at. */
  readonly placement?: Placement
  /** Whether plugins may make room for single pods. */
  readonly postFilters: boolean
}

/** How upstream begins what it says of a group that is not placed. */
export const groupUnschedulable = 'pod group is unschedulable'
const waitsForPreemption = `${groupUnschedulable}, pod group is waiting for preemption to complete`

/** Tries all pods. Waits only where extenders are asked. */
export async function tryGroup(context: SchedulerContext, group: Group, options: TrialOptions): Promise<GroupTrial> {
  const outcomes: Outcome[] = []
  try {
    for (const queued of group.members) {
      const attempt: Attempt = { framework: group.framework, queued, started: context.env.clock.monotonic() }
      const trying = tryOne(context, group, attempt, options)
      const outcome = trying instanceof Promise ? await trying : trying
      outcomes.push(outcome)
      if (outcome.kind === 'error') break
    }
  } finally {
    // Later pods had to see the earlier ones in their places; now all go back, and those that may stay are placed anew.
    for (const outcome of outcomes.toReversed()) if (outcome.kind === 'placed') takeBack(context, outcome.attempt, outcome.state, outcome.node)
  }
  return { ...verdictOf(outcomes), outcomes }
}

/** A group can run as soon as Permit lets one of its pods through. */
function verdictOf(outcomes: readonly Outcome[]): Pick<GroupTrial, 'result' | 'message'> {
  const broken = outcomes.find((each) => each.kind === 'error')
  if (broken?.kind === 'error') return { result: 'error', message: `failed to schedule other pod from a pod group: ${broken.failure.message}` }
  if (!outcomes.some((each) => each.kind === 'placed' && each.waits === undefined)) return { result: 'unschedulable', message: groupUnschedulable }
  const preempts = outcomes.some((each) => each.kind === 'placed' && each.preempts !== undefined)
  return preempts ? { result: 'waiting_on_preemption', message: waitsForPreemption } : { result: 'scheduled', message: '' }
}

function tryOne(context: SchedulerContext, group: Group, attempt: Attempt, options: TrialOptions): Outcome | Promise<Outcome> {
  if (context.cache.nodes.length === 0) return { kind: 'refused', attempt, failure: { message: 'no nodes available to schedule pods', reason: 'Unschedulable', nominate: '' } }
  try {
    const found = group.find(attempt.queued, options.placement)
    const outcome = found instanceof Promise ? found.then((result) => place(context, attempt, result, options)) : place(context, attempt, found, options)
    return outcome instanceof Promise ? outcome.catch((error: unknown) => errorOf(attempt, error)) : outcome
  } catch (error) {
    return errorOf(attempt, error)
  }
}

function errorOf(attempt: Attempt, error: unknown): Outcome {
  return { kind: 'error', attempt, failure: { message: error instanceof Error ? error.message : String(error), reason: 'SchedulerError', nominate: '' } }
}

/** The pod in its place, or what preemption can do for it. */
function place(context: SchedulerContext, attempt: Attempt, result: CycleResult, options: TrialOptions): Outcome | Promise<Outcome> {
  const { framework, queued } = attempt
  const { state } = result
  if (result.node !== undefined) return hold(context, attempt, state, result.node, undefined)
  const { diagnosis } = result
  if (diagnosis.absent?.code === 'Error') return errorOf(attempt, diagnosis.absent.reasons.join(', '))
  const outcome = options.postFilters ? framework.postFilter(state, queued.info, diagnosis) : undefined
  const refuse = (settled: Awaited<typeof outcome>): Outcome => {
    diagnosis.postFilterMessage = settled?.message ?? ''
    const nominate = settled === undefined ? '' : settled.nominate
    const looked = options.placement?.nodes.length ?? context.cache.nodes.length
    const { unschedulablePlugins, pendingPlugins } = diagnosis
    const failure: Failure = { message: fitMessage(looked, diagnosis), reason: 'Unschedulable', unschedulablePlugins, pendingPlugins, ...(nominate === undefined ? {} : { nominate }) }
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
  return { kind: permit.code === 'Error' ? 'error' : 'refused', attempt, failure: failureOf(node.name, permit) }
}

function takeBack({ cache }: SchedulerContext, { framework, queued }: Attempt, state: CycleState, node: NodeInfo): void {
  framework.unreserve(state, queued.info, node.name)
  cache.forget(queued.uid)
}
