/** From the chosen node to the written binding, beside the next cycles (upstream: bindingCycle). */
import type { Task } from '../base/env.ts'
import type { SchedulerContext } from './context.ts'
import type { CycleState, Verdict } from './framework.ts'
import { type Failure, fail } from './failure.ts'
import { podReference, writePodStatus } from './pod-status.ts'
import type { QueuedPod } from './queue.ts'
import type { Framework } from './runtime.ts'
import { fitMessage } from './fit-message.ts'
import type { NodeInfo } from './snapshot.ts'

export interface Attempt {
  readonly framework: Framework
  readonly queued: QueuedPod
  /** Monotonic milliseconds when it began. */
  readonly started: number
}

interface Chosen extends Attempt {
  readonly state: CycleState
}

/** Counts the pod on the node, reserves, asks for permission; then binds in the background, by the task that is answered. */
export function assumeAndBind(context: SchedulerContext, attempt: Chosen, node: NodeInfo): Task | undefined {
  const { cache, queue, waiting, env } = context
  const { framework, state, queued } = attempt
  cache.assume(queued.info, node.name)
  queue.nominate(queued.info, '')
  const refused = framework.reserve(state, queued.info, node)
  const permit = refused ?? framework.permit(state, queued.info, node)
  if (permit !== undefined && 'code' in permit) {
    giveUp(context, attempt, node.name, permit, false)
    return undefined
  }
  if (permit !== undefined) waiting.add(queued.info, node.name, permit.waits)
  return env.tasks.go('bind', (signal) => bindingCycle(context, attempt, node.name, signal))
}

async function bindingCycle(context: SchedulerContext, attempt: Chosen, node: string, signal: AbortSignal): Promise<void> {
  const { framework, state, queued, started } = attempt
  const { queue, metrics, env } = context
  const { namespace, name } = queued.pod.metadata
  const refused = await permitted(context, attempt, node, signal)
  if (refused !== undefined) return giveUp(context, attempt, node, refused, true)
  // Whatever fails from here on is no refusal, so events need not be kept for the pod.
  queue.done(queued.uid)
  try {
    const verdict = await framework.preBind(state, queued.info, node, signal)
    if (verdict !== undefined) return giveUp(context, attempt, node, verdict, true)
    if (!await bindByExtender(context, queued, node) && !await framework.bind(state, queued.info, node, signal)) throw new Error('no plugin bound the pod')
  } catch (error) {
    if (signal.aborted) return
    const text = error instanceof Error ? error.message : String(error)
    return giveUp(context, attempt, node, { code: 'Error', reasons: [text] }, true)
  }
  const now = env.clock.monotonic()
  metrics.attempt('scheduled', framework.profile, (now - started) / 1000)
  metrics.scheduled(queued.attempts, queued.firstReady === undefined ? undefined : (env.clock.now() - queued.firstReady) / 1000, queued.flushed)
  context.recorder(framework.profile).event(podReference(queued.pod), 'Normal', 'Scheduled', 'Binding', `Successfully assigned ${namespace}/${name} to ${node}`)
  framework.postBind(state, queued.info, node)
}

/** True when an extender bound the pod; one that may be ignored leaves it to the plugins when it fails. */
async function bindByExtender({ extenders }: SchedulerContext, { pod }: QueuedPod, node: string): Promise<boolean> {
  for (const extender of extenders) {
    if (!extender.binds || !extender.isInterested(pod)) continue
    try {
      await extender.bind(pod, node)
      return true
    } catch (error) {
      if (!extender.ignorable) throw error
    }
  }
  return false
}

/** Waits for Permit; a pod that will take a while is shown as nominated meanwhile. */
async function permitted(context: SchedulerContext, { framework, state, queued }: Chosen, node: string, signal: AbortSignal): Promise<Verdict | undefined> {
  const { waiting, env, client, metrics } = context
  const waits = waiting.get(queued.uid) !== undefined
  if (waits || framework.willPreBind(state, queued.info, node)) {
    const shown = writePodStatus(client, queued.pod, { nominate: node }, env.clock.now(), signal)
    await shown.catch((error: unknown) => env.log.warn('could not write the nominated node', { pod: queued.pod.metadata.name, error }))
  }
  if (!waits) return undefined
  const started = env.clock.monotonic()
  const { verdict } = await waiting.outcome(queued.uid)
  metrics.permitWait(verdict === undefined ? 'Success' : verdict.code, (env.clock.monotonic() - started) / 1000)
  return verdict
}

/** Takes everything back that the attempt did. `inBinding`: other pods may be waiting for what it held. */
function giveUp(context: SchedulerContext, attempt: Chosen, node: string, verdict: Verdict, inBinding: boolean): void {
  const { cache, queue } = context
  const { framework, state, queued, started } = attempt
  framework.unreserve(state, queued.info, node)
  cache.forget(queued.uid)
  const freed = { resource: 'AssignedPod', action: 'Delete', old: queued.pod } as const
  const rejected = verdict.code !== 'Error'
  if (inBinding && !rejected) queue.move(freed)
  fail(context, framework, queued, failureOf(node, verdict), started)
  // Its own end must not wake the pod that was just refused.
  if (inBinding && rejected) queue.move(freed, ({ uid }) => uid !== queued.uid)
}

/** What the pod is told when a plugin refused it after its node was chosen. */
export function failureOf(node: string, verdict: Verdict): Failure {
  if (verdict.code === 'Error') return { message: verdict.reasons.join(', '), reason: 'SchedulerError', nominate: '' }
  const plugins: ReadonlySet<string> = new Set(verdict.plugin === undefined || verdict.plugin === '' ? [] : [verdict.plugin])
  return {
    message: fitMessage(1, { verdicts: new Map([[node, verdict]]), absent: undefined, preFilterMessage: '', postFilterMessage: '' }),
    reason: 'Unschedulable', nominate: '', ...(verdict.code === 'Pending' ? { pendingPlugins: plugins } : { unschedulablePlugins: plugins }),
  }
}
