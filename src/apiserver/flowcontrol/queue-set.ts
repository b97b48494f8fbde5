/**
 * The fair queues of one priority level (apiserver flowcontrol/fairqueuing/queueset). Progress R is counted in seat-ms
 * that each queue with work would have had by now; the queue whose oldest request would end first goes next.
 */
import type { Clock } from '../../base/env.ts'
import type { Integrator } from './integrator.ts'
import type { FlowControlMetrics, FlowMetrics } from './metrics.ts'
import { deal } from './shuffle.ts'

/** How much a request takes: seats while it is worked on, and seats that stay taken for a while after it. */
export interface Work {
  readonly initialSeats: number
  readonly finalSeats: number
  readonly additionalMs: number
}

export interface QueueSettings {
  /** 0: requests that find no seat are refused. -1: nobody is ever refused. */
  readonly queues: number
  readonly lengthLimit: number
  readonly handSize: number
}

export interface Flow {
  /** Undefined where it does not matter. */
  readonly hash: bigint | undefined
  readonly distinguisher: string
  readonly metrics: FlowMetrics
}

interface Queue {
  index: number
  /** R at which the next request of the queue would begin. */
  nextR: number
  readonly waiting: QueuedRequest[]
  waitingWork: number
  executing: number
  seats: number
}

/** A guess at how long a request takes; corrected when it has ended. */
const estimatedMs = 3
const maxHands = 4096

const maxSeats = ({ initialSeats, finalSeats }: Work): number => Math.max(initialSeats, finalSeats)
const totalWork = ({ initialSeats, finalSeats, additionalMs }: Work): number => initialSeats * estimatedMs + finalSeats * additionalMs

export class QueuedRequest {
  readonly flow: Flow
  work: Work
  readonly seats: number
  readonly arrivalR: number
  readonly queue: Queue | undefined
  readonly since: number
  startedAt = 0
  /** Undefined while it waits. */
  decision: 'execute' | 'cancel' | undefined
  readonly #set: QueueSet
  #decided: ((execute: boolean) => void) | undefined

  constructor(set: QueueSet, o: { flow: Flow; work: Work; arrivalR: number; queue: Queue | undefined; now: number }) {
    this.#set = set
    this.flow = o.flow
    this.work = o.work
    this.seats = maxSeats(o.work)
    this.arrivalR = o.arrivalR
    this.queue = o.queue
    this.since = o.now
  }

  decide(decision: 'execute' | 'cancel'): void {
    this.decision = decision
    this.#decided?.(decision === 'execute')
  }

  /** Resolves with whether the request may be worked on; not later than `limitMs` from now, nor when the signal is aborted. */
  async wait(clock: Clock, limitMs: number, signal: AbortSignal): Promise<boolean> {
    if (this.decision !== undefined) return this.decision === 'execute'
    const leave = () => this.#set.leave(this)
    if (signal.aborted || limitMs <= 0) leave()
    if (this.decision !== undefined) return this.decision === 'execute'
    const timer = clock.setTimeout(leave, limitMs)
    signal.addEventListener('abort', leave, { once: true })
    try {
      return await new Promise<boolean>((resolve) => (this.#decided = resolve))
    } finally {
      timer.cancel()
      signal.removeEventListener('abort', leave)
    }
  }

  /** The work is done. */
  finish(): void {
    this.#set.finish(this)
  }
}

export class QueueSet {
  #settings: QueueSettings = { queues: 0, lengthLimit: 0, handSize: 0 }
  #limit = 0
  #queues: Queue[] = []
  #hands = new Map<bigint, readonly number[]>()
  #r = 0
  #last: number
  #robin = 0
  #enqueues = 0
  #active = 0
  waiting = 0
  executing = 0
  seatsInUse = 0
  seatsWaiting = 0
  readonly #clock: Clock
  readonly #demand: Integrator
  readonly #metrics: FlowControlMetrics

  constructor(clock: Clock, demand: Integrator, metrics: FlowControlMetrics) {
    this.#clock = clock
    this.#demand = demand
    this.#metrics = metrics
    this.#last = clock.monotonic()
  }

  get idle(): boolean {
    return this.waiting === 0 && this.executing === 0
  }

  get progress(): number {
    return this.#r
  }

  /** For those who look into it. */
  get queues(): readonly Readonly<Omit<Queue, 'waiting'> & { waiting: readonly QueuedRequest[] }>[] {
    return this.#queues
  }

  /** Other settings and another limit; queues that are too many are emptied first. */
  configure(settings: QueueSettings, limit: number): void {
    this.#sync()
    if (settings.queues !== this.#settings.queues || settings.handSize !== this.#settings.handSize) this.#hands = new Map()
    this.#settings = settings
    this.#limit = limit
    for (let index = this.#queues.length; index < settings.queues; index++) {
      this.#queues.push({ index, nextR: 0, waiting: [], waitingWork: 0, executing: 0, seats: 0 })
    }
    for (const queue of this.#queues.toReversed()) this.#drop(queue)
    this.#dispatchAll()
  }

  /** Takes the request in, or refuses it: undefined. */
  start(flow: Flow, work: Work): QueuedRequest | undefined {
    this.#sync()
    const now = this.#clock.monotonic()
    if (this.#settings.queues < 1) {
      if (!this.#fits(maxSeats(work))) return this.#refuse(flow, 'concurrency-limit')
      const request = new QueuedRequest(this, { flow, work, arrivalR: this.#r, queue: undefined, now })
      this.#execute(request, now)
      return request
    }
    const queue = this.#choose(flow.hash ?? 0n)
    if (this.seatsInUse >= this.#limit && queue.waiting.length >= this.#settings.lengthLimit) return this.#refuse(flow, 'queue-full')
    const request = new QueuedRequest(this, { flow, work, arrivalR: this.#r, queue, now })
    if (queue.waiting.length === 0 && queue.executing === 0) {
      queue.nextR = this.#r
      this.#active++
    }
    queue.waiting.push(request)
    queue.waitingWork += totalWork(work)
    this.waiting++
    this.seatsWaiting += request.seats
    this.#metrics.queue(flow.metrics, 1, request.seats)
    this.#demanded()
    this.#bound(queue)
    this.#metrics.queueLength.observe(queue.waiting.length, flow.metrics.labels)
    this.#dispatchAll()
    return request
  }

  /** The request gives up waiting. */
  leave(request: QueuedRequest): void {
    if (request.decision !== undefined) return
    this.#sync()
    const queue = request.queue!
    queue.waiting.splice(queue.waiting.indexOf(request), 1)
    queue.waitingWork -= totalWork(request.work)
    this.#unqueued(request)
    if (queue.waiting.length === 0 && queue.executing === 0) this.#active--
    this.#metrics.rejected.inc({ ...request.flow.metrics.labels, reason: 'time-out' })
    this.#demanded()
    this.#bound(queue)
    this.#drop(queue)
    request.decide('cancel')
  }

  finish(request: QueuedRequest): void {
    this.#sync()
    const now = this.#clock.monotonic()
    const { queue, work } = request
    this.executing--
    this.#metrics.execute(request.flow.metrics, -1, 0)
    if (queue !== undefined) {
      queue.executing--
      if (queue.waiting.length === 0 && queue.executing === 0) this.#active--
      queue.nextR -= work.initialSeats * (estimatedMs - (now - request.startedAt))
      this.#bound(queue)
    }
    const release = () => {
      this.seatsInUse -= request.seats
      this.#metrics.execute(request.flow.metrics, 0, -request.seats)
      this.#demanded()
      if (queue !== undefined) {
        queue.seats -= request.seats
        this.#drop(queue)
      }
    }
    if (work.additionalMs <= 0) release()
    else {
      this.#clock.setTimeout(() => {
        this.#sync()
        release()
        this.#dispatchAll()
      }, work.additionalMs)
    }
    this.#dispatchAll()
  }

  #refuse(flow: Flow, reason: string): undefined {
    this.#metrics.rejected.inc({ ...flow.metrics.labels, reason })
  }

  #sync(): void {
    const now = this.#clock.monotonic()
    const passed = now - this.#last
    this.#last = now
    if (this.#active > 0) this.#r += passed * Math.min(this.seatsInUse + this.seatsWaiting, this.#limit) / this.#active
  }

  #demanded(): void {
    this.#demand.set(this.seatsInUse + this.seatsWaiting)
  }

  /** The queue of the flow's hand with the least work waiting. */
  #choose(hash: bigint): Queue {
    let hand = this.#hands.get(hash)
    if (hand === undefined) {
      if (this.#hands.size >= maxHands) this.#hands.clear()
      this.#hands.set(hash, (hand = deal(hash, this.#settings.queues, this.#settings.handSize)))
    }
    const offset = this.#enqueues++ % hand.length
    let best: Queue | undefined
    for (let i = 0; i < hand.length; i++) {
      const queue = this.#queues[hand[(offset + i) % hand.length]!]!
      if (best === undefined || queue.waitingWork < best.waitingWork) best = queue
    }
    return best!
  }

  #fits(seats: number): boolean {
    if (this.#settings.queues < 0) return true
    // One that needs more than there is goes alone.
    if (seats > this.#limit) return this.executing === 0
    return this.seatsInUse + seats <= this.#limit
  }

  #dispatchAll(): void {
    while (this.waiting > 0 && this.seatsInUse < this.#limit && this.#dispatch());
  }

  #dispatch(): boolean {
    let best: Queue | undefined
    let bestFinish = Infinity
    const count = this.#queues.length
    for (let i = 1; i <= count; i++) {
      const queue = this.#queues[(this.#robin + i) % count]!
      const oldest = queue.waiting[0]
      if (oldest === undefined) continue
      const finish = queue.nextR + totalWork(oldest.work)
      if (finish < bestFinish) {
        best = queue
        bestFinish = finish
      }
    }
    const request = best?.waiting[0]
    if (best === undefined || request === undefined) return false
    if (!this.#fits(request.seats)) {
      this.#metrics.unaccommodated.inc(request.flow.metrics.labels)
      return false
    }
    best.waiting.shift()
    best.waitingWork -= totalWork(request.work)
    const { work } = request
    if (work.finalSeats > this.#limit) {
      request.work = { ...work, finalSeats: this.#limit, additionalMs: work.finalSeats * work.additionalMs / this.#limit }
    }
    this.#robin = best.index
    this.#unqueued(request)
    best.executing++
    best.seats += request.seats
    best.nextR += totalWork(request.work)
    this.#execute(request, this.#clock.monotonic())
    this.#bound(best)
    return true
  }

  #unqueued(request: QueuedRequest): void {
    this.waiting--
    this.seatsWaiting -= request.seats
    this.#metrics.queue(request.flow.metrics, -1, -request.seats)
  }

  #execute(request: QueuedRequest, now: number): void {
    request.startedAt = now
    this.executing++
    this.seatsInUse += request.seats
    this.#metrics.execute(request.flow.metrics, 1, request.seats)
    this.#demanded()
    request.decide('execute')
  }

  /** A queue gains nothing by having been empty: its next request begins no earlier than it came. */
  #bound(queue: Queue): void {
    const oldest = queue.waiting[0]
    if (oldest !== undefined && queue.nextR < oldest.arrivalR) queue.nextR = oldest.arrivalR
  }

  /** Removes a queue that is one too many and empty. */
  #drop(queue: Queue): void {
    if (this.#queues.length <= Math.max(this.#settings.queues, 0) || queue.waiting.length > 0 || queue.executing > 0 || queue.seats > 0) return
    if (this.#queues[queue.index] !== queue || queue.index < this.#settings.queues) return
    this.#queues.splice(queue.index, 1)
    for (let i = queue.index; i < this.#queues.length; i++) this.#queues[i]!.index = i
    if (this.#robin >= queue.index && this.#robin > 0) this.#robin--
  }
}
