/** Where events go: at once or in batches, cut when they are too long (apiserver/plugin/pkg/audit/{buffered,truncate,log,webhook}). */
import type { Env } from '../../base/env.ts'
import { type AuditEvent, legacyLine } from './event.ts'

/** Takes events; false, or a promise of it, when they were not stored. */
export interface AuditSink {
  process(events: readonly AuditEvent[]): boolean | Promise<boolean>
  /** Resolves when all that was taken has been handed on. */
  close?(): Promise<void>
}

export type AuditMode = 'batch' | 'blocking' | 'blocking-strict'

export interface BatchSettings {
  readonly bufferSize: number
  readonly maxSize: number
  readonly maxWaitMs: number
  /** Batches a second; undefined: as they come. */
  readonly throttle?: { readonly perSecond: number; readonly burst: number }
  /** Whether a batch is not waited for before the next. */
  readonly parallel: boolean
}

export interface SinkSettings {
  readonly mode: AuditMode
  readonly batch: BatchSettings
  readonly truncate?: { readonly maxEventBytes: number; readonly maxBatchBytes: number }
}

/** The sink as its flags want it. */
export function wrapSink(env: Env, plugin: string, sink: AuditSink, { mode, batch, truncate }: SinkSettings): AuditSink {
  const fail = complaint(env, plugin)
  const inner = mode === 'batch' ? batched(env, sink, batch, fail) : mode === 'blocking' ? lenient(sink) : sink
  return truncate === undefined ? inner : truncated(inner, truncate, fail)
}

/** Events as lines. */
export function lineSink(env: Env, format: 'json' | 'legacy', write: (text: string) => void): AuditSink {
  const fail = complaint(env, 'log')
  return {
    process(events) {
      try {
        for (const event of events) write(`${format === 'json' ? JSON.stringify(event) : legacyLine(event)}\n`)
        return true
      } catch (error) {
        fail(error, events.length)
        return false
      }
    },
  }
}

const attempts = 5
const factor = 1.5

/** Events as lists, posted until the other side takes them, five times at most. */
export function postSink(env: Env, post: (body: string) => Promise<void>, initialBackoffMs: number): AuditSink {
  const fail = complaint(env, 'webhook')
  return {
    async process(events) {
      const body = JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items: events })
      let backoff = initialBackoffMs
      for (let attempt = 1; ; attempt++) {
        try {
          await post(body)
          return true
        } catch (error) {
          if (attempt >= attempts) {
            fail(error, events.length)
            return false
          }
        }
        await env.clock.sleep(backoff * (1 + 0.2 * env.random.next()))
        backoff *= factor
      }
    },
  }
}

type Fail = (error: unknown, events: number) => void

function complaint(env: Env, plugin: string): Fail {
  const errors = env.metrics.counter('apiserver_audit_error_total', 'Audit events that a backend did not take.', ['plugin'])
  return (error, events) => {
    errors.inc({ plugin }, events)
    env.log.error('audit events were lost', { plugin, events, error: error instanceof Error ? error.message : String(error) })
  }
}

/** A failure to store is no reason to refuse the request. */
function lenient(sink: AuditSink): AuditSink {
  return {
    async process(events) {
      await sink.process(events)
      return true
    },
    close: async () => sink.close?.(),
  }
}

function batched(env: Env, sink: AuditSink, settings: BatchSettings, fail: Fail): AuditSink {
  const { bufferSize, maxSize, maxWaitMs, throttle, parallel } = settings
  const { clock } = env
  let buffer: AuditEvent[] = []
  let timer: { cancel(): void } | undefined
  let tokens = throttle?.burst ?? 0
  let refilled = clock.monotonic()
  let sending: Promise<unknown> = Promise.resolve()
  const running = new Set<Promise<unknown>>()

  const turn = async (): Promise<void> => {
    if (throttle === undefined) return
    const refill = () => {
      const now = clock.monotonic()
      tokens = Math.min(throttle.burst, tokens + (now - refilled) / 1000 * throttle.perSecond)
      refilled = now
    }
    refill()
    if (tokens < 1) {
      await clock.sleep((1 - tokens) / throttle.perSecond * 1000)
      refill()
    }
    tokens--
  }
  const send = async (): Promise<void> => {
    await turn()
    const events = buffer.slice(0, maxSize)
    buffer = buffer.slice(maxSize)
    if (events.length === 0) return
    const done = Promise.resolve(sink.process(events)).catch((error: unknown) => fail(error, events.length))
    running.add(done)
    const ended = done.finally(() => running.delete(done))
    if (!parallel) await ended
  }
  const flush = () => {
    timer?.cancel()
    timer = undefined
    sending = sending.then(send)
  }
  const arm = () => {
    if (buffer.length > 0 && timer === undefined) timer = clock.setTimeout(flush, maxWaitMs)
  }
  return {
    process(events) {
      const room = bufferSize - buffer.length
      buffer.push(...events.slice(0, room))
      if (events.length > room) fail(new Error('audit buffer queue blocked'), events.length - room)
      if (buffer.length >= maxSize) flush()
      else arm()
      return true
    },
    async close() {
      timer?.cancel()
      while (buffer.length > 0) {
        flush()
        await sending
      }
      await Promise.all(running)
      await sink.close?.()
    },
  }
}

function truncated(sink: AuditSink, { maxEventBytes, maxBatchBytes }: NonNullable<SinkSettings['truncate']>, fail: Fail): AuditSink {
  const sizeOf = (event: AuditEvent) => Buffer.byteLength(JSON.stringify(event)) + 1
  return {
    async process(events) {
      let success = true
      let batch: AuditEvent[] = []
      let bytes = 0
      const pass = async () => {
        if (batch.length > 0) success = await sink.process(batch) && success
        batch = []
        bytes = 0
      }
      for (const given of events) {
        let event = given
        let size = sizeOf(event)
        if (size > maxEventBytes && (event.level === 'Request' || event.level === 'RequestResponse')) {
          const { requestObject: _, responseObject: __, ...rest } = event
          event = { ...rest, annotations: { ...event.annotations, 'audit.k8s.io/truncated': 'true' } }
          size = sizeOf(event)
        }
        if (size > maxEventBytes) {
          fail(new Error('event is too large even after truncating'), 1)
          continue
        }
        if (bytes + size > maxBatchBytes) await pass()
        batch.push(event)
        bytes += size
      }
      await pass()
      return success
    },
    close: async () => sink.close?.(),
  }
}
