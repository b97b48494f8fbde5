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
  /**
   * One round of that. `dies` is asked before each write: true ends the plan there, as if the process were killed; writes
   * of a batch that are done at the same time are done in any order then. Answers how many were written, and whether it died.
   */
  round<S>(definition: ControllerDefinition<S>, now: number, dies?: () => boolean): { written: number; died: boolean }
  /** Called before each write, with what it is about as it is now. */
  onWrite?: (step: Write, before: KubeObject | undefined) => void
  /** What there is, without what the server makes up: equal for worlds that differ in names and uids only. */
  normal(): string
}

export type Write = Exclude<Step, { do: 'batch' | 'event' | 'check' | 'absent' }>

class Killed extends Error {}
/** The server refuses a write: the rest of the plan is given up. */
class Refused extends Error {}

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

  let dies: (() => boolean) | undefined

  /** The next write, unless the process is killed before it. */
  function before(step: Write, found: KubeObject | undefined): void {
    if (dies?.() === true) throw new Killed('killed')
    writes.push(step)
    world.onWrite?.(step, found)
  }

  function perform(step: Step): number {
    switch (step.do) {
      case 'batch': {
        const together = dies === undefined || step.inOrder === true ? step.steps : [...step.steps].reverse()
        return together.reduce((sum, one) => sum + perform(one), 0)
      }
      case 'event':
        events.push(step)
        return 0
      case 'check': case 'absent': return 0
      case 'delete': {
        const found = cacheOf(step.resource).get(step.key)
        if (found === undefined) return 0
        before(step, found)
        if ((found.metadata.finalizers ?? []).length === 0) cacheOf(step.resource).delete(keyOf(found))
        else store(step.resource, { ...found, metadata: { ...found.metadata, deletionTimestamp: '2024-01-01T00:00:00Z' } })
        return 1
      }
      case 'patch': {
        const found = cacheOf(step.resource).get(step.key)
        if (found === undefined) return 0
        before(step, found)
        const patched = step.type === 'merge' ? applyMergePatch(found, step.patch) : applyStrategically(found, step.patch)
        store(step.resource, patched as KubeObject)
        return 1
      }
      default: {
        const found = step.object.metadata.name === undefined ? undefined : cacheOf(step.resource).get(keyOf(step.object))
        if ((step.do === 'update') === (found === undefined)) return 0
        const version = step.object.metadata.resourceVersion
        if (found !== undefined && version !== undefined && version !== found.metadata.resourceVersion) throw new Refused('conflict')
        before(step, found)
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

  const world: PureWorld = {
    informers, writes, events,
    put: (resource, object) => void store(resource as Resource<KubeObject>, object as KubeObject),
    list: (resource) => cacheOf(resource as Resource<never>).list() as never[],
    converge(definition, now, rounds = 20) {
      for (let round = 0; ; round++) {
        if (world.round(definition, now).written === 0) return
        if (round >= rounds) throw new Error(`${definition.name} goes on after ${rounds} rounds: ${JSON.stringify(writes.slice(-3))}`)
      }
    },
    round(definition, now, killer) {
      const keys = new Set<string>()
      for (const source of definition.watches) {
        for (const object of cacheOf(source.resource).list()) for (const key of source.keys(object, informers)) keys.add(key)
      }
      dies = killer
      const start = writes.length
      try {
        for (const key of keys) {
          const snapshot = definition.snapshot(key, informers)
          if (snapshot === undefined) continue
          const plan = definition.plan(snapshot, { now, random })
          try {
            for (const step of plan.steps) perform(step)
            for (const step of plan.status?.(none) ?? []) perform(step)
            plan.committed?.()
          } catch (error) {
            if (!(error instanceof Refused)) throw error
          }
        }
        return { written: writes.length - start, died: false }
      } catch (error) {
        if (!(error instanceof Killed)) throw error
        return { written: writes.length - start, died: true }
      } finally {
        dies = undefined
      }
    },
    normal() {
      const made = new Map<string, string>()
      for (const cache of caches.values()) {
        for (const { metadata } of cache.list()) if (metadata.generateName !== undefined && metadata.name !== undefined) made.set(metadata.name, '*')
      }
      const lines = [...caches].flatMap(([name, cache]) => cache.list().map((object) => {
        const plain = JSON.stringify(object, (key, value: unknown) => {
          if (unlike.has(key)) return undefined
          return isFields(value) ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) : value
        })
        return `${name} ${[...made].reduce((text, [from, to]) => text.replaceAll(`"${from}"`, `"${to}"`), plain)}`
      }))
      return lines.toSorted().join('\n')
    },
  }
  return world
}

/** What tells of the way rather than of the end. */
const unlike: ReadonlySet<string> = new Set(['uid', 'resourceVersion', 'reason', 'message', 'lastTransitionTime', 'lastUpdateTime'])

type Fields = Record<string, unknown>
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const mergeKeys: Readonly<Record<string, string>> = { ownerReferences: 'uid', conditions: 'type' }

/** What strategic and applied patches of controllers do to the lists that they name; else it is a merge patch. */
function applyStrategically(object: unknown, change: unknown): unknown {
  if (!isFields(object) || !isFields(change)) return change
  const out: Fields = { ...object }
  for (const [key, value] of Object.entries(change)) {
    const removed = /^\$deleteFromPrimitiveList\/(.+)$/.exec(key)?.[1]
    if (removed !== undefined) out[removed] = (out[removed] as unknown[] | undefined)?.filter((one) => !(value as unknown[]).includes(one))
    else if (value === null) delete out[key]
    else if (Array.isArray(value) && mergeKeys[key] !== undefined) out[key] = mergeByKey(out[key] as Fields[] | undefined ?? [], value as Fields[], mergeKeys[key])
    else if (Array.isArray(value) && key === 'finalizers') out[key] = [...new Set([...(out[key] as string[] | undefined ?? []), ...value as string[]])]
    else out[key] = applyStrategically(out[key], value)
  }
  return out
}

function mergeByKey(list: Fields[], changes: Fields[], key: string): Fields[] {
  return changes.reduce((merged, { $patch, ...change }) => {
    const rest = merged.filter((one) => one[key] !== change[key])
    return $patch === 'delete' ? rest : [...rest, { ...merged.find((one) => one[key] === change[key]), ...change }]
  }, list)
}
