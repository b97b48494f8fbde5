/**
 * A queue of keys (upstream: client-go/util/workqueue): a key waits at most once, is worked on by at most one worker,
 * may be added for later, and waits longer each time it fails.
 */
import type { Clock, Metrics, Timer } from '../base/env.ts'
import { KeyedHeap } from '../base/heap.ts'

export interface WorkQueueOptions {
  readonly name: string
  readonly clock: Clock
  readonly metrics?: Metrics
  /** Delay after n failures: base * 2^n, at most `max`. Default 5 ms to 1000 s. */
  readonly baseDelayMs?: number
  readonly maxDelayMs?: number
  /** Retries a second over all keys, and how many may come at once. Default 10 and 100. */
  readonly qps?: number
  readonly burst?: number
}

interface Later {
  key: string
  at: number
  order: number
}

const durationBuckets = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10]

export class WorkQueue {
  readonly #clock: Clock
  readonly #options: Required<Omit<WorkQueueOptions, 'metrics'>>
  /** Keys that wait, in order; a Set keeps insertion order and forbids doubles. */
  readonly #waiting = new Set<string>()
  readonly #working = new Map<string, number>()
  /** Keys added while they were worked on. */
  readonly #again = new Set<string>()
  readonly #later = new KeyedHeap<Later>((item) => item.key, (a, b) => a.at < b.at || (a.at === b.at && a.order < b.order))
  readonly #failures = new Map<string, number>()
  readonly #addedAt = new Map<string, number>()
  readonly #takers: ((key: string | undefined) => void)[] = []
  readonly #metrics: QueueMetrics | undefined
  #timer: { timer: Timer; at: number } | undefined
  #order = 0
  #tokens: number
  #tokensAt: number
  #leave: (() => void) | undefined
  #closed = false
  #handing = false

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock
    this.#options = { baseDelayMs: 5, maxDelayMs: 1_000_000, qps: 10, burst: 100, ...options }
    this.#tokens = this.#options.burst
    this.#tokensAt = options.clock.monotonic()
    this.#metrics = options.metrics === undefined ? undefined : queueMetrics(options.metrics, options.name)
    if (options.metrics !== undefined) this.#leave = watchWorkers(options.metrics, { name: options.name, seconds: () => this.#underWay() })
  }

  /** Keys that wait, not counting those added for later. */
  get length(): number {
    return this.#waiting.size
  }

  /** True when no key waits, is worked on or is due later. */
  get idle(): boolean {
    return this.#waiting.size === 0 && this.#working.size === 0 && this.#again.size === 0 && this.#later.size === 0
  }

  add(key: string): void {
    if (this.#closed || this.#waiting.has(key) || this.#again.has(key)) return
    this.#metrics?.added()
    this.#addedAt.set(key, this.#clock.monotonic())
    if (this.#working.has(key)) {
      this.#again.add(key)
      return
    }
    this.#waiting.add(key)
    this.#handSoon()
  }

  /** Adds the key after `delayMs`; an earlier date that is already set stays. */
  addAfter(key: string, delayMs: number): void {
    if (this.#closed) return
    if (delayMs <= 0) return this.add(key)
    const at = this.#clock.monotonic() + delayMs
    const known = this.#later.get(key)
    if (known !== undefined && known.at <= at) return
    this.#later.push({ key, at, order: this.#order++ })
    this.#arm()
  }

  /** Adds the key after a delay that doubles with each call until `forget`. */
  addRateLimited(key: string): void {
    this.#metrics?.retried()
    this.addAfter(key, this.#delay(key))
  }

  /** The key has succeeded: its next failure starts with the shortest delay. */
  forget(key: string): void {
    this.#failures.delete(key)
  }

  /** How often the key has failed since `forget`. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0
  }

  /** The next key, or undefined when the queue is closed. The worker owes a `done` for it. */
  get(): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#takers.push(resolve)
      this.#hand()
    })
  }

  done(key: string): void {
    const startedAt = this.#working.get(key)
    this.#working.delete(key)
    if (startedAt !== undefined) this.#metrics?.worked((this.#clock.monotonic() - startedAt) / 1000)
    if (!this.#again.delete(key)) return
    this.#waiting.add(key)
    this.#hand()
  }

  /** Nothing more is handed out; those who wait get undefined. */
  close(): void {
    this.#closed = true
    this.#leave?.()
    this.#timer?.timer.cancel()
    this.#timer = undefined
    this.#waiting.clear()
    this.#hand()
  }

  /**
   * What is added at one time comes to one look: an idle worker that took the key at once would look again for each
   * of the keys' other reasons.
   */
  #handSoon(): void {
    if (this.#handing) return
    this.#handing = true
    queueMicrotask(() => {
      this.#handing = false
      this.#hand()
    })
  }

  /** How long each worker has been at its key. */
  #underWay(): number[] {
    const now = this.#clock.monotonic()
    return [...this.#working.values()].map((since) => (now - since) / 1000)
  }

  #hand(): void {
    if (this.#closed) {
      for (const take of this.#takers.splice(0)) take(undefined)
      return
    }
    while (this.#takers.length > 0 && this.#waiting.size > 0) {
      const [key] = this.#waiting as Iterable<string> as [string]
      this.#waiting.delete(key)
      const now = this.#clock.monotonic()
      this.#working.set(key, now)
      this.#metrics?.taken(this.#waiting.size, (now - (this.#addedAt.get(key) ?? now)) / 1000)
      this.#addedAt.delete(key)
      this.#takers.shift()!(key)
    }
    this.#metrics?.depth(this.#waiting.size)
  }

  #arm(): void {
    const next = this.#later.peek()
    if (next === undefined || (this.#timer !== undefined && this.#timer.at <= next.at)) return
    this.#timer?.timer.cancel()
    const delay = Math.max(0, next.at - this.#clock.monotonic())
    this.#timer = { at: next.at, timer: this.#clock.setTimeout(() => this.#due(), delay) }
  }

  #due(): void {
    this.#timer = undefined
    const now = this.#clock.monotonic()
    for (let next = this.#later.peek(); next !== undefined && next.at <= now; next = this.#later.peek()) {
      this.#later.pop()
      this.add(next.key)
    }
    this.#arm()
  }

  /** The longer of the key's own delay and the bucket's. */
  #delay(key: string): number {
    const { baseDelayMs, maxDelayMs, qps, burst } = this.#options
    const failures = this.#failures.get(key) ?? 0
    this.#failures.set(key, failures + 1)
    const own = Math.min(maxDelayMs, baseDelayMs * 2 ** Math.min(failures, 60))
    const now = this.#clock.monotonic()
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#tokensAt) / 1000) * qps)
    this.#tokensAt = now
    this.#tokens -= 1
    const bucket = this.#tokens >= 0 ? 0 : (-this.#tokens / qps) * 1000
    return Math.max(own, bucket)
  }
}

interface Workers {
  readonly name: string
  readonly seconds: () => readonly number[]
}

const queuesOf = new WeakMap<Metrics, Set<Workers>>()

/** Work that is under way is looked at when somebody asks. Queues of one name count as one. Answers how to be left out again. */
function watchWorkers(metrics: Metrics, workers: Workers): () => void {
  let all = queuesOf.get(metrics)
  if (all === undefined) {
    const known = new Set<Workers>()
    queuesOf.set(metrics, (all = known))
    const read = (of: (seconds: readonly number[]) => number) => () => [...Map.groupBy(known, ({ name }) => name)]
      .map(([name, queues]) => [{ name }, of(queues.flatMap(({ seconds }) => seconds()))] as const)
    metrics.collect('workqueue_unfinished_work_seconds', 'How many seconds of work has been done that is in progress and hasn\'t been observed by work_duration. Large values indicate stuck threads. One can deduce the number of stuck threads by observing the rate at which this increases.',
      'gauge', ['name'], read((seconds) => seconds.reduce((sum, one) => sum + one, 0)))
    metrics.collect('workqueue_longest_running_processor_seconds', 'How many seconds has the longest running processor for workqueue been running.', 'gauge', ['name'], read((seconds) => Math.max(0, ...seconds)))
  }
  all.add(workers)
  return () => void all.delete(workers)
}

interface QueueMetrics {
  added(): void
  retried(): void
  depth(size: number): void
  taken(size: number, waitedSeconds: number): void
  worked(seconds: number): void
}

function queueMetrics(metrics: Metrics, name: string): QueueMetrics {
  const labels = { name }
  const depth = metrics.gauge('workqueue_depth', 'Current depth of workqueue', ['name'])
  const adds = metrics.counter('workqueue_adds_total', 'Total number of adds handled by workqueue', ['name'])
  const retries = metrics.counter('workqueue_retries_total', 'Total number of retries handled by workqueue', ['name'])
  const waited = metrics.histogram(
    'workqueue_queue_duration_seconds', 'How long in seconds an item stays in workqueue before being requested.', durationBuckets, ['name'],
  )
  const worked = metrics.histogram(
    'workqueue_work_duration_seconds', 'How long in seconds processing an item from workqueue takes.', durationBuckets, ['name'],
  )
  return {
    added: () => adds.inc(labels),
    retried: () => retries.inc(labels),
    depth: (size) => depth.set(size, labels),
    taken: (size, seconds) => {
      depth.set(size, labels)
      waited.observe(seconds, labels)
    },
    worked: (seconds) => worked.observe(seconds, labels),
  }
}
