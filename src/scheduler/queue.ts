/**
 * Pods that want a node (upstream: backend/queue): active by priority and age, backing off, refused until something
 * changes, gated; and the nominations that preemption made.
 */
import type { Pod } from '../api/generated/types/core-v1.ts'
import type { Clock } from '../base/env.ts'
import { KeyedHeap } from '../base/heap.ts'
import type { ClusterEvent, SchedulerPlugin } from './framework.ts'
import { type PodInfo, podInfo } from './snapshot.ts'

export interface QueuedPod {
  readonly uid: string
  info: PodInfo
  /** Milliseconds: when it came into the queue it is in, for order among equals. */
  timestamp: number
  attempts: number
  backoffUntil: number
  /** Plugins that refused it last; only their events can help. */
  refusedBy: ReadonlySet<string>
}

const initialBackoffMs = 1_000
const maxBackoffMs = 10_000
/** A refused pod is tried again after this time even when nothing happened. */
const maxTimeUnschedulableMs = 5 * 60_000

export class SchedulingQueue {
  readonly #clock: Clock
  readonly #plugins: ReadonlyMap<string, SchedulerPlugin>
  readonly #active = new KeyedHeap<QueuedPod>((p) => p.uid, (a, b) => a.info.priority > b.info.priority || (a.info.priority === b.info.priority && a.timestamp < b.timestamp))
  readonly #backoff = new KeyedHeap<QueuedPod>((p) => p.uid, (a, b) => a.backoffUntil < b.backoffUntil)
  readonly #unschedulable = new Map<string, QueuedPod>()
  readonly #gated = new Map<string, QueuedPod>()
  /** Pods popped and not yet settled, with the events that came meanwhile. */
  readonly #inFlight = new Map<string, ClusterEvent[]>()
  readonly #nominatedNode = new Map<string, { node: string; info: PodInfo }>()
  #wake: (() => void) | undefined

  constructor(clock: Clock, plugins: readonly SchedulerPlugin[]) {
    this.#clock = clock
    this.#plugins = new Map(plugins.map((plugin) => [plugin.name, plugin]))
  }

  get sizes(): { active: number; backoff: number; unschedulable: number; gated: number } {
    return { active: this.#active.size, backoff: this.#backoff.size, unschedulable: this.#unschedulable.size, gated: this.#gated.size }
  }

  add(pod: Pod): void {
    const now = this.#clock.now()
    this.#enqueue({ uid: pod.metadata.uid!, info: podInfo(pod), timestamp: now, attempts: 0, backoffUntil: 0, refusedBy: new Set() })
    this.nominate(pod)
  }

  update(pod: Pod, old: Pod): void {
    const uid = pod.metadata.uid!
    if (this.#inFlight.has(uid)) {
      this.#inFlight.get(uid)!.push({ resource: 'Pod/unscheduled', action: 'Update', object: pod, old })
      return
    }
    this.nominate(pod)
    const waiting = this.#active.get(uid) ?? this.#backoff.get(uid)
    if (waiting !== undefined) {
      waiting.info = podInfo(pod)
      if (this.#active.has(uid)) this.#active.push(waiting)
      return
    }
    const refused = this.#unschedulable.get(uid) ?? this.#gated.get(uid)
    if (refused === undefined) return this.add(pod)
    refused.info = podInfo(pod)
    // Status writes (its own refusal among them) cannot make it schedulable; a changed spec or labels can.
    if (pod.spec === old.spec && sameLabels(pod, old)) return
    if (!specChanged(pod, old) && sameLabels(pod, old)) return
    this.#unschedulable.delete(uid)
    this.#gated.delete(uid)
    this.#enqueue(refused)
  }

  delete(uid: string): void {
    this.#active.delete(uid)
    this.#backoff.delete(uid)
    this.#unschedulable.delete(uid)
    this.#gated.delete(uid)
    this.#nominatedNode.delete(uid)
  }

  /** The next pod to schedule; waits for one. Undefined when the signal is aborted. */
  async pop(signal: AbortSignal): Promise<QueuedPod | undefined> {
    while (!signal.aborted) {
      this.#flush()
      const next = this.#active.pop()
      if (next !== undefined) {
        next.attempts++
        this.#inFlight.set(next.uid, [])
        return next
      }
      await this.#nextChange(signal)
    }
    return undefined
  }

  /** The pod's attempt is over and it needs no more: bound, deleted, or recreated. */
  done(uid: string): void {
    this.#inFlight.delete(uid)
  }

  /** The pod's attempt was refused: wait for an event that helps, or back off when one came during the attempt. */
  addUnschedulable(queued: QueuedPod, pod: Pod, refusedBy: ReadonlySet<string>): void {
    const events = this.#inFlight.get(queued.uid) ?? []
    this.#inFlight.delete(queued.uid)
    queued.info = podInfo(pod)
    queued.refusedBy = refusedBy
    queued.timestamp = this.#clock.now()
    queued.backoffUntil = queued.timestamp + backoffMs(queued.attempts)
    // Refused by no plugin means an error: it is tried again after its back-off.
    if (refusedBy.size === 0 || events.some((event) => this.#helps(queued, event))) this.#backoff.push(queued)
    else this.#unschedulable.set(queued.uid, queued)
    this.#notify()
  }

  /** Moves the refused pods that the event may help. */
  move(event: ClusterEvent): void {
    for (const events of this.#inFlight.values()) events.push(event)
    let moved = false
    for (const queued of this.#unschedulable.values()) {
      if (!this.#helps(queued, event)) continue
      this.#unschedulable.delete(queued.uid)
      this.#enqueue(queued)
      moved = true
    }
    if (moved) this.#notify()
  }

  /** Remembers the node that preemption cleared for the pod; '' forgets it. */
  nominate(pod: Pod, node = pod.status?.nominatedNodeName ?? ''): void {
    if (node === '') this.#nominatedNode.delete(pod.metadata.uid!)
    else this.#nominatedNode.set(pod.metadata.uid!, { node, info: podInfo(pod) })
  }

  /** Pods nominated to the node. */
  nominatedOn(node: string): PodInfo[] {
    const out: PodInfo[] = []
    for (const nominated of this.#nominatedNode.values()) if (nominated.node === node) out.push(nominated.info)
    return out
  }

  get hasNominated(): boolean {
    return this.#nominatedNode.size > 0
  }

  #enqueue(queued: QueuedPod): void {
    for (const plugin of this.#plugins.values()) {
      if (plugin.preEnqueue?.(queued.info.pod) !== undefined) {
        queued.refusedBy = new Set([plugin.name])
        this.#gated.set(queued.uid, queued)
        return
      }
    }
    if (queued.backoffUntil > this.#clock.now()) this.#backoff.push(queued)
    else this.#active.push(queued)
    this.#notify()
  }

  #helps(queued: QueuedPod, event: ClusterEvent): boolean {
    if (event.resource === '*') return true
    for (const name of queued.refusedBy) {
      for (const interest of this.#plugins.get(name)?.events ?? [{ resource: '*', actions: [] }]) {
        if (interest.resource === '*') return true
        if (interest.resource !== event.resource || !interest.actions.includes(event.action)) continue
        if (interest.hint === undefined || interest.hint(queued.info.pod, event)) return true
      }
    }
    return false
  }

  #flush(): void {
    const now = this.#clock.now()
    for (let first = this.#backoff.peek(); first !== undefined && first.backoffUntil <= now; first = this.#backoff.peek()) {
      this.#backoff.pop()
      this.#active.push(first)
    }
    for (const queued of this.#unschedulable.values()) {
      if (queued.timestamp + maxTimeUnschedulableMs > now) continue
      this.#unschedulable.delete(queued.uid)
      this.#active.push(queued)
    }
  }

  async #nextChange(signal: AbortSignal): Promise<void> {
    const first = this.#backoff.peek()
    const wait = Math.min(first === undefined ? 30_000 : Math.max(0, first.backoffUntil - this.#clock.now()), 30_000)
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimeout(resolve, wait)
      const finish = () => {
        timer.cancel()
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

function backoffMs(attempts: number): number {
  return Math.min(maxBackoffMs, initialBackoffMs * 2 ** Math.max(0, attempts - 1))
}

function sameLabels(a: Pod, b: Pod): boolean {
  return JSON.stringify(a.metadata.labels ?? {}) === JSON.stringify(b.metadata.labels ?? {})
}

function specChanged(a: Pod, b: Pod): boolean {
  return JSON.stringify(a.spec) !== JSON.stringify(b.spec)
}
