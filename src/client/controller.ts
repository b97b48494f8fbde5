/**
 * What every controller is made of: keys that come from watches, a queue, workers, back-off. A controller whose
 * decisions are pure is a ControllerDefinition (reconcile.ts); one that must ask others mid-way gives `sync` itself.
 */
import type { Env, Metrics, Random } from '../base/env.ts'
import { isStatus } from '../api/meta/errors.ts'
import type { KubeObject, Resource } from '../api/meta/object.ts'
import type { Client } from './client.ts'
import type { EventRecorder } from './events.ts'
import type { Informer, Informers } from './informer.ts'
import type { Plan, World } from './plan.ts'
import { QueuedCauses } from './queued-causes.ts'
import { WorkQueue } from './work-queue.ts'

/** What a running controller has at hand. */
export interface ControllerContext {
  readonly env: Env
  readonly client: Client
  readonly informers: Informers
  /** A recorder whose events name the component. */
  readonly recorder: (component: string) => EventRecorder
  readonly tuning?: Tuning
}

/** What whoever runs a controller sets for it. */
export interface Tuning {
  /** Keys worked on at the same time, in the place of the controller's own number. */
  readonly workers?: number
  /** How long changes that come in crowds are collected before their key is looked at. */
  readonly batchMs?: number
}

/** Objects of a resource whose changes make keys. Made by `watch`, so that the object's type is checked. */
export interface Watch {
  readonly resource: Resource<KubeObject>
  readonly keys: (object: KubeObject, informers: Informers) => Iterable<string>
  readonly added?: (object: KubeObject) => boolean
  readonly changed?: (object: KubeObject, old: KubeObject) => boolean
  readonly deleted: boolean
  readonly batched: boolean
}

export interface WatchFilter<T> {
  /** False: that there is such an object now is of no interest. */
  readonly added?: (object: T) => boolean
  /** False: an update between the two is of no interest. */
  readonly changed?: (object: T, old: T) => boolean
  /** False: deletions are of no interest. Default true. */
  readonly deleted?: boolean
  /** Changes come in crowds: they wait for each other as long as `Tuning.batchMs` says. */
  readonly batched?: boolean
}

/** Changes of `resource` add the keys that `keys` names; for an update those of the old object too. */
export function watch<T>(resource: Resource<T>, keys: (object: T, informers: Informers) => Iterable<string>, filter: WatchFilter<T> = {}): Watch {
  return { resource, keys, added: filter.added, changed: filter.changed, deleted: filter.deleted ?? true, batched: filter.batched ?? false } as unknown as Watch
}

export interface SyncResult {
  /** Look at the key again after this long, though nothing may have changed. */
  readonly requeueAfterMs?: number
}

export interface KeyedController {
  /** Upstream's name, "deployment-controller". */
  readonly name: string
  /** What metrics call its queue; default the name. */
  readonly queue?: string
  /** Keys worked on at the same time; one key never by two. Default 5. */
  readonly workers?: number
  readonly watches: readonly Watch[]
  /** What `sync` reads besides what it watches. */
  readonly reads?: readonly Resource<never>[]
  /** Delays after failures, in the place of the queue's own. */
  readonly retry?: { readonly baseDelayMs: number; readonly maxDelayMs: number }
  /** Keys that are there from the start without an object. */
  readonly initialKeys?: readonly string[]
  /** Counts objects as they come, as long as the controller runs. Answers how to stop. */
  readonly observe?: (informers: Informers, metrics: Metrics) => () => void
  /** Brings the key's world one step nearer to what it should be. A failure makes the key come back after a delay. */
  sync(key: string, context: KeyedContext): Promise<SyncResult | void>
  /** Of planned controllers: what `sync` would look at and do, without doing it. undefined: nothing to do for the key. */
  decide?(key: string, informers: Informers, world: World): { readonly snapshot: unknown; readonly plan: Plan } | undefined
}

export interface KeyedContext extends ControllerContext {
  readonly signal: AbortSignal
  readonly random: Random
  readonly queue: WorkQueue
}

export interface RunningController {
  readonly name: string
  readonly queue: WorkQueue
  /** Resolves when its informers are filled and its workers run. */
  readonly ready: Promise<void>
  stop(): Promise<void>
}

/** Starts the controller's informers and workers. */
export function runController(controller: KeyedController, context: ControllerContext): RunningController {
  const { env, informers } = context
  const log = env.log.child(controller.name)
  const queue = new WorkQueue({ name: controller.queue ?? controller.name.replaceAll('-', '_'), clock: env.clock, metrics: env.metrics, ...controller.retry })
  const used: Informer<never>[] = (controller.reads ?? []).map((resource) => informers.of(resource))
  const stops: (() => void)[] = []
  const causes = env.trace === undefined ? undefined : new QueuedCauses(env.trace)
  for (const source of controller.watches) {
    const informer = informers.of(source.resource)
    used.push(informer as unknown as Informer<never>)
    stops.push(informer.addHandler(handlerFor(source, informers, queue, context.tuning?.batchMs ?? 0, causes)))
  }
  if (controller.observe !== undefined) stops.push(controller.observe(informers, env.metrics))
  for (const key of controller.initialKeys ?? []) queue.add(key)

  const ready = Promise.all(used.map((informer) => informer.synced)).then(() => undefined)
  const task = env.tasks.go(controller.name, async (signal) => {
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    signal.addEventListener('abort', () => queue.close(), { once: true })
    await Promise.race([ready, aborted])
    if (signal.aborted) return
    const keyed: KeyedContext = { ...context, env: { ...env, log }, signal, random: env.random, queue }
    await Promise.all(Array.from({ length: context.tuning?.workers ?? controller.workers ?? 5 }, () => work(controller, keyed, causes)))
  })
  return {
    name: controller.name, queue, ready,
    async stop() {
      for (const stop of stops) stop()
      await task.stop()
    },
  }
}

function handlerFor(source: Watch, informers: Informers, queue: WorkQueue, batchMs: number, causes: QueuedCauses | undefined): {
  add(object: KubeObject): void; update(object: KubeObject, old: KubeObject): void; delete(object: KubeObject): void
} {
  const addAll = (object: KubeObject): void => {
    for (const key of source.keys(object, informers)) {
      causes?.note(key)
      if (source.batched) queue.addAfter(key, batchMs)
      else queue.add(key)
    }
  }
  return {
    add(object) {
      if (source.added === undefined || source.added(object)) addAll(object)
    },
    update(object, old) {
      if (source.changed !== undefined && !source.changed(object, old)) return
      addAll(old)
      addAll(object)
    },
    delete(object) {
      if (source.deleted) addAll(object)
    },
  }
}

async function work(controller: KeyedController, context: KeyedContext, causes: QueuedCauses | undefined): Promise<void> {
  const { queue, env, signal } = context
  for (let key = await queue.get(); key !== undefined; key = await queue.get()) {
    try {
      const sync = () => controller.sync(key, context)
      const result = await (causes === undefined ? sync() : causes.run(controller.name, key, sync))
      queue.forget(key)
      if (result?.requeueAfterMs !== undefined) queue.addAfter(key, result.requeueAfterMs)
    } catch (error) {
      if (signal.aborted) return
      // Somebody else wrote in between: normal, and settled by looking again.
      const level = isStatus(error, 'Conflict') ? 'debug' : 'warn'
      env.log[level]('sync failed', { key, error: error instanceof Error ? error.message : String(error) })
      if (!isStatus(error, 'Conflict') && !(error instanceof Error && error.name === 'StatusError')) env.log.debug('sync failure', { key, error })
      queue.addRateLimited(key)
    } finally {
      queue.done(key)
    }
  }
}
