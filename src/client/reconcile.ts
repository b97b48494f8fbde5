/**
 * The one reconcile engine: a synchronous look over the caches, a pure plan, its execution, at most one status write.
 * A key is planned again only when the caches have seen what the last plan wrote (read your writes), which is what
 * upstream's expectations are for.
 */
import { isStatus, StatusError } from '../api/meta/errors.ts'
import type { KubeObject, Resource } from '../api/meta/object.ts'
import type { KeyedContext, KeyedController, SyncResult, Watch } from './controller.ts'
import type { ObjectKey } from './client.ts'
import type { Informer, Informers } from './informer.ts'
import type { Metrics } from '../base/env.ts'
import type { Measured, Plan, World } from './plan.ts'
import { execute, flatSteps, isNamespaceTerminating } from './steps.ts'
import { compareVersions } from './versions.ts'


export type { Measured, Plan, World } from './plan.ts'

export interface ControllerDefinition<S> {
  /** Upstream's name, "replicaset-controller". */
  readonly name: string
  /** What events name as their source; default the name. */
  readonly component?: string
  readonly workers?: number
  readonly watches: readonly Watch[]
  readonly reads?: readonly Resource<never>[]
  /** Synchronous: one consistent cut of the caches. undefined: nothing to do for the key. */
  snapshot(key: string, informers: Informers): S | undefined
  /** Pure. */
  plan(snapshot: S, world: World): Plan
  /** Counts a look under upstream's names. */
  measure?(look: Measured<S>, metrics: Metrics): void
  /** Counts objects as they come, under upstream's names. Answers how to stop. */
  observe?(informers: Informers, metrics: Metrics): () => void
  /** Upstream's name of the controller in metrics, of those that count looks put off because a cache was behind. */
  readonly subsystem?: string
}

/** The engine's controller for a definition. */
export function reconciler<S>(definition: ControllerDefinition<S>): KeyedController {
  const unseen = new UnseenWrites()
  const pace = new Pace()
  return {
    name: definition.name,
    workers: definition.workers,
    watches: definition.watches,
    reads: definition.reads,
    ...(definition.observe === undefined ? {} : { observe: definition.observe }),
    sync: (key, context) => reconcile(definition, unseen, pace, key, context),
    decide(key, informers, world) {
      const snapshot = definition.snapshot(key, informers)
      return snapshot === undefined ? undefined : { snapshot, plan: definition.plan(snapshot, world) }
    },
  }
}

async function reconcile<S>(
  definition: ControllerDefinition<S>, unseen: UnseenWrites, pace: Pace, key: string, context: KeyedContext,
): Promise<SyncResult | void> {
  const { informers, env, client, signal, queue } = context
  const behind = unseen.behind(key, env.clock.monotonic(), () => queue.add(key))
  if (behind !== undefined) return skipped(definition, env.metrics, behind)
  const began = env.clock.monotonic()
  const tooSoon = pace.restOf(key, began)
  if (tooSoon > 0) return queue.addAfter(key, tooSoon)
  const snapshot = definition.snapshot(key, informers)
  if (snapshot === undefined) return
  const plan = definition.plan(snapshot, { now: env.clock.now(), random: context.random })
  const at = env.clock.monotonic()
  pace.took(key, at - began, at)
  const steps = {
    client, signal, recorder: context.recorder(definition.component ?? definition.name),
    wrote: (resource: Resource<KubeObject>, object: KubeObject) => unseen.wrote(key, informers.existing(resource), object, at),
    deleted: (resource: Resource<KubeObject>, target: ObjectKey) => unseen.deleted(key, informers.existing(resource), target, at),
  }
  const outcome = await execute(plan.steps, steps)
  const statusSteps = plan.status?.(outcome)
  const status = statusSteps === undefined ? undefined : await execute(statusSteps, steps)
  // An object that is gone needs no status.
  const statusErrors = (status?.errors ?? []).filter((error) => !isStatus(error, 'NotFound'))
  const errors = [...outcome.errors, ...statusErrors].filter((error) => !isNamespaceTerminating(error))
  if (plan.error !== undefined) errors.push(plan.error)
  const [first] = errors
  definition.measure?.({
    snapshot, steps: flatSteps([...plan.steps, ...statusSteps ?? []]), outcome, failed: first !== undefined, now: env.clock.now(),
    code: first === undefined ? 200 : first instanceof StatusError ? first.status.code ?? 500 : 500, seconds: (env.clock.monotonic() - began) / 1000,
  }, env.metrics)
  if (errors.length === 1) throw first
  if (errors.length > 1) throw new AggregateError(errors, errors.map((error) => error.message).join('; '))
  plan.committed?.()
  return { requeueAfterMs: plan.requeueAfterMs }
}

function skipped<S>({ subsystem }: ControllerDefinition<S>, metrics: Metrics, { group, resource }: Resource<KubeObject>): void {
  if (subsystem === undefined) return
  const kind = subsystemKinds[subsystem] ?? subsystem
  metrics.counter(`${subsystem}_stale_sync_skips_total`, `Total number of ${kind} syncs skipped due to a stale watch cache.`, ['group', 'resource']).inc({ group, resource })
}

const subsystemKinds: Readonly<Record<string, string>> = {
  replicaset_controller: 'ReplicaSet', daemonset_controller: 'DaemonSet', statefulset_controller: 'StatefulSet', job_controller: 'Job',
}

/**
 * A look that takes long (a service with thousands of pods that come and go) is not repeated for each single change: it
 * waits a few times as long as the last one took, so that changes meanwhile share a look. Short looks never wait.
 */
class Pace {
  readonly #notBefore = new Map<string, number>()

  /** Milliseconds that the key still has to wait. */
  restOf(key: string, now: number): number {
    const until = this.#notBefore.get(key)
    if (until === undefined) return 0
    if (until > now) return until - now
    this.#notBefore.delete(key)
    return 0
  }

  took(key: string, ms: number, now: number): void {
    if (ms >= longLookMs) this.#notBefore.set(key, now + Math.min(ms * pauseOfLongLooks, longestPauseMs))
  }
}

const longLookMs = 2
const pauseOfLongLooks = 10
const longestPauseMs = 500

interface Unseen {
  readonly informer: Informer<KubeObject>
  readonly seen: () => boolean
  readonly at: number
}

/** What a plan wrote and its cache has not shown yet, by key. */
class UnseenWrites {
  readonly #byKey = new Map<string, Unseen[]>()

  wrote(key: string, informer: Informer<KubeObject> | undefined, object: KubeObject, at: number): void {
    const version = object.metadata?.resourceVersion
    if (informer === undefined || version === undefined) return
    this.#push(key, { informer, at, seen: () => compareVersions(informer.resourceVersion, version) >= 0 })
  }

  deleted(key: string, informer: Informer<KubeObject> | undefined, target: ObjectKey, at: number): void {
    const uid = informer?.get(target)?.metadata.uid
    if (informer === undefined || uid === undefined) return
    const seen = (): boolean => {
      const object = informer.get(target)
      return object === undefined || object.metadata.uid !== uid || object.metadata.deletionTimestamp !== undefined
    }
    this.#push(key, { informer, at, seen })
  }

  /** undefined when every write is seen; else whose cache is behind, and `callback` is called when the next one is seen. */
  behind(key: string, now: number, callback: () => void): Resource<KubeObject> | undefined {
    const writes = this.#byKey.get(key)
    if (writes === undefined) return undefined
    const rest = writes.filter(({ seen, at }) => !seen() && now - at < giveUpAfterMs)
    if (rest.length === 0) {
      this.#byKey.delete(key)
      return undefined
    }
    this.#byKey.set(key, rest)
    const [first] = rest as [Unseen]
    first.informer.when(first.seen, callback)
    return first.informer.resource
  }

  #push(key: string, unseen: Unseen): void {
    if (unseen.seen()) return
    const list = this.#byKey.get(key)
    if (list === undefined) this.#byKey.set(key, [unseen])
    else list.push(unseen)
  }
}

/** As long as upstream's expectations last. */
const giveUpAfterMs = 300_000
