/** Pods that wait for an event, found by the plugins that keep them waiting, so that an event costs only those it may help. */
import { type ClusterEvent, type EventInterest, matchesInterest } from './cluster-events.ts'
import type { QueuedPod, QueueProfile } from './queue.ts'

export const anyEvent: readonly EventInterest[] = [{ resource: '*', actions: [] }]

interface Kept {
  readonly queued: QueuedPod
  readonly buckets: readonly Set<QueuedPod>[]
}

interface Bucket {
  readonly profile: string
  readonly plugin: string
  readonly pods: Set<QueuedPod>
}

export class RefusedPods {
  readonly #profile: (schedulerName: string) => QueueProfile | undefined
  readonly #kept = new Map<string, Kept>()
  /** By "profile\nplugin". */
  readonly #buckets = new Map<string, Bucket>()

  constructor(profile: (schedulerName: string) => QueueProfile | undefined) {
    this.#profile = profile
  }

  get size(): number {
    return this.#kept.size
  }

  get(uid: string): QueuedPod | undefined {
    return this.#kept.get(uid)?.queued
  }

  has(uid: string): boolean {
    return this.#kept.has(uid)
  }

  *values(): IterableIterator<QueuedPod> {
    for (const { queued } of this.#kept.values()) yield queued
  }

  /** Gated pods wait for what opens their gate; others for what helps with any plugin that refused them. */
  set(queued: QueuedPod): void {
    this.delete(queued.uid)
    const { gatedBy, unschedulablePlugins, pendingPlugins } = queued
    const plugins = gatedBy === undefined ? [...unschedulablePlugins.union(pendingPlugins)] : [gatedBy]
    const profile = queued.pod.spec?.schedulerName ?? ''
    const buckets = (plugins.length === 0 ? [''] : plugins).map((plugin) => {
      const key = `${profile}\n${plugin}`
      let bucket = this.#buckets.get(key)
      if (bucket === undefined) this.#buckets.set(key, (bucket = { profile, plugin, pods: new Set() }))
      bucket.pods.add(queued)
      return bucket.pods
    })
    this.#kept.set(queued.uid, { queued, buckets })
  }

  delete(uid: string): void {
    const kept = this.#kept.get(uid)
    if (kept === undefined) return
    this.#kept.delete(uid)
    for (const bucket of kept.buckets) bucket.delete(kept.queued)
  }

  /** Pods with a plugin that looks at events of this kind; a copy, so that they may be moved. */
  interestedIn(event: ClusterEvent): Iterable<QueuedPod> {
    if (event.resource === '*') return [...this.values()]
    let found: Set<QueuedPod> | undefined
    for (const { profile, plugin, pods } of this.#buckets.values()) {
      if (pods.size === 0 || !this.interests(profile, plugin).some((interest) => matchesInterest(interest, event))) continue
      found = found === undefined ? new Set(pods) : found.union(pods)
    }
    return found ?? []
  }

  /** Plugins that tell no events wait for any. */
  interests(profile: string, plugin: string): readonly EventInterest[] {
    return this.#profile(profile)?.eventsOf(plugin) ?? anyEvent
  }
}
