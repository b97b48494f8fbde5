/** Which events are worth writing, and as what (upstream: client-go/tools/record/events_cache.go). */
import type { Event } from '../api/generated/types/core-v1.ts'
import { formatTime } from '../api/meta/time.ts'

const cacheSize = 4096
/** From the tenth different message within ten minutes on, similar events are combined. */
const maxSimilar = 10
const similarIntervalMs = 600_000
const spamBurst = 25
const spamPerSecond = 1 / 300

/** The least recently used entries fall out. */
class RecentMap<V> {
  readonly #entries = new Map<string, V>()
  get(key: string): V | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, value)
    return value
  }
  set(key: string, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size > cacheSize) this.#entries.delete(this.#entries.keys().next().value!)
  }
}

export interface CorrelatorState {
  readonly spam: RecentMap<{ tokens: number; at: number }>
  readonly similar: RecentMap<{ messages: Set<string>; at: number }>
  readonly written: RecentMap<{ count: number; firstTimestamp: string; name: string }>
  /** The cache key under which an event that is being written is remembered. */
  readonly keys: WeakMap<Event, string>
}

export function createCorrelatorState(): CorrelatorState {
  return { spam: new RecentMap(), similar: new RecentMap(), written: new RecentMap(), keys: new WeakMap() }
}

/** The event to write and how, or undefined when it is one too many. `now` in ms. */
export function correlate(
  state: CorrelatorState, event: Event, now: number, uniqueSuffix: () => string,
): { event: Event; isUpdate: boolean } | undefined {
  if (isSpam(state, event, now)) return undefined
  const { event: combined, key } = aggregate(state, event, now, uniqueSuffix)
  const last = state.written.get(key)
  const isUpdate = last !== undefined && last.count > 0
  const result: Event = isUpdate
    ? {
        ...combined, metadata: { ...combined.metadata, name: last.name },
        firstTimestamp: last.firstTimestamp, count: last.count + 1,
      }
    : combined
  state.keys.set(result, key)
  return { event: result, isUpdate }
}

/** The event has been written under that name. */
export function observed(state: CorrelatorState, event: Event, name: string): void {
  const key = state.keys.get(event)
  if (key === undefined) return
  state.written.set(key, { count: event.count ?? 1, firstTimestamp: event.firstTimestamp ?? '', name })
}

function isSpam(state: CorrelatorState, event: Event, now: number): boolean {
  const key = subjectKey(event)
  const known = state.spam.get(key)
  const tokens = known === undefined ? spamBurst : Math.min(spamBurst, known.tokens + ((now - known.at) / 1000) * spamPerSecond)
  const refused = tokens < 1
  state.spam.set(key, { tokens: refused ? tokens : tokens - 1, at: now })
  return refused
}

function aggregate(state: CorrelatorState, event: Event, now: number, uniqueSuffix: () => string): { event: Event; key: string } {
  const group = [subjectKey(event), event.type, event.reason, event.reportingComponent, event.reportingInstance].join('\0')
  const known = state.similar.get(group)
  const record = known === undefined || now - known.at > similarIntervalMs ? { messages: new Set<string>(), at: now } : known
  record.messages.add(event.message ?? '')
  record.at = now
  state.similar.set(group, record)
  if (record.messages.size < maxSimilar) return { event, key: `${group}\0${event.message ?? ''}` }
  // The set must not grow without bound.
  record.messages.delete(record.messages.values().next().value!)
  const time = formatTime(now)
  const { metadata: _, ...rest } = event
  return {
    key: group,
    event: {
      ...rest,
      metadata: { name: `${event.involvedObject.name ?? ''}.${uniqueSuffix()}`, namespace: event.metadata.namespace },
      message: `(combined from similar events): ${event.message ?? ''}`,
      count: 1, firstTimestamp: time, lastTimestamp: time,
    },
  }
}

function subjectKey(event: Event): string {
  const { source, involvedObject: about } = event
  return [source?.component, source?.host, about.kind, about.namespace, about.name, about.uid, about.apiVersion].join('\0')
}
