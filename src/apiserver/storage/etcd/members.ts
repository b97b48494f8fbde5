/**
 * Which members of an etcd cluster are asked. gRPC finds out that a member is frozen or cut off when its keepalive is not
 * answered, forty seconds later (which is what kube-apiserver waits); and never that it is cut off from the other members.
 * So each is asked every second how it is. One that does not answer, or knows no leader while others do, is passed over until
 * it does, and whoever waits for it is told so at once.
 */
import type { IOptions } from 'etcd3'
import type { Clock } from '../../../base/env.ts'

export type Policy = NonNullable<NonNullable<IOptions['faultHandling']>['global']>
type Context = Parameters<Parameters<Policy['execute']>[0]>[0]

/** How a member answered: whether it knows a leader. */
export interface Health {
  readonly hasLeader: boolean
}

/** Asks a member how it is; rejects when it does not answer in time. */
export type Probe = (endpoint: string) => Promise<Health>

const everyMs = 1000
/** After a failure to connect. */
const passOverMs = 2000

interface Member {
  readonly endpoint: string
  /** What the last probe found; until the first it is taken for well. */
  health: Health | undefined
  /** Probes in a row that found it without a leader. */
  leaderless: number
  passedOverUntil: number
  /** Whoever waits for it. */
  readonly waiting: Set<(why: Error) => void>
}

export class Members {
  readonly #members: readonly Member[]
  readonly #clock: Clock
  readonly #stop = new AbortController()

  constructor(endpoints: readonly string[], clock: Clock) {
    this.#members = endpoints.map((endpoint) => ({ endpoint, health: { hasLeader: true }, leaderless: 0, passedOverUntil: 0, waiting: new Set() }))
    this.#clock = clock
  }

  /** Asks all members from now on. One alone is not watched: there is no other to turn to. */
  start(probe: Probe): void {
    if (this.#members.length < 2) return
    for (const member of this.#members) void this.#follow(member, probe)
  }

  stop(): void {
    this.#stop.abort()
  }

  /** How requests to that member are made. */
  policy(endpoint: string): Policy {
    const member = this.#members.find((each) => each.endpoint === endpoint)!
    if (this.#members.length < 2) return straight()
    return policy(async (run, signal) => {
      if (this.#isPassedOver(member)) throw new MemberPassedOver()
      try {
        const result = withQuietEnd(run(contextOf(signal)))
        return isStream(result) ? this.#followed(member, result) : await this.#answered(member, Promise.resolve(result))
      } catch (error) {
        if (isUnreachable(error)) member.passedOverUntil = this.#clock.now() + passOverMs
        throw error
      }
    })
  }

  async #follow(member: Member, probe: Probe): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      const health = await probe(member.endpoint).catch(() => undefined)
      member.health = health
      member.leaderless = health?.hasLeader === false ? member.leaderless + 1 : 0
      for (const each of this.#members) if (this.#isIll(each)) tellAll(each)
      await this.#clock.sleep(everyMs, signal).catch(() => undefined)
    }
  }

  /** Where others are no better, it is as good as they. Of an election some hear before others. */
  #isIll({ health, leaderless }: Member): boolean {
    if (health === undefined) return this.#members.some((other) => other.health !== undefined)
    return leaderless > 1 && this.#members.some((other) => other.health?.hasLeader === true)
  }

  #isPassedOver(member: Member): boolean {
    const now = this.#clock.now()
    const is = (each: Member): boolean => each.passedOverUntil > now || this.#isIll(each)
    return is(member) && !this.#members.every(is)
  }

  #answered<T>(member: Member, result: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = () => void member.waiting.delete(reject)
      member.waiting.add(reject)
      result.then(resolve, reject).finally(done)
    })
  }

  #followed<T extends Stream>(member: Member, stream: T): T {
    const tell = () => stream.cancel()
    member.waiting.add(tell)
    const done = () => void member.waiting.delete(tell)
    stream.on('error', done)
    stream.on('end', done)
    stream.on('close', done)
    return stream
  }
}

function tellAll({ endpoint, waiting }: Member): void {
  const all = [...waiting]
  waiting.clear()
  for (const tell of all) tell(new MemberLost(endpoint))
}

interface Stream {
  cancel(): void
  on(event: 'error' | 'end' | 'close', callback: (error: Error) => void): unknown
  listeners(event: 'error'): unknown[]
  removeAllListeners(event: 'error'): unknown
}

/** gRPC's code 1. */
const cancelled = 1

/**
 * The client takes a watch that we end for a failure of its member, and closes the connection under everybody else. It has
 * put its listener on the stream when the stream gets here.
 */
function withQuietEnd<T>(result: T): T {
  if (!isStream(result)) return result
  const told = result.listeners('error') as ((error: Error) => void)[]
  result.removeAllListeners('error')
  result.on('error', (error) => {
    if ((error as { readonly code?: unknown }).code !== cancelled) for (const tell of told) tell(error)
  })
  return result
}

function isStream(value: unknown): value is Stream {
  return typeof (value as { cancel?: unknown } | undefined)?.cancel === 'function'
}

const silent = () => ({ dispose: () => undefined })

function policy(execute: Policy['execute']): Policy {
  return { _altReturn: undefined as never, onSuccess: silent, onFailure: silent, execute }
}

/** Asks once. */
export function straight(): Policy {
  return policy(async (run, signal) => withQuietEnd(await run(contextOf(signal))))
}

const contextOf = (signal: AbortSignal | undefined): Context => ({ signal: signal ?? new AbortController().signal })

class MemberPassedOver extends Error {
  constructor() {
    super('the member of the etcd cluster could not be reached just now')
  }
}

/** It may or may not have done what it was asked to. */
class MemberLost extends Error {
  constructor(endpoint: string) {
    super(`the member ${endpoint} of the etcd cluster does not answer`)
  }
}

/** gRPC's code 14 and 4: the member is gone, has no leader, or does not answer. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return error instanceof MemberLost || error.constructor.name === 'GRPCUnavailableError' || error.constructor.name === 'GRPCDeadlineExceededError'
    || /etcdserver: (no leader|leader changed|request timed out|not capable)/.test(error.message)
}

/** Whether the request certainly was not performed. */
export function neverSent(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return error instanceof MemberPassedOver || error.message.includes('No connection established') || error.message.includes('Channel closed before call started') || error.message.includes('etcdserver: no leader')
}
