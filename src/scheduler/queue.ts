/**
 * Pods that want a node (upstream: backend/queue): active by priority and age, backing off, refused until something
 * changes, gated; and the nominations that preemption made.
 */
import type { Pod } from '../api/generated/types/core-v1.ts'
import type { Clock } from '../base/env.ts'
import { KeyedHeap } from '../base/heap.ts'
import { type ClusterEvent, type EventInterest, eventLabel, matchesInterest, podChanges, unschedulableTimeout } from './cluster-events.ts'
import type { QueueOrder, Verdict } from './framework.ts'
import { RefusedPods } from './refused-pods.ts'
import { type PodInfo, podInfo } from './snapshot.ts'

export interface QueuedPod extends QueueOrder {
  readonly uid: string
  info: PodInfo
  readonly pod: Pod
  readonly priority: number
  /** Milliseconds: when it came into the queue it is in, for order among equals. */
  timestamp: number
  /** When it was first ready to be tried; undefined while gated. */
  firstReady: number | undefined
  attempts: number
  unschedulableCount: number
  consecutiveErrors: number
  /** When its back-off ends; undefined: not reckoned since its last attempt. */
  backoffUntil: number | undefined
  /** Plugins that refused it last; only their events can help. */
  unschedulablePlugins: ReadonlySet<string>
  /** Plugins that wait for something and want the pod tried again without back-off. */
  pendingPlugins: ReadonlySet<string>
  gatedBy: string | undefined
  flushed: boolean
}

/** What the queue asks of a pod's profile. */
export interface QueueProfile {
  /** What the plugin waits for; undefined when it does not say. */
  eventsOf(plugin: string): readonly EventInterest[] | undefined
  preEnqueue(pod: Pod): { readonly plugin: string; readonly verdict: Verdict } | undefined
}

export interface QueueOptions {
  readonly initialBackoffMs?: number
  readonly maxBackoffMs?: number
  /** A refused pod is tried again after this time even when nothing happened. */
  readonly maxInUnschedulableMs?: number
  readonly less?: (a: QueueOrder, b: QueueOrder) => boolean
  /** Called for each pod that enters a queue, for metrics. */
  readonly incoming?: (queue: 'active' | 'backoff' | 'unschedulable', event: string) => void
  /** Called for each hint that a plugin was asked for, for metrics. */
  readonly hinted?: (plugin: string, event: string, hint: Hint, seconds: number) => void
}

/** What a plugin makes of an event, as the metric calls it. */
export type Hint = 'Queue' | 'QueueSkip' | 'Error'

type Strategy = 'skip' | 'backoff' | 'now'

/** How often those are looked for that have waited too long. */
const flushEveryMs = 30_000
/** Back-offs end together in steps of this, so that pods of one step keep the order of the active queue. */
const windowMs = 1_000
const byPriority = (a: QueueOrder, b: QueueOrder) => a.priority > b.priority || (a.priority === b.priority && a.timestamp < b.timestamp)

export class SchedulingQueue {
  readonly #clock: Clock
  readonly #profile: (schedulerName: string) => QueueProfile | undefined
  readonly #options: Required<Omit<QueueOptions, 'less' | 'incoming' | 'hinted'>> & QueueOptions
  readonly #active: KeyedHeap<QueuedPod>
  readonly #backoff: KeyedHeap<QueuedPod>
  /** Pods whose attempt ended in an error: they are never tried before their back-off is over. */
  readonly #errorBackoff: KeyedHeap<QueuedPod>
  readonly #unschedulable: RefusedPods
  /** Pods popped and not yet settled; for each the number of events that it has seen. */
  readonly #inFlight = new Map<string, { from: number; own: ClusterEvent[] }>()
  /** Events since the oldest pod in flight was popped. */
  #events: ClusterEvent[] = []
  #eventBase = 0
  readonly #nominatedNode = new Map<string, { node: string; info: PodInfo }>()
  readonly #nominatedOn = new Map<string, Set<string>>()
  #wake: (() => void) | undefined
  #nextFlush = 0

  constructor(clock: Clock, profile: (schedulerName: string) => QueueProfile | undefined, options: QueueOptions = {}) {
    this.#clock = clock
    this.#profile = profile
    this.#unschedulable = new RefusedPods(profile)
    this.#options = { initialBackoffMs: 1_000, maxBackoffMs: 10_000, maxInUnschedulableMs: 5 * 60_000, ...options }
    const less = options.less ?? byPriority
    const key = (p: QueuedPod) => p.uid
    this.#active = new KeyedHeap(key, less)
    this.#backoff = new KeyedHeap(key, (a, b) => {
      const difference = this.#backoffEnd(a) - this.#backoffEnd(b)
      return difference < 0 || (difference === 0 && less(a, b))
    })
    this.#errorBackoff = new KeyedHeap(key, (a, b) => this.#backoffEnd(a) < this.#backoffEnd(b))
  }

  get sizes(): { active: number; backoff: number; unschedulable: number; gated: number } {
    let gated = 0
    for (const queued of this.#unschedulable.values()) if (queued.gatedBy !== undefined) gated++
    return { active: this.#active.size, backoff: this.#backoff.size + this.#errorBackoff.size, unschedulable: this.#unschedulable.size - gated, gated }
  }

  /** Pods that are being tried, and events kept for them, by kind. */
  inFlight(): Map<string, number> {
    const counts = new Map<string, number>(this.#inFlight.size === 0 ? [] : [['PodPopped', this.#inFlight.size]])
    for (const event of this.#events) counts.set(eventLabel(event), (counts.get(eventLabel(event)) ?? 0) + 1)
    return counts
  }

  /** How many refused pods each plugin keeps waiting; keys are "plugin\nprofile". */
  refusedByPlugin(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { unschedulablePlugins, pendingPlugins, pod } of this.#unschedulable.values()) {
      for (const plugin of unschedulablePlugins.union(pendingPlugins)) {
        const key = `${plugin}\n${pod.spec!.schedulerName ?? ''}`
        counts.set(key, (counts.get(key) ?? 0) + 1)
      }
    }
    return counts
  }

  add(pod: Pod): void {
    this.#nominateFromStatus(pod)
    this.#toActive(this.#queuedPod(pod), 'UnschedulablePodAdd')
  }

  update(pod: Pod, old: Pod): void {
    const uid = pod.metadata.uid!
    const events = podChanges(pod, old)
    const flight = this.#inFlight.get(uid)
    if (flight !== undefined) {
      flight.own.push(...events)
      return
    }
    if ((pod.status?.nominatedNodeName ?? '') !== (old.status?.nominatedNodeName ?? '') || this.#nominatedNode.has(uid)) this.#nominateFromUpdate(pod, old)
    for (const heap of [this.#active, this.#backoff, this.#errorBackoff]) {
      const waiting = heap.get(uid)
      if (waiting === undefined) continue
      waiting.info = podInfo(pod)
      heap.push(waiting)
      return
    }
    const refused = this.#unschedulable.get(uid)
    if (refused === undefined) return this.add(pod)
    refused.info = podInfo(pod)
    for (const event of events) {
      if (this.#requeue(refused, this.#worth(refused, event), eventLabel(event)) !== 'unschedulable') break
    }
    this.#notify()
  }

  delete(uid: string): void {
    this.#active.delete(uid)
    this.#backoff.delete(uid)
    this.#errorBackoff.delete(uid)
    this.#unschedulable.delete(uid)
    this.#setNomination(uid, undefined)
  }

  has(uid: string): boolean {
    return this.#active.has(uid) || this.#backoff.has(uid) || this.#errorBackoff.has(uid) || this.#unschedulable.has(uid)
  }

  /** The next pod to schedule, if there is one now. */
  tryPop(): QueuedPod | undefined {
    this.#flush()
    let next = this.#active.pop()
    // With nothing better to do, pods are tried before their back-off is over.
    if (next === undefined && (next = this.#backoff.pop()) !== undefined) next.firstReady ??= this.#clock.now()
    return next === undefined ? undefined : this.#fly(next)
  }

  /** That very pod, whatever it waits for but a gate; undefined when the queue does not have it. */
  take(pod: Pod): QueuedPod | undefined {
    this.activate([pod])
    const queued = this.#active.delete(pod.metadata.uid!)
    return queued === undefined ? undefined : this.#fly(queued)
  }

  #fly(next: QueuedPod): QueuedPod {
    next.attempts++
    next.backoffUntil = undefined
    this.#inFlight.set(next.uid, { from: this.#eventBase + this.#events.length, own: [] })
    return next
  }

  /** The next pod to schedule; waits for one. Undefined when the signal is aborted. */
  async pop(signal: AbortSignal): Promise<QueuedPod | undefined> {
    while (!signal.aborted) {
      const next = this.tryPop()
      if (next !== undefined) return next
      await this.#nextChange(signal)
    }
    return undefined
  }

  /** The pod's attempt is over and it needs no more: bound, deleted, or recreated. */
  done(uid: string): void {
    if (!this.#inFlight.delete(uid)) return
    if (this.#inFlight.size === 0) {
      this.#eventBase += this.#events.length
      this.#events = []
      return
    }
    // Pods are in flight in the order in which they were popped.
    const first = this.#inFlight.values().next().value!
    if (first.from - this.#eventBase < 1_000) return
    this.#events.splice(0, first.from - this.#eventBase)
    this.#eventBase = first.from
  }

  /** The pod's attempt was refused: wait for an event that helps, or back off when one came during the attempt. */
  addUnschedulable(queued: QueuedPod, pod: Pod, unschedulablePlugins: ReadonlySet<string>, pendingPlugins: ReadonlySet<string> = new Set()): void {
    const flight = this.#inFlight.get(queued.uid)
    queued.info = podInfo(pod)
    queued.unschedulablePlugins = unschedulablePlugins
    queued.pendingPlugins = pendingPlugins
    queued.timestamp = this.#clock.now()
    queued.backoffUntil = undefined
    queued.flushed = false
    if (unschedulablePlugins.size === 0 && pendingPlugins.size === 0) queued.consecutiveErrors++
    else {
      queued.unschedulableCount++
      queued.consecutiveErrors = 0
    }
    let strategy: Strategy = unschedulablePlugins.size + pendingPlugins.size === 0 ? 'backoff' : 'skip'
    if (strategy === 'skip' && flight !== undefined) {
      const seen = [...this.#events.slice(flight.from - this.#eventBase), ...flight.own]
      for (const event of seen) {
        const worth = this.#worth(queued, event)
        if (worth === 'skip') continue
        strategy = worth
        if (worth === 'now' || pendingPlugins.size === 0) break
      }
    }
    this.#requeue(queued, strategy, 'ScheduleAttemptFailure')
    this.done(queued.uid)
    this.#notify()
  }

  /** Moves the refused pods that the event may help. `check` leaves pods out. */
  move(event: ClusterEvent, check?: (pod: PodInfo) => boolean): void {
    if (this.#inFlight.size > 0) this.#events.push(event)
    if (this.#unschedulable.size === 0) return
    let moved = false
    for (const queued of this.#unschedulable.interestedIn(event)) {
      if (check?.(queued.info) === false) continue
      const worth = this.#worth(queued, event)
      if (worth !== 'skip' && this.#requeue(queued, worth, eventLabel(event)) !== 'unschedulable') moved = true
    }
    if (moved) this.#notify()
  }

  /** Brings pods to the active queue whatever they wait for. */
  activate(pods: readonly Pod[]): void {
    for (const { metadata: { uid } } of pods) {
      const queued = this.#unschedulable.get(uid!) ?? this.#backoff.delete(uid!) ?? this.#errorBackoff.delete(uid!)
      if (queued === undefined) this.#inFlight.get(uid!)?.own.push({ resource: '*', action: 'Update', label: 'ForceActivate' })
      else this.#toActive(queued, 'ForceActivate')
    }
  }

  /** Remembers the node that preemption cleared for the pod; '' forgets it. */
  nominate(info: PodInfo, node: string): void {
    this.#setNomination(info.uid, node === '' ? undefined : { node, info })
  }

  /** Pods nominated to the node. */
  nominatedOn(node: string): readonly PodInfo[] {
    const uids = this.#nominatedOn.get(node)
    if (uids === undefined) return none
    return [...uids].map((uid) => this.#nominatedNode.get(uid)!.info)
  }

  #nominateFromStatus(pod: Pod): void {
    const node = pod.status?.nominatedNodeName ?? ''
    if (node !== '') this.nominate(podInfo(pod), node)
  }

  #nominateFromUpdate(pod: Pod, old: Pod): void {
    const node = pod.status?.nominatedNodeName ?? ''
    const before = old.status?.nominatedNodeName ?? ''
    // An update that says nothing of a nomination keeps the one that is still being written.
    const known = this.#nominatedNode.get(pod.metadata.uid!)
    if (node === '' && before === '' && known !== undefined) this.nominate(podInfo(pod), known.node)
    else this.nominate(podInfo(pod), node)
  }

  #setNomination(uid: string, nomination: { node: string; info: PodInfo } | undefined): void {
    const known = this.#nominatedNode.get(uid)
    if (known !== undefined) {
      const on = this.#nominatedOn.get(known.node)
      on?.delete(uid)
      if (on?.size === 0) this.#nominatedOn.delete(known.node)
      this.#nominatedNode.delete(uid)
    }
    if (nomination === undefined) return
    this.#nominatedNode.set(uid, nomination)
    const on = this.#nominatedOn.get(nomination.node)
    if (on === undefined) this.#nominatedOn.set(nomination.node, new Set([uid]))
    else on.add(uid)
  }

  #queuedPod(pod: Pod): QueuedPod {
    return {
      uid: pod.metadata.uid!, info: podInfo(pod), timestamp: this.#clock.now(), firstReady: undefined, attempts: 0, unschedulableCount: 0,
      consecutiveErrors: 0, backoffUntil: undefined, unschedulablePlugins: new Set(), pendingPlugins: new Set(), gatedBy: undefined, flushed: false,
      get pod() {
        return this.info.pod
      },
      get priority() {
        return this.info.priority
      },
    }
  }

  #isGated(queued: QueuedPod): boolean {
    const gate = this.#profile(queued.pod.spec?.schedulerName ?? '')?.preEnqueue(queued.pod)
    queued.gatedBy = gate?.plugin
    if (gate !== undefined) queued.unschedulablePlugins = new Set([...queued.unschedulablePlugins, gate.plugin])
    return gate !== undefined
  }

  #toActive(queued: QueuedPod, event: string, fromBackoff = false): 'active' | 'unschedulable' {
    if (!fromBackoff && this.#isGated(queued)) return this.#toUnschedulable(queued, event)
    queued.firstReady ??= this.#clock.now()
    this.#unschedulable.delete(queued.uid)
    this.#active.push(queued)
    this.#options.incoming?.('active', event)
    this.#notify()
    return 'active'
  }

  #toUnschedulable(queued: QueuedPod, event: string): 'unschedulable' {
    if (!this.#unschedulable.has(queued.uid)) this.#options.incoming?.('unschedulable', event)
    this.#unschedulable.set(queued)
    return 'unschedulable'
  }

  #requeue(queued: QueuedPod, strategy: Strategy, event: string): 'active' | 'backoff' | 'unschedulable' {
    if (strategy === 'skip') return this.#toUnschedulable(queued, event)
    if (strategy === 'now' || !this.#isBackingOff(queued)) return this.#toActive(queued, event)
    if (this.#isGated(queued)) return this.#toUnschedulable(queued, event)
    this.#unschedulable.delete(queued.uid)
    const failed = queued.unschedulablePlugins.size + queued.pendingPlugins.size === 0
    ;(failed ? this.#errorBackoff : this.#backoff).push(queued)
    this.#options.incoming?.('backoff', event)
    return 'backoff'
  }

  /** What the event means for the refused pod. */
  #worth(queued: QueuedPod, event: ClusterEvent): Strategy {
    if (queued.unschedulablePlugins.size + queued.pendingPlugins.size === 0) return 'backoff'
    if (event.resource === '*') {
      const object = event.object as Pod | undefined
      return object === undefined || object.metadata.uid === queued.uid ? 'backoff' : 'skip'
    }
    let strategy: Strategy = 'skip'
    for (const [name, pending] of rejectors(queued)) {
      for (const interest of this.#interests(queued, name)) {
        if (!matchesInterest(interest, event) || !this.#hinted(name, interest, queued.pod, event)) continue
        if (pending) return 'now'
        if (queued.pendingPlugins.size === 0) return 'backoff'
        strategy = 'backoff'
      }
    }
    return strategy
  }

  /** A hint that fails counts as a yes: a try too many is better than a pod forgotten. */
  #hinted(plugin: string, { hint }: EventInterest, pod: Pod, event: ClusterEvent): boolean {
    if (hint === undefined) return true
    const began = this.#clock.monotonic()
    let said: Hint
    try {
      said = hint(pod, event) ? 'Queue' : 'QueueSkip'
    } catch {
      said = 'Error'
    }
    this.#options.hinted?.(plugin, eventLabel(event), said, (this.#clock.monotonic() - began) / 1000)
    return said !== 'QueueSkip'
  }

  #interests(queued: QueuedPod, plugin: string): readonly EventInterest[] {
    return this.#unschedulable.interests(queued.pod.spec?.schedulerName ?? '', plugin)
  }

  #backoffEnd(queued: QueuedPod): number {
    const { initialBackoffMs, maxBackoffMs } = this.#options
    const count = queued.consecutiveErrors > 0 ? queued.consecutiveErrors : queued.unschedulableCount
    if (maxBackoffMs === 0 || count === 0) return 0
    if (queued.backoffUntil === undefined) {
      const end = queued.timestamp + Math.min(maxBackoffMs, initialBackoffMs * 2 ** (count - 1))
      queued.backoffUntil = end - (end % windowMs)
    }
    return queued.backoffUntil
  }

  #isBackingOff(queued: QueuedPod): boolean {
    const now = this.#clock.now()
    return this.#backoffEnd(queued) >= now - (now % windowMs)
  }

  #flush(): void {
    for (const heap of [this.#backoff, this.#errorBackoff]) {
      for (let first = heap.peek(); first !== undefined && !this.#isBackingOff(first); first = heap.peek()) {
        heap.pop()
        this.#toActive(first, 'BackoffComplete', true)
      }
    }
    const now = this.#clock.now()
    if (now < this.#nextFlush) return
    this.#nextFlush = now + flushEveryMs
    for (const queued of Array.from(this.#unschedulable.values())) {
      if (now - queued.timestamp <= this.#options.maxInUnschedulableMs || queued.gatedBy !== undefined) continue
      queued.flushed = true
      this.#requeue(queued, 'backoff', eventLabel(unschedulableTimeout))
    }
  }

  async #nextChange(signal: AbortSignal): Promise<void> {
    const now = this.#clock.now()
    const first = this.#errorBackoff.peek()
    const wait = first === undefined ? 30_000 : Math.min(30_000, Math.max(1, this.#backoffEnd(first) + windowMs - now))
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimeout(() => finish(), wait)
      const finish = () => {
        timer.cancel()
        signal.removeEventListener('abort', finish)
        resolve()
      }
      this.#wake = finish
      signal.addEventListener('abort', finish, { once: true })
    })
    this.#wake = undefined
  }

  #notify(): void {
    this.#wake?.()
  }
}

const none: readonly PodInfo[] = []

function* rejectors({ unschedulablePlugins, pendingPlugins }: QueuedPod): Generator<[string, boolean]> {
  for (const name of pendingPlugins) yield [name, true]
  for (const name of unschedulablePlugins) if (!pendingPlugins.has(name)) yield [name, false]
}
