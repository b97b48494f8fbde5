/**
 * How etcd's members are reached. The client's own rules would repeat a write whose answer was lost, which then fails on
 * itself, and would shut a member out for some cancelled watches; so they are replaced: reads are asked again, writes only
 * when they never left this process, and a member that cannot be reached is passed over for a moment.
 */
import { readFileSync } from 'node:fs'
import type { IOptions } from 'etcd3'
import type { Clock } from '../../../base/env.ts'

export interface EtcdOptions {
  /** "https://127.0.0.1:2379", several of one cluster. */
  readonly endpoints: readonly string[]
  /** PEM files, as kube-apiserver's --etcd-cafile, --etcd-certfile, --etcd-keyfile. */
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
  readonly clock: Clock
  /** Put before every key, so that several clusters share one etcd; without a slash at its end. */
  readonly prefix?: string
  /** After which a request counts as failed. Default 10 s. */
  readonly timeoutMs?: number
}

type Policy = NonNullable<NonNullable<IOptions['faultHandling']>['global']>
type Context = Parameters<Parameters<Policy['execute']>[0]>[0]

export function connection(o: EtcdOptions): IOptions {
  const timeoutMs = o.timeoutMs ?? 10_000
  return {
    hosts: [...o.endpoints],
    ...(o.caFile === undefined ? {} : {
      credentials: {
        rootCertificate: readFileSync(o.caFile),
        ...(o.certFile === undefined || o.keyFile === undefined ? {} : {
          certChain: readFileSync(o.certFile), privateKey: readFileSync(o.keyFile),
        }),
      },
    }),
    grpcOptions: {
      'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1,
      // A member that is frozen or cut off is found out by this, as upstream does.
      'grpc.keepalive_time_ms': 30_000, 'grpc.keepalive_timeout_ms': 10_000,
    },
    defaultCallOptions: (context) => context.isStream ? {} : { deadline: o.clock.now() + timeoutMs },
    faultHandling: { global: straight(), host: () => (o.endpoints.length > 1 ? passingOver(o.clock) : straight()) },
  }
}

const silent = () => ({ dispose: () => undefined })

function policy(execute: Policy['execute']): Policy {
  return { _altReturn: undefined as never, onSuccess: silent, onFailure: silent, execute }
}

function straight(): Policy {
  return policy(async (run, signal) => run(contextOf(signal)))
}

const contextOf = (signal: AbortSignal | undefined): Context => ({ signal: signal ?? new AbortController().signal })

const passOverMs = 2000

/** Refuses for a moment after a failure to connect, upon which the next member is asked. */
function passingOver(clock: Clock): Policy {
  let until = 0
  return policy(async (run, signal) => {
    if (clock.now() < until) throw new MemberPassedOver()
    try {
      return await run(contextOf(signal))
    } catch (error) {
      if (isUnreachable(error)) until = clock.now() + passOverMs
      throw error
    }
  })
}

class MemberPassedOver extends Error {
  constructor() {
    super('the member of the etcd cluster could not be reached just now')
  }
}

/** gRPC's code 14 and 4: the member is gone, has no leader, or does not answer. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return error.constructor.name === 'GRPCUnavailableError' || error.constructor.name === 'GRPCDeadlineExceededError' || /etcdserver: (no leader|leader changed|request timed out|not capable)/.test(error.message)
}

/** Whether the request certainly was not performed. */
export function neverSent(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return error instanceof MemberPassedOver || error.message.includes('No connection established') || error.message.includes('etcdserver: no leader')
}

const attempts = 5
const betweenMs = 100

/** Asks again when it is worth it: `again` says of an error whether it is. */
export async function persistent<T>(clock: Clock, again: (error: unknown) => boolean, ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask()
    } catch (error) {
      if (attempt >= attempts || !again(error)) throw error
      await clock.sleep(betweenMs * attempt)
    }
  }
}
