/**
 * Records events.k8s.io/v1 Events in the background, as kube-scheduler does (upstream: client-go/tools/events): the first of
 * equal events is written at once, the second makes it a series, further ones are counted until the series is over.
 */
import { eventsV1 } from '../api/generated/resources.ts'
import type { ObjectReference } from '../api/generated/types/core-v1.ts'
import type { Event } from '../api/generated/types/events-v1.ts'
import { isStatus, StatusError } from '../api/meta/errors.ts'
import { formatMicroTime } from '../api/meta/time.ts'
import type { Env } from '../base/env.ts'
import type { Client } from './client.ts'
import { type EventSubject, droppedEvents, eventSuffixes, referenceTo } from './events.ts'

export interface SeriesRecorder {
  /** Never throws and never waits. `action`: what was done or refused ("Binding"); `related`: a second object that takes part. */
  event(about: EventSubject, type: 'Normal' | 'Warning', reason: string, action: string, note: string, related?: EventSubject): void
}

const maxQueued = 1000
const maxTries = 12
const retryMs = 10_000
/** A series without a new event for so long is over; a single event of that age begins no series. */
const finishMs = 6 * 60_000
/** Events of series are written anew so often, before they expire. */
const refreshMs = 30 * 60_000
/** Single events that may become series; upstream keeps all of six minutes. */
const maxRemembered = 4096
/** Events that are written at a time: one after the other a distant server would be slower than the scheduler. */
const writers = 8

interface Remembered {
  readonly event: Event
  /** In ms, of the latest event. */
  at: number
}

/** `controller`: who reports ("default-scheduler"); `instance`: which of those that do. */
export function createSeriesRecorder(env: Env, client: Client, controller: string, instance: string): SeriesRecorder {
  const singles = new Map<string, Remembered>()
  const series = new Map<string, Remembered>()
  const queue: Event[] = []
  const dropped = droppedEvents(env, controller)
  const uniqueSuffix = eventSuffixes(env.clock)
  let writing = 0
  let keeping = false

  /** The event to write, if any: a new one, or the one that has just become a series. */
  function recorded(event: Event, key: string, now: number): Event | undefined {
    const running = series.get(key)
    if (running !== undefined) {
      running.event.series = { count: running.event.series!.count + 1, lastObservedTime: formatMicroTime(now) }
      running.at = now
      return undefined
    }
    const single = singles.get(key)
    singles.delete(key)
    if (single === undefined || now - single.at >= finishMs) {
      singles.set(key, { event, at: now })
      if (singles.size > maxRemembered) singles.delete(singles.keys().next().value!)
      return event
    }
    const begun = { ...single.event, series: { count: 2, lastObservedTime: formatMicroTime(now) } }
    series.set(key, { event: begun, at: now })
    if (!keeping) {
      keeping = true
      env.tasks.go(`event series of ${controller}`, keep)
    }
    return { ...begun }
  }

  /** Ends series that are over and refreshes the others, while there are any. */
  async function keep(signal: AbortSignal): Promise<void> {
    for (let round = 1; series.size > 0; round++) {
      await env.clock.sleep(finishMs, signal).catch(() => undefined)
      if (signal.aborted) break
      for (const [key, { event, at }] of series) {
        const over = env.clock.now() - at >= finishMs
        if (!over && (round * finishMs) % refreshMs !== 0) continue
        if (await writeOnce(env, client, { ...event }, signal) && over) series.delete(key)
      }
    }
    keeping = false
  }

  async function drain(signal: AbortSignal): Promise<void> {
    try {
      for (let event = queue.shift(); event !== undefined; event = queue.shift()) await write(env, client, event, signal)
    } finally {
      writing--
    }
  }

  return {
    event(about, type, reason, action, note, related) {
      const now = env.clock.now()
      const regarding = referenceTo(about)
      const other = related === undefined ? undefined : referenceTo(related)
      const event: Event = {
        apiVersion: 'events.k8s.io/v1', kind: 'Event',
        metadata: { name: `${regarding.name ?? ''}.${uniqueSuffix()}`, namespace: regarding.namespace ?? 'default' },
        eventTime: formatMicroTime(now), reportingController: controller, reportingInstance: instance, action, reason, regarding,
        ...(other === undefined ? {} : { related: other }), note, type,
      }
      const wanted = recorded(event, keyOf(type, action, reason, regarding, other), now)
      if (wanted === undefined) return
      if (queue.length >= maxQueued) return dropped()
      queue.push(wanted)
      if (writing >= Math.min(writers, queue.length)) return
      writing++
      env.tasks.go(`events of ${controller}`, drain)
    },
  }
}

function keyOf(type: string, action: string, reason: string, regarding: ObjectReference, related: ObjectReference | undefined): string {
  return `${type}\0${action}\0${reason}\0${referenceKey(regarding)}\0${related === undefined ? '' : referenceKey(related)}`
}

function referenceKey({ kind, apiVersion, namespace, name, uid, resourceVersion, fieldPath }: ObjectReference): string {
  return `${kind}\0${apiVersion}\0${namespace}\0${name}\0${uid}\0${resourceVersion}\0${fieldPath}`
}

async function write(env: Env, client: Client, event: Event, signal: AbortSignal): Promise<void> {
  for (let tries = 0; tries < maxTries; tries++) {
    if (await writeOnce(env, client, event, signal) || signal.aborted) return
    await env.clock.sleep(retryMs * (1 + env.random.next() / 4), signal).catch(() => undefined)
    if (signal.aborted) return
  }
  env.log.error('unable to write event (retry limit exceeded)', { event: event.metadata.name })
}

/** Whether no further try is worth it: the event is written or refused. */
async function writeOnce(env: Env, client: Client, event: Event, signal: AbortSignal): Promise<boolean> {
  const { name = '', namespace } = event.metadata
  try {
    if (event.series !== undefined) {
      try {
        await client.patch(eventsV1, { namespace, name }, 'strategic', { series: event.series }, { signal, metadataOnly: true })
        return true
      } catch (error) {
        if (!isStatus(error, 'NotFound')) throw error
      }
    }
    await client.create(eventsV1, event, { signal, metadataOnly: true })
    return true
  } catch (error) {
    if (!(error instanceof StatusError)) return false
    // The first of the series may have been on its way when its second was to be added.
    if (error.reason === 'AlreadyExists') return event.series === undefined
    env.log.debug('event was refused', { event: name, error: error.message })
    return true
  }
}
