/** When a node has too little of something. Pure. Upstream: pkg/kubelet/eviction/helpers.go. */
import { parseQuantity, quantityValue } from '../../api/meta/quantity.ts'
import { parseDuration } from '../../api/meta/time.ts'

export interface Amount {
  /** Of the capacity, 0 to 1; undefined: `value` is meant. */
  readonly share?: number
  readonly value?: number
  /** As written. */
  readonly text: string
}

export interface Threshold {
  readonly signal: Signal
  readonly amount: Amount
  /** ms that it must be met before anything happens; 0: at once, and pods get no time to end. */
  readonly graceMs: number
  readonly minReclaim?: Amount
}

export interface EvictionSettings {
  readonly evictionHard: Readonly<Record<string, string>>
  readonly evictionSoft: Readonly<Record<string, string>>
  readonly evictionSoftGracePeriod: Readonly<Record<string, string>>
  readonly evictionMinimumReclaim: Readonly<Record<string, string>>
}

export interface Observation {
  readonly available: number
  readonly capacity: number
}

export type Observations = ReadonlyMap<Signal, Observation>
export type Condition = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure'
export type Resource = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids'

const signals = {
  'memory.available': { condition: 'MemoryPressure', resource: 'memory' },
  'allocatableMemory.available': { condition: 'MemoryPressure', resource: 'memory' },
  'nodefs.available': { condition: 'DiskPressure', resource: 'ephemeral-storage' },
  'nodefs.inodesFree': { condition: 'DiskPressure', resource: 'inodes' },
  'imagefs.available': { condition: 'DiskPressure', resource: 'ephemeral-storage' },
  'imagefs.inodesFree': { condition: 'DiskPressure', resource: 'inodes' },
  'containerfs.available': { condition: 'DiskPressure', resource: 'ephemeral-storage' },
  'containerfs.inodesFree': { condition: 'DiskPressure', resource: 'inodes' },
  'pid.available': { condition: 'PIDPressure', resource: 'pids' },
} as const satisfies Record<string, { condition: Condition; resource: Resource }>

export type Signal = keyof typeof signals

export const resourceOf = (signal: Signal): Resource => signals[signal].resource

function knownSignal(name: string): Signal {
  if (!Object.hasOwn(signals, name)) throw new Error(`unsupported eviction signal ${name}`)
  return name as Signal
}

/** Throws Error with upstream's text. */
export function parseThresholds(settings: EvictionSettings): Threshold[] {
  const hard = statements(settings.evictionHard)
  const soft = statements(settings.evictionSoft)
  const grace = new Map(Object.entries(settings.evictionSoftGracePeriod).map(([name, text]) => [knownSignal(name), gracePeriod(text)]))
  const reclaim = new Map(Object.entries(settings.evictionMinimumReclaim).map(([name, text]) => [knownSignal(name), reclaimAmount(text)]))
  const withGrace = soft.map((threshold) => {
    const graceMs = grace.get(threshold.signal)
    if (graceMs === undefined) throw new Error(`grace period must be specified for the soft eviction threshold ${threshold.signal}`)
    return { ...threshold, graceMs }
  })
  return [...hard, ...withGrace].map((threshold) => {
    const minReclaim = reclaim.get(threshold.signal)
    return minReclaim === undefined ? threshold : { ...threshold, minReclaim }
  })
}

function statements(from: Readonly<Record<string, string>>): Threshold[] {
  return Object.entries(from).flatMap(([name, text]): Threshold[] => {
    const signal = knownSignal(name)
    if (!text.endsWith('%')) {
      const value = quantityOf(text)
      if (value <= 0) throw new Error(`eviction threshold ${signal} must be positive: ${text}`)
      return [{ signal, amount: { value, text }, graceMs: 0 }]
    }
    const share = percentage(text)
    // 0% and 100% switch the signal off.
    if (share === 0 || share === 1) return []
    if (share < 0) throw new Error(`eviction percentage threshold ${signal} must be >= 0%: ${text}`)
    if (share > 1) throw new Error(`eviction percentage threshold ${signal} must be <= 100%: ${text}`)
    return [{ signal, amount: { share, text }, graceMs: 0 }]
  })
}

function percentage(text: string): number {
  const number = Number(text.slice(0, -1))
  if (Number.isNaN(number)) throw new Error(`strconv.ParseFloat: parsing ${JSON.stringify(text.slice(0, -1))}: invalid syntax`)
  return Math.fround(number) / 100
}

function quantityOf(text: string): number {
  parseQuantity(text)
  return quantityValue(text)
}

function gracePeriod(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new Error(`time: invalid duration ${JSON.stringify(text)}`)
  if (ms < 0) throw new Error(`invalid eviction grace period specified: ${text} must be positive`)
  return ms
}

function reclaimAmount(text: string): Amount {
  if (text.endsWith('%')) {
    const share = percentage(text)
    if (share <= 0) throw new Error(`eviction percentage minimum reclaim must be positive: ${text}`)
    return { share, text }
  }
  const value = quantityOf(text)
  if (value < 0) throw new Error(`negative eviction minimum reclaim specified for ${text}`)
  return { value, text }
}

/** What the amount is of the capacity. */
export function amountOf({ share, value = 0 }: Amount, capacity: number): number {
  return share === undefined ? value : Math.trunc(capacity * share)
}

/** Those that are met now; `enforceReclaim`: also what was met and has not been given back enough. */
export function thresholdsMet(thresholds: readonly Threshold[], observations: Observations, enforceReclaim: boolean): Threshold[] {
  return thresholds.filter(({ signal, amount, minReclaim }) => {
    const observed = observations.get(signal)
    if (observed === undefined) return false
    const extra = enforceReclaim && minReclaim !== undefined ? amountOf(minReclaim, observed.capacity) : 0
    return observed.available < amountOf(amount, observed.capacity) + extra
  })
}

/** What the manager remembers between two looks. */
export interface EvictionState {
  readonly met: readonly Threshold[]
  readonly firstObserved: ReadonlyMap<Threshold, number>
  readonly conditionSeen: ReadonlyMap<Condition, number>
}

export const initialState: EvictionState = { met: [], firstObserved: new Map(), conditionSeen: new Map() }

export interface Verdict {
  readonly state: EvictionState
  /** That the node has or had within the transition period. */
  readonly conditions: readonly Condition[]
  /** Whose time has come, the most urgent first. */
  readonly due: readonly Threshold[]
}

export function observe(
  before: EvictionState, thresholds: readonly Threshold[], observations: Observations, transitionMs: number, now: number,
): Verdict {
  const now1 = thresholdsMet(thresholds, observations, false)
  const unresolved = thresholdsMet(before.met, observations, true).filter((threshold) => !now1.includes(threshold))
  const met = [...now1, ...unresolved]
  const firstObserved = new Map(met.map((threshold) => [threshold, before.firstObserved.get(threshold) ?? now]))
  const conditionSeen = new Map(before.conditionSeen)
  for (const { signal } of met) conditionSeen.set(signals[signal].condition, now)
  const conditions = [...conditionSeen].filter(([, seen]) => now - seen < transitionMs || seen === now).map(([condition]) => condition)
  const due = met.filter((threshold) => now - firstObserved.get(threshold)! >= threshold.graceMs).sort((a, b) => urgency(a) - urgency(b))
  return { state: { met: due, firstObserved, conditionSeen }, conditions, due }
}

/** Memory first: a machine without it stops. */
const urgency = ({ signal }: Threshold): number => (signals[signal].resource === 'memory' ? 0 : 1)
