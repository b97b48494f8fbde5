/** Writes requests down as the policy says (upstream: endpoints/filters/{audit,authn_audit}.go). */
import type { Clock, Metrics, Random } from '../../base/env.ts'
import { internalError } from '../../api/meta/errors.ts'
import { AuditDraft } from '../audit/event.ts'
import { type AuditPolicy, type Stage, auditConfig } from '../audit/policy.ts'
import type { AuditSink } from '../audit/sinks.ts'
import type { ApiRequest, ApiResponse, Filter } from '../handler.ts'
import { type HttpExchange, exchangeOf, header } from '../http/exchange.ts'
import { statusOf } from '../http/respond.ts'
import { isLongRunning } from './request-info.ts'

export interface AuditOptions {
  readonly policy: AuditPolicy
  readonly sinks: readonly AuditSink[]
}

interface Deps {
  readonly clock: Clock
  readonly random: Random
  readonly metrics: Metrics
}

/** The auditing of one server, for the chain's filter and for authentication that failed. */
export interface Auditor {
  readonly filter: Filter
  /** Notes that nobody knows who sent the request. */
  failedAuthentication(request: ApiRequest): Promise<void>
}

export function createAuditor({ clock, random, metrics }: Deps, { policy, sinks }: AuditOptions): Auditor {
  const events = metrics.counter('apiserver_audit_event_total', 'Audit events made.')
  const dropped = metrics.counter('apiserver_audit_requests_rejected_total', 'Requests refused because their event could not be stored.')
  const byLevel = metrics.counter('apiserver_audit_level_total', 'Requests by their level of auditing.', ['level'])

  const draft = (request: ApiRequest): AuditDraft | undefined => {
    const config = auditConfig(policy, request.info, request.user)
    byLevel.inc({ level: config.level })
    if (config.level === 'None') return undefined
    const exchange = exchangeOf(request)
    return new AuditDraft(config, {
      request, now: clock.now(), auditId: exchange?.auditId ?? random.uuid(), uri: uriOf(request, exchange), sourceIPs: sourceIPs(exchange),
    })
  }
  const write = async (event: AuditDraft, stage: Stage): Promise<boolean> => {
    if (event.config.omitStages.includes(stage)) return true
    events.inc()
    const written = event.event(stage, clock.now())
    let stored = true
    for (const sink of sinks) {
      const result = sink.process([written])
      stored = (typeof result === 'boolean' ? result : await result) && stored
    }
    return stored
  }

  const filter: Filter = {
    name: 'audit',
    wrap: (next) => async (request) => {
      const event = draft(request)
      if (event === undefined) return next(request)
      if (!await write(event, 'RequestReceived')) {
        dropped.inc()
        throw internalError('failed to store audit event')
      }
      const long = isLongRunning(request.info)
      const started = async () => {
        if (long) await write(event, 'ResponseStarted')
      }
      const complete = () => write(event, 'ResponseComplete')
      let response: ApiResponse
      try {
        response = await next(request)
      } catch (error) {
        const { status } = statusOf(error)
        event.noteResponse(status.code ?? 500, { ...status, kind: 'Status', apiVersion: 'v1' })
        await started()
        await complete()
        throw error
      }
      noteAnswer(event, response)
      await started()
      const stream = streamEnd(request, response)
      if (stream !== undefined) {
        stream.once('close', () => void complete())
        return response
      }
      if (response.type === 'watch') return { ...response, events: completing(response.events, complete) }
      await complete()
      return response
    },
  }
  return {
    filter,
    async failedAuthentication(request) {
      const event = draft(request)
      if (event === undefined) return
      event.noteStatus({ status: 'Failure', message: 'Unauthorized', reason: 'Unauthorized', code: 401 })
      await write(event, 'ResponseStarted')
    },
  }
}

function noteAnswer(event: AuditDraft, response: ApiResponse): void {
  switch (response.type) {
    case 'object': return event.noteResponse(response.code, response.object)
    case 'list': {
      const { apiVersion, kind, metadata, items } = response
      return event.noteResponse(200, event.withResponse ? { kind, apiVersion, metadata, items: items.map(({ object }) => object) } : undefined)
    }
    case 'watch': return event.noteResponse(200, undefined)
    case 'raw': return event.noteResponse(response.code, undefined)
    case 'taken-over': return event.noteResponse(101, undefined)
  }
}

/** What ends when an answer ends that goes on behind the handler. */
function streamEnd(request: ApiRequest, response: ApiResponse) {
  const exchange = exchangeOf(request)
  if (exchange === undefined || response.type === 'object' || response.type === 'list') return undefined
  if (response.type === 'raw' && !(Symbol.asyncIterator in Object(response.body))) return undefined
  return exchange.upgrade?.socket ?? exchange.response
}

async function* completing<T>(events: AsyncIterable<T>, complete: () => Promise<unknown>): AsyncGenerator<T> {
  try {
    yield* events
  } finally {
    await complete()
  }
}

function uriOf({ info, query }: ApiRequest, exchange: HttpExchange | undefined): string {
  const [path, text] = exchange === undefined ? [info.path, query.toString()] : [exchange.rawPath, exchange.rawQuery]
  return text === '' ? path : `${path}?${text}`
}

/** Whom the request went through, the sender first (apimachinery/pkg/util/net SourceIPs). */
function sourceIPs(exchange: HttpExchange | undefined): string[] {
  if (exchange === undefined) return ['::1']
  const { headers, peer } = exchange
  const isIP = (text: string) => /^[0-9a-fA-F:.]+$/.test(text) && /[.:]/.test(text)
  const forwarded = (header(headers, 'x-forwarded-for') ?? '').split(',').map((text) => text.trim()).filter(isIP)
  const real = header(headers, 'x-real-ip') ?? ''
  const known = forwarded.length > 0 || !isIP(real) ? forwarded : [real]
  const own = peer.address.replace(/^::ffff:(?=\d+\.)/, '')
  return own === '' || known.at(-1) === own ? known : [...known, own]
}
