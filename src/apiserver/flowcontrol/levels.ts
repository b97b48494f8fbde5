/** Priority levels at work: their limits, their queues, and what they lend each other (flowcontrol/apf_controller.go). */
import type { Clock } from '../../base/env.ts'
import type { PriorityLevelConfiguration } from '../../api/generated/types/flowcontrol-v1.ts'
import { allocate } from './allocation.ts'
import { Integrator, type IntegratorResults } from './integrator.ts'
import type { FlowControlMetrics } from './metrics.ts'
import { QueueSet, type QueueSettings } from './queue-set.ts'

/** How fast the memory of a high demand fades, a period. */
const smoothing = 0.977
/** Of its level's seats one request gets at most. */
const maxSeatsPart = 0.15

export interface Level {
  object: PriorityLevelConfiguration
  readonly queues: QueueSet
  readonly demand: Integrator
  /** Its object is gone: it works off what it has. */
  leaving: boolean
  /** Requests of it that are not through. */
  pending: number
  nominal: number
  lower: number
  upper: number
  current: number
  maxSeats: number
  highWatermark: number
  smoothed: number
}

export class Levels {
  #all = new Map<string, Level>()
  #nominalSum = 0
  readonly #clock: Clock
  readonly #metrics: FlowControlMetrics
  readonly #serverLimit: number

  constructor(clock: Clock, metrics: FlowControlMetrics, serverLimit: number) {
    this.#clock = clock
    this.#metrics = metrics
    this.#serverLimit = serverLimit
  }

  get(name: string): Level | undefined {
    return this.#all.get(name)
  }

  all(): Iterable<[string, Level]> {
    return this.#all
  }

  /** Goes by these objects from now on; levels that are not among them are worked off. */
  configure(objects: readonly PriorityLevelConfiguration[]): void {
    const next = new Map<string, Level>()
    for (const object of objects) {
      if (isBroken(object)) continue
      const name = object.metadata!.name!
      const level = this.#all.get(name) ?? this.#create(object)
      level.object = object
      level.leaving = false
      next.set(name, level)
    }
    for (const [name, level] of this.#all) {
      if (next.has(name) || (level.pending === 0 && level.queues.idle)) continue
      level.leaving = true
      next.set(name, level)
    }
    const shares = [...next.values()].reduce((sum, { object }) => sum + sharesOf(object), 0)
    this.#nominalSum = 0
    for (const [name, level] of next) {
      const { lendable, borrowable } = lendingOf(level.object)
      const nominal = Math.ceil(this.#serverLimit * sharesOf(level.object) / shares)
      const lends = Math.round(nominal * lendable / 100)
      level.nominal = nominal
      level.lower = nominal - lends
      level.upper = nominal + (borrowable === undefined ? this.#serverLimit : Math.round(nominal * borrowable / 100))
      level.maxSeats = maxSeatsOf(level.object, nominal)
      if (!this.#all.has(name)) level.current = nominal - Math.floor(lends / 2)
      this.#nominalSum += nominal
      const labels = { priority_level: name }
      this.#metrics.nominal.set(nominal, labels)
      this.#metrics.lower.set(level.lower, labels)
      this.#metrics.upper.set(level.upper, labels)
    }
    this.#all = next
    this.adjust()
  }

  #create(object: PriorityLevelConfiguration): Level {
    const demand = new Integrator(() => this.#clock.monotonic())
    return {
      object, demand, queues: new QueueSet(this.#clock, demand, this.#metrics), leaving: false, pending: 0,
      nominal: 0, lower: 0, upper: 0, current: 0, maxSeats: 0, highWatermark: 0, smoothed: 0,
    }
  }

  /** Gives each level the seats that its recent demand, its bounds and the demand of the others allow. */
  adjust(): void {
    let left = this.#nominalSum
    let [lowerSum, leastSum] = [0, 0]
    const limited: { level: Level; least: number }[] = []
    for (const [name, level] of this.#all) {
      noteDemand(level, level.demand.reset(), (results) => this.#noteMetrics(name, results))
      if (level.object.spec?.type === 'Exempt') {
        level.current = Math.max(level.lower, level.highWatermark)
        left -= level.current
        continue
      }
      const least = Math.max(level.lower, Math.min(level.nominal, level.highWatermark))
      limited.push({ level, least })
      lowerSum += level.lower
      leastSum += least
    }
    const claims = limited.map(({ level, least }) => ({ lower: least, upper: level.upper, target: Math.max(least, level.smoothed) }))
    const shared = left > leastSum ? allocate(this.#nominalSum, claims) : undefined
    this.#metrics.fairFraction.set(left > leastSum ? shared?.fairFraction ?? 0 : 0)
    for (const [i, { level, least }] of limited.entries()) {
      if (left <= lowerSum) level.current = level.lower
      else if (left <= leastSum) level.current = level.lower + Math.round((least - level.lower) * (left - lowerSum) / (leastSum - lowerSum))
      else if (shared !== undefined) level.current = Math.round(shared.amounts[i]!)
      this.#metrics.target.set(claims[i]!.target, { priority_level: level.object.metadata!.name! })
    }
    for (const [name, level] of this.#all) {
      const labels = { priority_level: name }
      this.#metrics.current.set(level.current, labels)
      this.#metrics.highWatermark.set(level.highWatermark, labels)
      this.#metrics.smoothed.set(level.smoothed, labels)
      level.queues.configure(queuesOf(level.object), level.current)
      this.#metrics.progress.set(level.queues.progress / 1000, labels)
    }
  }

  #noteMetrics(name: string, { average, deviation }: IntegratorResults): void {
    this.#metrics.average.set(average, { priority_level: name })
    this.#metrics.deviation.set(deviation, { priority_level: name })
  }
}

function noteDemand(level: Level, results: IntegratorResults, note: (results: IntegratorResults) => void): void {
  level.highWatermark = Math.round(results.max)
  if (results.seconds <= 0) return
  const deviation = Number.isNaN(results.deviation) ? 0 : results.deviation
  const envelope = results.average + deviation
  level.smoothed = Math.max(envelope, smoothing * level.smoothed + (1 - smoothing) * envelope)
  note({ ...results, deviation })
}

/** What validation refuses, and a server of another version may have let in. */
function isBroken({ metadata, spec }: PriorityLevelConfiguration): boolean {
  if (spec === undefined || (spec.type === 'Limited') !== (spec.limited !== undefined)) return true
  if ((spec.type === 'Exempt') !== (spec.exempt !== undefined) || (spec.type === 'Exempt') !== (metadata!.name === 'exempt')) return true
  const response = spec.limited?.limitResponse
  return spec.limited !== undefined && (response?.type === 'Reject') !== (response?.queuing === undefined)
}

function sharesOf({ spec }: PriorityLevelConfiguration): number {
  return spec?.limited === undefined ? spec?.exempt?.nominalConcurrencyShares ?? 0 : spec.limited.nominalConcurrencyShares ?? 30
}

function lendingOf({ spec }: PriorityLevelConfiguration): { lendable: number; borrowable: number | undefined } {
  if (spec?.limited === undefined) return { lendable: spec?.exempt?.lendablePercent ?? 0, borrowable: undefined }
  return { lendable: spec.limited.lendablePercent ?? 0, borrowable: spec.limited.borrowingLimitPercent }
}

function queuesOf({ spec }: PriorityLevelConfiguration): QueueSettings {
  if (spec?.limited === undefined) return { queues: -1, lengthLimit: 0, handSize: 0 }
  const queuing = spec.limited.limitResponse?.queuing
  if (queuing === undefined) return { queues: 0, lengthLimit: 0, handSize: 0 }
  return { queues: queuing.queues ?? 64, lengthLimit: queuing.queueLengthLimit ?? 50, handSize: queuing.handSize ?? 8 }
}

function maxSeatsOf(object: PriorityLevelConfiguration, nominal: number): number {
  const { queues, handSize } = queuesOf(object)
  return queues < 1 ? 0 : Math.max(1, Math.min(Math.ceil(nominal * maxSeatsPart), Math.floor(nominal / handSize)))
}
