/** What a controller would do for a key now, and why: nothing is written. */
import { type FieldDifference, differences } from '../api/meta/differences.ts'
import type { KubeObject, Resource } from '../api/meta/object.ts'
import type { Env } from '../base/env.ts'
import type { Client } from './client.ts'
import type { KeyedContext, KeyedController } from './controller.ts'
import type { Informer, Informers } from './informer.ts'
import { type Index, keyOf } from './lister.ts'
import { rehearsal } from './rehearsal.ts'
import { flatSteps, type Outcome, type Step } from './steps.ts'
import { WorkQueue } from './work-queue.ts'

/** A write that would be done. */
export interface PlannedWrite {
  readonly do: 'create' | 'update' | 'patch' | 'delete'
  /** "ReplicaSet default/web-5d" */
  readonly object: string
  readonly subresource?: string
  /** Updates: what becomes of which field. */
  readonly fields?: readonly FieldDifference[]
  /** Creations: the object; patches: the patch; deletions: their options. */
  readonly body?: unknown
}

export interface ControllerExplanation {
  readonly controller: string
  readonly key: string
  /** Objects whose changes make the controller look at the key. */
  readonly causes: readonly string[]
  /** What it looked up in the caches, and what it found there. */
  readonly lookups: readonly string[]
  /** What it saw; of controllers that are not planned unknown. */
  readonly snapshot?: unknown
  readonly writes: readonly PlannedWrite[]
  /** "Normal ScalingReplicaSet: Scaled up …", of planned controllers only those that depend on no answer of the server. */
  readonly events: readonly string[]
  readonly requeueAfterMs?: number
  /** Why it could not go on, or will look again. */
  readonly error?: string
}

/**
 * Explains one key. Planned controllers are asked for their plan; others are run with writes that the server only rehearses.
 * undefined: the controller has nothing to do with the key. The caches of the controller must be filled.
 */
export async function explainKey(controller: KeyedController, key: string, env: Env, client: Client, informers: Informers): Promise<ControllerExplanation | undefined> {
  const causes = causesOf(controller, key, informers)
  const seen = recorded(informers)
  const about = { controller: controller.name, key, causes, lookups: seen.lookups }
  if (controller.decide !== undefined) {
    const decided = controller.decide(key, seen.informers, { now: env.clock.now(), random: env.random })
    if (decided === undefined) return undefined
    const { plan, snapshot } = decided
    const steps = [...plan.steps, ...plan.status?.(allWell(plan.steps)) ?? []]
    const flat = flatSteps(steps)
    return {
      ...about, snapshot,
      writes: flat.flatMap((step) => writeOf(step, informers)), events: flat.flatMap((step) => (step.do === 'event' ? [`${step.type} ${step.reason}: ${step.message}`] : [])),
      ...(plan.requeueAfterMs === undefined ? {} : { requeueAfterMs: plan.requeueAfterMs }), ...(plan.error === undefined ? {} : { error: plan.error.message }),
    }
  }
  if (causes.length === 0) return undefined
  const tried = rehearsal(client, (step) => writeOf(step, informers))
  const queue = new WorkQueue({ name: controller.name, clock: env.clock })
  const context: KeyedContext = {
    env, client: tried.client, informers: seen.informers, signal: new AbortController().signal, random: env.random, queue,
    recorder: () => ({ event: (_about, type, reason, message) => void tried.events.push(`${type} ${reason}: ${message}`) }),
  }
  const end: { requeueAfterMs?: number; error?: string } = {}
  try {
    const result = await controller.sync(key, context)
    if (result?.requeueAfterMs !== undefined) end.requeueAfterMs = result.requeueAfterMs
  } catch (error) {
    end.error = error instanceof Error ? error.message : String(error)
  } finally {
    queue.close()
  }
  return { ...about, writes: tried.writes, events: tried.events, ...end }
}

function causesOf({ watches }: KeyedController, key: string, informers: Informers): string[] {
  return watches.flatMap(({ resource, keys }) => informers.of(resource).list()
    .filter((object) => [...keys(object, informers)].includes(key)).map((object) => nameOf(resource, object)))
}

const nameOf = ({ kind }: Resource<KubeObject>, object: KubeObject): string => `${kind} ${keyOf(object)}`

/** The same caches, with notes of what is looked up. */
function recorded(informers: Informers): { informers: Informers; lookups: string[] } {
  const lookups: string[] = []
  const note = (text: string) => void (lookups.includes(text) || lookups.push(text))
  const many = (kind: string, how: string, found: readonly KubeObject[]) => {
    const names = found.slice(0, 10).map((object) => keyOf(object)).join(', ')
    note(`${kind} ${how}: ${found.length === 0 ? 'none' : found.length > 10 ? `${names} and ${found.length - 10} more` : names}`)
  }
  const wrap = <T>(informer: Informer<T>): Informer<T> => new Proxy(informer as unknown as Informer<KubeObject>, {
    get(target, property) {
      const { kind } = target.resource
      if (property === 'get') {
        return (key: Parameters<typeof target.get>[0]) => {
          const found = target.get(key)
          note(`${kind} ${typeof key === 'string' ? key : keyOf({ metadata: key })}: ${found === undefined ? 'none' : `version ${found.metadata.resourceVersion}`}`)
          return found
        }
      }
      if (property === 'list') {
        return (namespace?: string) => {
          const found = target.list(namespace)
          many(kind, namespace === undefined ? 'all' : `in ${namespace}`, found)
          return found
        }
      }
      if (property === 'by') {
        return (index: Index<KubeObject>, value: string) => {
          const found = target.by(index, value)
          many(kind, `by ${index.name} ${value}`, found)
          return found
        }
      }
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value
    },
  }) as unknown as Informer<T>
  return {
    lookups,
    informers: {
      of: (resource) => wrap(informers.of(resource)), synced: () => informers.synced(),
      existing(resource) {
        const found = informers.existing(resource)
        return found === undefined ? undefined : wrap(found)
      },
    },
  }
}

/** As if every step succeeded. */
function allWell(steps: readonly Step[]): Outcome {
  return { errors: [], failed: [], skipped: 0, done: flatSteps(steps).filter(({ do: what }) => what !== 'event').length, made: [] }
}

function writeOf(step: Step, informers: Informers): PlannedWrite[] {
  switch (step.do) {
    case 'create': {
      const { metadata } = step.object
      return [{ do: 'create', object: `${step.resource.kind} ${keyOf({ metadata: { ...metadata, name: metadata.name ?? `${metadata.generateName}*` } })}`, body: step.object }]
    }
    case 'update': {
      const before = informers.existing(step.resource)?.get(keyOf(step.object))
      return [{ do: 'update', object: nameOf(step.resource, step.object), ...under(step), fields: differences(before, step.object) }]
    }
    case 'patch': return [{ do: 'patch', object: `${step.resource.kind} ${keyOf({ metadata: step.key })}`, ...under(step), body: step.patch }]
    case 'delete': return [{ do: 'delete', object: `${step.resource.kind} ${keyOf({ metadata: step.key })}`, ...(step.options === undefined ? {} : { body: step.options }) }]
    default: return []
  }
}

const under = ({ subresource }: { readonly subresource?: string }) => (subresource === undefined ? {} : { subresource })
