/** What a plan may ask for, and the one executor that does it. */
import { isStatus, StatusError, type StatusReason } from '../api/meta/errors.ts'
import type { KubeObject, Resource } from '../api/meta/object.ts'
import type { Client, DeleteOptions, ObjectKey, PatchType } from './client.ts'
import type { EventRecorder, EventSubject } from './events.ts'

interface Common {
  /** Refusals that count as success: what was wanted is so already. */
  readonly ignore?: readonly StatusReason[]
  /** A failure is counted, but the steps after it are done all the same. */
  readonly tolerate?: boolean
  /** Events for success and failure; of `made`, what the server answered, only the metadata may be read. */
  readonly onDone?: (made: KubeObject) => readonly EventStep[]
  readonly onError?: (error: Error) => readonly EventStep[]
}

export interface CreateStep extends Common {
  readonly do: 'create'
  readonly resource: Resource<KubeObject>
  readonly object: KubeObject
}
export interface UpdateStep extends Common {
  readonly do: 'update'
  readonly resource: Resource<KubeObject>
  readonly object: KubeObject
  readonly subresource?: string
}
export interface PatchStep extends Common {
  readonly do: 'patch'
  readonly resource: Resource<KubeObject>
  readonly key: ObjectKey
  readonly type: PatchType
  readonly patch: unknown
  readonly subresource?: string
  /** Whose fields an applied configuration makes them, and whether they are taken from others. */
  readonly fieldManager?: string
  readonly force?: boolean
}
export interface DeleteStep extends Common {
  readonly do: 'delete'
  readonly resource: Resource<KubeObject>
  readonly key: ObjectKey
  readonly options?: DeleteOptions
}
/** Asks the server, not the cache, whether the object is still the one that was looked at and is to stay. */
export interface CheckStep {
  readonly do: 'check'
  readonly resource: Resource<KubeObject>
  readonly key: ObjectKey
  readonly uid: string
}
/** Asks the server, not the cache, whether the object with that uid (any, when it is '') is really gone. */
export interface AbsentStep {
  readonly do: 'absent'
  readonly resource: Resource<KubeObject>
  readonly key: ObjectKey
  readonly uid: string
}
export interface EventStep {
  readonly do: 'event'
  readonly about: EventSubject
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}
/**
 * Steps at the same time. With slowStart first one, then two, four, … as long as all succeed, so that a quota or a
 * broken webhook meets one request and not a thousand (upstream: slowStartBatch).
 */
export interface BatchStep {
  readonly do: 'batch'
  readonly steps: readonly Step[]
  readonly slowStart?: boolean
  /** One after the other; the first failure ends it. */
  readonly inOrder?: boolean
  readonly tolerate?: boolean
}

export type Step = CreateStep | UpdateStep | PatchStep | DeleteStep | CheckStep | AbsentStep | EventStep | BatchStep

export interface Outcome {
  /** In the order they happened. Empty: all went well. */
  readonly errors: readonly Error[]
  /** Writes that succeeded. */
  readonly done: number
  /** Writes that were given up because an earlier one failed. */
  readonly skipped: number
  /** The steps of the plan, not of its batches, that failed. */
  readonly failed: readonly Step[]
  /** What the server answered to the plan's own writes, those in batches left out: their metadata. */
  readonly made: readonly KubeObject[]
}

interface StepOutcome {
  readonly errors: readonly Error[]
  readonly done: number
  readonly skipped: number
  readonly made?: KubeObject
}

export interface StepContext {
  readonly client: Client
  readonly recorder: EventRecorder
  readonly signal: AbortSignal
  /** Called for each write that the server has taken. */
  readonly wrote?: (resource: Resource<KubeObject>, object: KubeObject) => void
  readonly deleted?: (resource: Resource<KubeObject>, key: ObjectKey) => void
}

export const create = <T>(resource: Resource<T>, object: T, rest: Common = {}): CreateStep =>
  ({ do: 'create', resource, object, ...rest }) as unknown as CreateStep
export const update = <T>(resource: Resource<T>, object: T, rest: Common & { subresource?: string } = {}): UpdateStep =>
  ({ do: 'update', resource, object, ...rest }) as unknown as UpdateStep
export const updateStatus = <T>(resource: Resource<T>, object: T, rest: Common = {}): UpdateStep =>
  update(resource, object, { ...rest, subresource: 'status' })
export const patch = <T>(
  resource: Resource<T>, key: ObjectKey, type: PatchType, body: unknown,
  rest: Common & Pick<PatchStep, 'subresource' | 'fieldManager' | 'force'> = {},
): PatchStep => ({ do: 'patch', resource, key, type, patch: body, ...rest }) as unknown as PatchStep
export const remove = <T>(resource: Resource<T>, key: ObjectKey, options?: DeleteOptions, rest: Common = {}): DeleteStep =>
  ({ do: 'delete', resource, key, options, ...rest }) as unknown as DeleteStep
export const check = <T>(resource: Resource<T>, key: ObjectKey, uid: string): CheckStep =>
  ({ do: 'check', resource, key, uid }) as unknown as CheckStep
export const absent = <T>(resource: Resource<T>, key: ObjectKey, uid: string): AbsentStep =>
  ({ do: 'absent', resource, key, uid }) as unknown as AbsentStep
export const event = (about: unknown, type: 'Normal' | 'Warning', reason: string, message: string): EventStep =>
  ({ do: 'event', about: about as EventSubject, type, reason, message })
export const batch = (steps: readonly Step[], slowStart = false, tolerate = false): BatchStep =>
  ({ do: 'batch', steps, slowStart, tolerate })

export const inOrder = (steps: readonly Step[]): BatchStep => ({ do: 'batch', steps, inOrder: true })

/** Does the steps in order and stops at the first failure that is not tolerated. */
export async function execute(steps: readonly Step[], context: StepContext): Promise<Outcome> {
  const errors: Error[] = []
  const failed: Step[] = []
  const made: KubeObject[] = []
  let done = 0
  for (const [at, step] of steps.entries()) {
    context.signal.throwIfAborted()
    const outcome = await executeOne(step, context)
    errors.push(...outcome.errors)
    done += outcome.done
    if (outcome.made !== undefined) made.push(outcome.made)
    if (outcome.errors.length === 0) continue
    failed.push(step)
    if ('tolerate' in step && step.tolerate === true) continue
    return { errors, failed, made, done, skipped: outcome.skipped + count(steps.slice(at + 1)) }
  }
  return { errors, failed, made, done, skipped: 0 }
}

/** The steps with batches taken apart. */
export const flatSteps = (steps: readonly Step[]): Step[] => steps.flatMap((step) => (step.do === 'batch' ? flatSteps(step.steps) : [step]))

function count(steps: readonly Step[]): number {
  return steps.reduce((sum, step) => sum + (step.do === 'batch' ? count(step.steps) : step.do === 'event' ? 0 : 1), 0)
}

async function executeOne(step: Step, context: StepContext): Promise<StepOutcome> {
  if (step.do === 'batch') return executeBatch(step, context)
  if (step.do === 'event') {
    emit([step], context)
    return { errors: [], done: 0, skipped: 0 }
  }
  if (step.do === 'check') return executeCheck(step, context)
  if (step.do === 'absent') return executeAbsent(step, context)
  try {
    const made = await write(step, context)
    emit(step.onDone?.(made) ?? [], context)
    return { errors: [], done: 1, skipped: 0, made }
  } catch (thrown) {
    context.signal.throwIfAborted()
    const error = thrown instanceof Error ? thrown : new Error(String(thrown))
    if (step.ignore?.some((reason) => isStatus(error, reason)) === true) return { errors: [], done: 0, skipped: 0 }
    emit(step.onError?.(error) ?? [], context)
    return { errors: [error], done: 0, skipped: 0 }
  }
}

async function write(step: CreateStep | UpdateStep | PatchStep | DeleteStep, context: StepContext): Promise<KubeObject> {
  const { client, signal } = context
  if (step.do === 'delete') {
    const answer = await client.delete(step.resource, step.key, { ...step.options, signal, metadataOnly: true })
    context.deleted?.(step.resource, step.key)
    return answer as KubeObject
  }
  const made = await (step.do === 'create'
    ? client.create(step.resource, step.object, { signal, metadataOnly: true })
    : step.do === 'update'
      ? client.update(step.resource, step.object, { subresource: step.subresource, signal, metadataOnly: true })
      : client.patch(step.resource, step.key, step.type, step.patch, {
        subresource: step.subresource, signal, metadataOnly: true, ...(step.fieldManager === undefined ? {} : { fieldManager: step.fieldManager, force: step.force }),
      }))
  context.wrote?.(step.resource, made)
  return made
}

async function executeCheck(step: CheckStep, context: StepContext): Promise<StepOutcome> {
  const what = `${step.resource.kind} ${step.key.namespace ?? ''}/${step.key.name}`
  try {
    const fresh = await context.client.get(step.resource, step.key, { signal: context.signal })
    if (fresh.metadata.uid !== step.uid) {
      return failed(new Error(`original ${what} is gone: got uid ${fresh.metadata.uid}, wanted ${step.uid}`))
    }
    if (fresh.metadata.deletionTimestamp !== undefined) {
      return failed(new Error(`${what} has just been deleted at ${fresh.metadata.deletionTimestamp}`))
    }
    return { errors: [], done: 0, skipped: 0 }
  } catch (error) {
    context.signal.throwIfAborted()
    return failed(error instanceof Error ? error : new Error(String(error)))
  }
}

async function executeAbsent(step: AbsentStep, context: StepContext): Promise<StepOutcome> {
  try {
    const fresh = await context.client.get(step.resource, step.key, { signal: context.signal })
    if (step.uid !== '' && fresh.metadata.uid !== step.uid) return { errors: [], done: 0, skipped: 0 }
    return failed(new Error(`${step.resource.kind} ${step.key.namespace ?? ''}/${step.key.name} is still there`))
  } catch (error) {
    context.signal.throwIfAborted()
    if (isStatus(error, 'NotFound')) return { errors: [], done: 0, skipped: 0 }
    return failed(error instanceof Error ? error : new Error(String(error)))
  }
}

const failed = (error: Error): StepOutcome => ({ errors: [error], done: 0, skipped: 0 })

async function executeBatch(step: BatchStep, context: StepContext): Promise<StepOutcome> {
  const errors: Error[] = []
  let done = 0
  let at = 0
  let size = step.slowStart === true || step.inOrder === true ? 1 : step.steps.length
  while (at < step.steps.length) {
    const part = step.steps.slice(at, at + size)
    const outcomes = await Promise.all(part.map((one) => executeOne(one, context)))
    at += part.length
    for (const outcome of outcomes) {
      errors.push(...outcome.errors)
      done += outcome.done
    }
    if (errors.length > 0) break
    if (step.inOrder !== true) size *= 2
  }
  return { errors, done, skipped: count(step.steps.slice(at)) }
}

function emit(steps: readonly EventStep[], { recorder }: StepContext): void {
  for (const { about, type, reason, message } of steps) recorder.event(about, type, reason, message)
}

/** The refusal that admission gives for creations in a namespace that is being deleted: trying again is no use. */
export function isNamespaceTerminating(error: unknown): boolean {
  return error instanceof StatusError && error.status.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating') === true
}
