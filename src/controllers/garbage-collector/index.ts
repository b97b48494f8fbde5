/**
 * Deletes what has lost its last owner, and lets owners wait for what they own (upstream: pkg/controller/garbagecollector).
 * Imperative: whether an owner exists is asked of the server, never concluded from a cache alone.
 */
import { customResourceDefinitions } from '../../api/generated/resources.ts'
import type { Resource } from '../../api/meta/object.ts'
import type { ControllerContext } from '../../client/controller.ts'
import { discoverResources } from '../../client/discovery.ts'
import { WorkQueue } from '../../client/work-queue.ts'
import type { Running } from '../../client/running.ts'
import { Graph } from './graph.ts'
import { Monitors } from './monitors.ts'
import { Processor, UnknownKindError } from './processor.ts'

export const garbageCollectorName = 'garbage-collector-controller'
const defaultWorkers = 20
/** Discovery is asked this often, and soon after a definition has changed. */
const resyncMs = 30_000
/** A server in this process tells of new kinds by its definitions; what else could change does so rarely. */
const localResyncMs = 600_000
const resyncAfterChangeMs = 1000

export function startGarbageCollector(context: ControllerContext): Running {
  const { client, informers } = context
  const workers = context.tuning?.workers ?? defaultWorkers
  const env = { ...context.env, log: context.env.log.child(garbageCollectorName) }
  const toDelete = new WorkQueue({ name: 'garbage_collector_attempt_to_delete', clock: env.clock, metrics: env.metrics })
  const toOrphan = new WorkQueue({ name: 'garbage_collector_attempt_to_orphan', clock: env.clock, metrics: env.metrics })
  const recorder = context.recorder(garbageCollectorName)
  const graph = new Graph({
    attemptToDelete: (uid, later) => (later === true ? toDelete.addRateLimited(uid) : toDelete.add(uid)),
    attemptToOrphan: (uid) => toOrphan.add(uid),
    invalidNamespace({ apiVersion, kind, namespace, name, uid }, owner) {
      const about = `[${owner.apiVersion}/${owner.kind}, namespace: ${namespace}, name: ${owner.name}, uid: ${owner.uid}]`
      recorder.event({ apiVersion, kind, namespace, name, uid }, 'Warning', 'OwnerRefInvalidNamespace',
        `ownerRef ${about} does not exist in namespace ${JSON.stringify(namespace)}`)
    },
  })
  const kinds = new Map<string, Resource>()
  const monitors = new Monitors(env, client, informers, graph)
  const processor = new Processor({
    client, graph, resourceOf: (group, kind) => kinds.get(`${group}/${kind}`), requeue: (uid) => toDelete.add(uid),
  })

  async function resync(signal: AbortSignal): Promise<void> {
    const { resources, failures } = await discoverResources(client, signal)
    const seen = new Set<string>()
    for (const resource of resources) {
      const key = `${resource.group}/${resource.kind}`
      if (seen.has(key)) continue
      seen.add(key)
      kinds.set(key, resource)
    }
    if (failures.size === 0) for (const key of kinds.keys()) if (!seen.has(key)) kinds.delete(key)
    await monitors.sync(resources, new Set(failures.keys()))
  }

  let markReady!: () => void
  const ready = new Promise<void>((resolve) => (markReady = resolve))
  const wake = { now: () => {} }
  const definitions = informers.of(customResourceDefinitions)
  const unwatch = definitions.addHandler({ add: () => wake.now(), update: () => wake.now(), delete: () => wake.now() })

  const discovery = env.tasks.go(`${garbageCollectorName} discovery`, async (signal) => {
    let first = true
    while (!signal.aborted) {
      try {
        await resync(signal)
        if (first) await Promise.race([monitors.whenSynced(), abortOf(signal)])
        first = false
        markReady()
      } catch (error) {
        if (signal.aborted) return
        env.metrics.counter('garbagecollector_controller_resources_sync_error_total', 'Number of garbage collector resources sync errors').inc()
        env.log.warn('discovery failed', { error: error instanceof Error ? error.message : String(error) })
      }
      const changed = new Promise<void>((resolve) => (wake.now = resolve))
      const woken = changed.then(() => env.clock.sleep(resyncAfterChangeMs, signal))
      await Promise.race([woken, env.clock.sleep(client.local === true ? localResyncMs : resyncMs, signal)]).catch(() => undefined)
      woken.catch(() => undefined)
    }
  })
  const run = async (queue: WorkQueue, signal: AbortSignal, look: (uid: string) => Promise<'done' | 'again'>): Promise<void> => {
    await Promise.race([ready, abortOf(signal)])
    signal.addEventListener('abort', () => queue.close(), { once: true })
    if (signal.aborted) return
    await Promise.all(Array.from({ length: workers }, async () => {
      for (let uid = await queue.get(); uid !== undefined; uid = await queue.get()) {
        try {
          if ((await look(uid)) === 'again') queue.addRateLimited(uid)
          else queue.forget(uid)
        } catch (error) {
          if (signal.aborted) return
          if (!(error instanceof UnknownKindError)) env.log.warn('could not process object', { uid, error: String(error) })
          queue.addRateLimited(uid)
        } finally {
          queue.done(uid)
        }
      }
    }))
  }
  const deleting = env.tasks.go(`${garbageCollectorName} deletions`, (signal) => run(toDelete, signal, (uid) => processor.attemptToDelete(uid, signal)))
  const orphaning = env.tasks.go(`${garbageCollectorName} orphans`, (signal) => run(toOrphan, signal, async (uid) => {
    await processor.attemptToOrphan(uid, signal)
    return 'done'
  }))

  return {
    ready,
    async stop() {
      unwatch()
      await Promise.all([discovery.stop(), deleting.stop(), orphaning.stop()])
      await monitors.stop()
    },
  }
}

function abortOf(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
