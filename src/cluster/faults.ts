/**
 * Faults as rules, and the filter that carries them out on every road into the server. Chance comes from a seed of its
 * own, so that a run with faults repeats itself and one without is not changed by their being possible.
 */
import type { Clock } from '../base/env.ts'
import { parseSpan } from '../base/virtual/span.ts'
import { type SeededRandom, seededRandom } from '../base/virtual/random.ts'
import { resourceExpired, StatusError } from '../api/meta/errors.ts'
import type { ApiHandler, ApiRequest, ApiResponse, Filter, WatchResponse, WatchResponseEvent } from '../apiserver/handler.ts'
import { exchangeOf } from '../apiserver/http/exchange.ts'

/** Which requests: all that fit everything that is said. "*" stands for any part of a name. */
export interface FaultMatch {
  /** "system:kube-scheduler", "system:node:node-3", "system:serviceaccount:kube-system:*". */
  readonly user?: string
  readonly verb?: string | readonly string[]
  /** "pods", "pods/status", "deployments.apps". */
  readonly resource?: string
  readonly namespace?: string
  readonly name?: string
}

export interface FaultRule {
  /** By which it is listed and removed; default: a number. */
  readonly name?: string
  readonly match?: FaultMatch
  /** Between 0 and 1. Default 1. */
  readonly probability?: number
  /** How many requests it hits before it is over. Default: no end. */
  readonly times?: number
  /** The request waits: a span, or one between two. */
  readonly delay?: Span | readonly [Span, Span]
  /** The request is refused with this code: 409, 410, 429, 500, 503, …. Nothing is done. */
  readonly error?: number
  /** What is asked for is done, but the answer is lost: the client sees a broken connection. */
  readonly dropAnswer?: boolean
  /** Gets and lists show the state of this long ago, as a cache that is behind would. */
  readonly stale?: Span
  /**
   * The process of the user who asks ends: 'before' the write is done, or 'after' it, without having heard so. Writes only,
   * unless the match names verbs. Whoever has told `onCrash` of that user is called; nobody else is changed.
   */
  readonly crash?: 'before' | 'after'
  /** The clock of the user's process is wrong by so much. Of the match the user alone counts. */
  readonly clock?: { readonly ahead: Span } | { readonly behind: Span }
  /** Nobody gets through, and watches that run hear nothing, until the rule is removed. */
  readonly partition?: boolean
  /** What happens to the events of watches. */
  readonly watch?: {
    /** Each event comes this much later. */
    readonly delay?: Span | readonly [Span, Span]
    /**
     * Each watch stands still at times, by up to that span, while others go on: their events come in another order than
     * the writes. Within a watch the order stays.
     */
    readonly reorder?: Span
    /** The chance that an event is sent twice. */
    readonly duplicate?: number
    /** The watch ends after so many events. */
    readonly endAfter?: number
    /** ... and is told that its history is gone (410), so that its reader must list again. */
    readonly gone?: boolean
  }
}

type Span = number | string

export interface Fault {
  readonly rule: FaultRule & { readonly name: string }
  /** Requests that it has hit. */
  readonly hits: number
}

interface Active {
  readonly rule: Fault['rule']
  hits: number
}

export class Faults {
  /** Of this run's chance: a run with the same seed and the same acts fails in the same way. */
  readonly seed: number
  readonly #random: SeededRandom
  readonly #clock: Clock
  readonly #active = new Map<string, Active>()
  readonly #crashing = new Map<string, () => void>()
  #next = 1
  #onChange: (() => void)[] = []

  constructor(clock: Clock, seed: number) {
    this.seed = seed
    this.#clock = clock
    this.#random = seededRandom(`faults ${seed}`)
  }

  /** From now on. Throws on a rule that does not say what to do; answers the name. */
  add(rule: FaultRule): string {
    const { name = String(this.#next++) } = rule
    const { delay, error, dropAnswer, stale, crash, clock, partition, watch } = rule
    if ([delay, error, dropAnswer, stale, crash, clock, partition, watch].every((effect) => effect === undefined)) {
      throw new Error('a fault says what goes wrong: delay, error, dropAnswer, stale, crash, clock, partition or watch')
    }
    for (const span of [delay, watch?.delay, watch?.reorder].flat()) if (span !== undefined) parseSpan(span as Span)
    if (stale !== undefined) parseSpan(stale)
    if (clock !== undefined) skewOf(clock)
    this.#active.set(name, { rule: { ...rule, name }, hits: 0 })
    return name
  }

  /** Whether there was one of that name. */
  remove(name: string): boolean {
    const found = this.#active.delete(name)
    for (const wake of this.#onChange.splice(0)) wake()
    return found
  }

  clear(): void {
    for (const name of this.#active.keys()) this.remove(name)
  }

  list(): Fault[] {
    return [...this.#active.values()].map(({ rule, hits }) => ({ rule, hits }))
  }

  /** The clock of that user's process: everybody's, unless a rule sets it wrong. Only what it shows changes, not how it runs. */
  clockOf(user: string): Clock {
    const clock = this.#clock
    const wrong = (): number => {
      let ms = 0
      for (const { rule } of this.#active.values()) if (rule.clock !== undefined && fits(rule.match?.user, user)) ms += skewOf(rule.clock)
      return ms
    }
    return {
      now: () => clock.now() + (this.#active.size === 0 ? 0 : wrong()), monotonic: () => clock.monotonic(),
      setTimeout: (callback, delayMs) => clock.setTimeout(callback, delayMs), sleep: (delayMs, signal) => clock.sleep(delayMs, signal),
      ...(clock.hold === undefined ? {} : { hold: () => clock.hold!() }),
    }
  }

  /** Calls back when a rule ends the process of that user; answers how to stop that. */
  onCrash(user: string, callback: () => void): () => void {
    this.#crashing.set(user, callback)
    return () => {
      if (this.#crashing.get(user) === callback) this.#crashing.delete(user)
    }
  }

  readonly filter: Filter = { name: 'faults', wrap: (next) => (request) => (this.#active.size === 0 ? this.#followed(request, next(request)) : this.#disturbed(request, next)) }

  async #disturbed(request: ApiRequest, next: ApiHandler): Promise<ApiResponse> {
    if (this.#isExempt(request)) return next(request)
    let asked = request
    let dropped = false
    let crashed = false
    for (const fault of this.#active.values()) {
      const { rule } = fault
      if (rule.watch !== undefined || rule.clock !== undefined || !matches(rule.match, request) || (rule.crash !== undefined && !mayCrash(rule, request)) || !this.#strikes(fault)) continue
      if (rule.partition === true) throw brokenConnection(request)
      if (rule.delay !== undefined) await this.#clock.sleep(this.#span(rule.delay), request.signal)
      if (rule.error !== undefined) throw refusal(rule.error, rule.name)
      if (rule.dropAnswer === true) dropped = true
      if (rule.crash === 'before') throw this.#crash(request)
      if (rule.crash === 'after') crashed = true
      if (rule.stale !== undefined) asked = seenLate(asked, this.#clock.now() - parseSpan(rule.stale))
    }
    const answer = await this.#followed(request, next(asked)).catch((error: unknown) => {
      throw crashed ? this.#crash(request) : error
    })
    if (crashed) throw this.#crash(request)
    if (dropped) throw brokenConnection(request)
    return answer
  }

  #crash(request: ApiRequest): Error {
    this.#crashing.get(request.user.name)?.()
    return brokenConnection(request)
  }

  /** Watches outlive the moment at which they were asked for. */
  async #followed(request: ApiRequest, answer: Promise<ApiResponse>): Promise<ApiResponse> {
    if (request.info.verb !== 'watch') return answer
    const response = await answer
    if (response.type !== 'watch' || this.#isExempt(request)) return response
    return { ...response, events: this.#events(request, response) }
  }

  #isExempt({ user, info }: ApiRequest): boolean {
    return user.name === 'system:apiserver' || info.path.startsWith('/coxswain/')
  }

  async *#events(request: ApiRequest, { events }: WatchResponse): AsyncGenerator<readonly WatchResponseEvent[]> {
    let sent = 0
    // While a watch stands still, until when; or until when it goes on.
    let turn = { still: false, until: 0 }
    for await (const batch of events) {
      await this.#untilConnected(request)
      const rules = [...this.#active.values()].filter(({ rule }) => rule.watch !== undefined && matches(rule.match, request))
      if (rules.length === 0) {
        sent += batch.length
        yield batch
        continue
      }
      for (const event of batch) {
        for (const fault of rules) {
          const { delay, reorder, duplicate, endAfter, gone } = fault.rule.watch!
          if (!this.#strikes(fault)) continue
          if (reorder !== undefined) {
            const now = this.#clock.now()
            if (now >= turn.until) turn = { still: !turn.still, until: now + this.#random.next() * parseSpan(reorder) }
            if (turn.still) await this.#clock.sleep(turn.until - now, request.signal).catch(() => undefined)
          }
          if (delay !== undefined) await this.#clock.sleep(this.#span(delay), request.signal).catch(() => undefined)
          if (duplicate !== undefined && this.#random.next() < duplicate) yield [event]
          if (endAfter === undefined || sent < endAfter) continue
          if (gone === true) yield [{ type: 'ERROR', object: resourceExpired('The resourceVersion for the provided watch is too old.').status }]
          return
        }
        sent++
        yield [event]
      }
    }
  }

  async #untilConnected(request: ApiRequest): Promise<void> {
    while (!request.signal.aborted && [...this.#active.values()].some(({ rule }) => rule.partition === true && matches(rule.match, request))) {
      await new Promise<void>((resolve) => {
        this.#onChange.push(resolve)
        request.signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  #strikes(fault: Active): boolean {
    const { probability = 1, times = Infinity, name } = fault.rule
    if (probability < 1 && this.#random.next() >= probability) return false
    fault.hits++
    if (fault.hits >= times) this.remove(name)
    return true
  }

  #span(span: Span | readonly [Span, Span]): number {
    if (typeof span !== 'object') return parseSpan(span)
    const [low, high] = span.map(parseSpan) as [number, number]
    return low + this.#random.next() * (high - low)
  }
}

function skewOf(clock: NonNullable<FaultRule['clock']>): number {
  return 'ahead' in clock ? parseSpan(clock.ahead) : -parseSpan(clock.behind)
}

const writes = ['create', 'update', 'patch', 'delete', 'deletecollection']

function mayCrash({ match }: FaultRule, { info }: ApiRequest): boolean {
  return match?.verb !== undefined || writes.includes(info.verb)
}

function matches(match: FaultMatch | undefined, { info, user }: ApiRequest): boolean {
  if (match === undefined) return true
  const { verb, resource, namespace, name } = match
  if (verb !== undefined && !(typeof verb === 'string' ? verb === info.verb : verb.includes(info.verb))) return false
  if (resource !== undefined) {
    const plain = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`
    if (!fits(resource, plain) && !fits(resource, `${info.resource}.${info.apiGroup}`)) return false
  }
  return fits(match.user, user.name) && fits(namespace, info.namespace) && fits(name, info.name)
}

function fits(pattern: string | undefined, text: string): boolean {
  if (pattern === undefined || pattern === text) return true
  if (!pattern.includes('*')) return false
  return new RegExp(`^${pattern.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&')).join('.*')}$`).test(text)
}

/** What a client sees of a connection that breaks. */
function brokenConnection(request: ApiRequest): Error {
  exchangeOf(request)?.request.destroy()
  return Object.assign(new Error('the connection was lost (injected fault)'), { code: 'ECONNRESET' })
}

const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest', 401: 'Unauthorized', 403: 'Forbidden', 404: 'NotFound', 409: 'Conflict', 410: 'Expired', 422: 'Invalid',
  429: 'TooManyRequests', 500: 'InternalError', 503: 'ServiceUnavailable', 504: 'Timeout',
}

function refusal(code: number, name: string): StatusError {
  return new StatusError({
    kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason: (reasons[code] ?? 'InternalError') as 'InternalError',
    message: `refused by the injected fault ${name}`, ...(code === 429 ? { details: { retryAfterSeconds: 1 } } : {}),
  })
}

/** The request as a server would answer whose cache ends at that moment. */
function seenLate(request: ApiRequest, time: number): ApiRequest {
  if (!request.info.isResourceRequest || (request.info.verb !== 'get' && request.info.verb !== 'list')) return request
  const query = new URLSearchParams(request.query)
  for (const name of ['resourceVersion', 'resourceVersionMatch']) query.delete(name)
  query.set('asOf', new Date(time).toISOString())
  return { ...request, query }
}
