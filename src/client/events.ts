/**
 * Records core/v1 Events in the background (upstream: client-go/tools/record): equal events become one with a count,
 * many that differ only in their message become one combined, and what comes too fast about one object is dropped.
 */
import type { Clock, Env } from '../base/env.ts'
import type { Event, ObjectReference } from '../api/generated/types/core-v1.ts'
import { isStatus, StatusError } from '../api/meta/errors.ts'
import { events } from '../api/generated/resources.ts'
import type { KubeObject } from '../api/meta/object.ts'
import { formatTime } from '../api/meta/time.ts'
import type { Client } from './client.ts'
import { correlate, createCorrelatorState, type CorrelatorState, observed } from './event-correlator.ts'

export interface EventSource {
  /** "deployment-controller", "kubelet". */
  readonly component: string
  readonly host?: string
}

export interface EventRecorder {
  /** Never throws and never waits: an event that cannot be written is dropped after some tries. */
  event(about: EventSubject, type: 'Normal' | 'Warning', reason: string, message: string, annotations?: Record<string, string>): void
}

/** An object (its apiVersion and kind must be set) or a reference to one. */
export type EventSubject = KubeObject | ObjectReference

const maxQueued = 1000
const maxTries = 12
const retryMs = 10_000

/** `EventRecorder`s of several sources over one client; each writes on its own so that none holds up another. */
export function createEventRecorder(env: Env, client: Client, source: EventSource): EventRecorder {
  const state = createCorrelatorState()
  const queue: Event[] = []
  const dropped = droppedEvents(env, source.component)
  let sending = false
  const uniqueSuffix = eventSuffixes(env.clock)

  async function drain(signal: AbortSignal): Promise<void> {
    try {
      for (let event = queue.shift(); event !== undefined; event = queue.shift()) {
        const result = correlate(state, event, env.clock.now(), uniqueSuffix)
        if (result !== undefined) await write(env, client, state, result, signal)
      }
    } finally {
      sending = false
    }
  }

  return {
    event(about, type, reason, message, annotations) {
      if (queue.length >= maxQueued) {
        env.log.warn('event queue is full, dropping an event', { reason, message })
        return dropped()
      }
      queue.push(makeEvent(referenceTo(about), type, reason, message, annotations, source, formatTime(env.clock.now()), uniqueSuffix()))
      if (sending) return
      sending = true
      env.tasks.go(`events of ${source.component}`, drain)
    },
  }
}

/** Upstream names events after nanoseconds; the clock here counts milliseconds, so a sequence fills the rest. */
export function eventSuffixes(clock: Clock): () => string {
  let lastTick = 0
  let sequence = 0
  return () => {
    const tick = Math.floor(clock.now())
    sequence = tick === lastTick ? sequence + 1 : 0
    lastTick = tick
    return (BigInt(tick) * 1_000_000n + BigInt(sequence)).toString(16)
  }
}

/** Counts an event that is not written because too many wait already; upstream drops them too and does not count. */
export function droppedEvents(env: Env, component: string): () => void {
  return env.metrics.counter('coxswain_events_dropped_total', 'Events that were not written because too many waited.', ['component']).with({ component })
}

/** What an event's involvedObject says of an object. */
export function referenceTo(about: EventSubject): ObjectReference {
  if (!('metadata' in about)) return about as ObjectReference
  const { apiVersion, kind, metadata } = about as KubeObject
  return {
    kind, apiVersion, name: metadata.name, uid: metadata.uid, resourceVersion: metadata.resourceVersion,
    ...(metadata.namespace === undefined || metadata.namespace === '' ? {} : { namespace: metadata.namespace }),
  }
}

function makeEvent(
  involvedObject: ObjectReference, type: string, reason: string, message: string, annotations: Record<string, string> | undefined,
  source: EventSource, now: string, suffix: string,
): Event {
  const namespace = involvedObject.namespace ?? 'default'
  return {
    apiVersion: 'v1', kind: 'Event',
    metadata: {
      name: `${involvedObject.name ?? ''}.${suffix}`, namespace,
      ...(annotations === undefined ? {} : { annotations }),
    },
    involvedObject, reason, message, type,
    source: { component: source.component, ...(source.host === undefined ? {} : { host: source.host }) },
    firstTimestamp: now, lastTimestamp: now, count: 1,
    reportingComponent: source.component, reportingInstance: source.host ?? '',
  }
}

async function write(
  env: Env, client: Client, state: CorrelatorState, { event, isUpdate }: { event: Event; isUpdate: boolean }, signal: AbortSignal,
): Promise<void> {
  let update = isUpdate
  for (let tries = 0; tries < maxTries; tries++) {
    try {
      const { name = '', namespace } = event.metadata
      const written = update
        ? await client.patch(events, { namespace, name }, 'strategic', patchOf(event), { signal, metadataOnly: true })
        : await client.create(events, event, { signal, metadataOnly: true })
      observed(state, event, written.metadata.name ?? name)
      return
    } catch (error) {
      if (signal.aborted) return
      if (update && isStatus(error, 'NotFound')) {
        update = false
        continue
      }
      if (error instanceof StatusError) {
        // Refused: trying again would not help.
        if (error.reason !== 'AlreadyExists') env.log.debug('event was refused', { event: event.metadata.name, error: error.message })
        return
      }
      await env.clock.sleep(tries === 0 ? retryMs * env.random.next() : retryMs, signal).catch(() => undefined)
      if (signal.aborted) return
    }
  }
}

function patchOf(event: Event): unknown {
  return { count: event.count, lastTimestamp: event.lastTimestamp, message: event.message }
}
