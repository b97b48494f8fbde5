/**
 * A world without a server, for properties of planned controllers: objects in caches, and an executor that does a plan's
 * writes to them. Names that the server would make are made here, uids and resource versions too.
 */
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import type { Random } from '../../base/env.ts'
import { applyMergePatch } from '../../api/patch/merge-patch.ts'
import type { Informer, Informers } from '../../client/informer.ts'
import { keyOf, ObjectCache } from '../../client/lister.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import type { EventStep, Outcome, Step } from '../../client/steps.ts'

export interface PureWorld {
  readonly informers: Informers
  put<T>(resource: Resource<T>, object: T): void
  list<T>(resource: Resource<T>): T[]
  /** Writes that were done, in order. */
  readonly writes: Step[]
  readonly events: EventStep[]
  /** Plans every key that the watches name and does what is planned, until nothing is written; fails after `rounds`. */
  converge<S>(definition: ControllerDefinition<S>, now: number, rounds?: number): void
}

const random: Random = { next: () => 0.5, int: (below) => below >> 1, uuid: () => '00000000-0000-4000-8000-000000000000', bytes: (length) => new Uint8Array(length) }

export function createPureWorld(): PureWorld {
  const caches = new Map<string, ObjectCache<KubeObject>>()
  const writes: Step[] = []
  const events: EventStep[] = []
  let version = 0

  const cacheOf = (resource: Resource<never> | Resource<KubeObject>): ObjectCache<KubeObject> => {
    const name = `${resource.resource}.${resource.group}`
    const cache = caches.get(name) ?? new ObjectCache<KubeObject>()
    caches.set(name, cache)
    return cache
  }
  const store = (resource: Resource<KubeObject>, object: KubeObject): KubeObject => {
    version++
    const { name = `${object.metadata.generateName}${version}`, uid = `uid-${version}` } = object.metadata
    const stored = JSON.parse(JSON.stringify({ ...object, metadata: { ...object.metadata, name, uid, resourceVersion: String(version) } })) as KubeObject
    const finished = stored.metadata.deletionTimestamp !== undefined && (stored.metadata.finalizers ?? []).length === 0
    if (finished) cacheOf(resource).delete(keyOf(stored))
    else cacheOf(resource).set(keyOf(stored), stored)
    return stored
  }

  function perform(step: Step): number {
    switch (step.do) {
      case 'batch': return step.steps.reduce((sum, one) => sum + perform(one), 0)
      case 'event':
        events.push(step)
        return 0
      case 'check': case 'absent': return 0
      case 'delete': {
        const found = cacheOf(step.resource).get(step.key)
        if (found === undefined) return 0
        writes.push(step)
        if ((found.metadata.finalizers ?? []).length === 0) cacheOf(step.resource).delete(keyOf(found))
        else store(step.resource, { ...found, metadata: { ...found.metadata, deletionTimestamp: '2024-01-01T00:00:00Z' } })
        return 1
      }
      case 'patch': {
        const found = cacheOf(step.resource).get(step.key)
        if (found === undefined) return 0
        writes.push(step)
        store(step.resource, applyMergePatch(found, step.patch) as KubeObject)
        return 1
      }
      default: {
        if (step.do === 'update' && cacheOf(step.resource).get(keyOf(step.object)) === undefined) return 0
        writes.push(step)
        const made = store(step.resource, step.object)
        perform({ do: 'batch', steps: step.onDone?.(made) ?? [] })
        return 1
      }
    }
  }

  const informers: Informers = {
    of: (resource) => cacheOf(resource as Resource<never>) as unknown as Informer<never>,
    existing: () => undefined,
    synced: () => Promise.resolve(),
  }
  const none: Outcome = { errors: [], done: 0, skipped: 0, failed: [], made: [] }

  return {
    informers, writes, events,
    put: (resource, object) => void store(resource as Resource<KubeObject>, object as KubeObject),
    list: (resource) => cacheOf(resource as Resource<never>).list() as never[],
    converge(definition, now, rounds = 20) {
      for (let round = 0; ; round++) {
        const keys = new Set<string>()
        for (const source of definition.watches) {
          for (const object of cacheOf(source.resource).list()) for (const key of source.keys(object, informers)) keys.add(key)
        }
        let written = 0
        for (const key of keys) {
          const snapshot = definition.snapshot(key, informers)
          if (snapshot === undefined) continue
          const plan = definition.plan(snapshot, { now, random })
          for (const step of plan.steps) written += perform(step)
          for (const step of plan.status?.(none) ?? []) written += perform(step)
        }
        if (written === 0) return
        if (round >= rounds) throw new Error(`${definition.name} goes on after ${rounds} rounds: ${JSON.stringify(writes.slice(-3))}`)
      }
    },
  }
}
