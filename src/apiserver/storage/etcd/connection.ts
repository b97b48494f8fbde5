/**
 * How etcd's members are reached. The client's own rules would repeat a write whose answer was lost, which then fails on
 * itself, and would shut a member out for some cancelled watches; so they are replaced: reads are asked again, writes only
 * when they never left this process, and a member that cannot be reached is passed over for a moment.
 */
import { readFileSync } from 'node:fs'
import type { IOptions } from 'etcd3'
import type { Clock } from '../../../base/env.ts'
import { type Members, straight } from './members.ts'

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

const timeoutOf = ({ timeoutMs }: EtcdOptions): number => timeoutMs ?? 10_000

export function connection(o: EtcdOptions, members: Members): IOptions {
  const timeoutMs = timeoutOf(o)
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
      // One that is frozen or cut off is found out by this where it is the only one, as upstream does.
      'grpc.keepalive_time_ms': 30_000, 'grpc.keepalive_timeout_ms': 10_000,
      'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 2000,
    },
    defaultCallOptions: (context) => context.isStream ? {} : { deadline: o.clock.now() + timeoutMs },
    faultHandling: { global: straight(), host: (endpoint) => members.policy(endpoint) },
  }
}

const betweenMs = 100
const mostBetweenMs = 500

/** Asks again when it is worth it, until the time of a request is over: `again` says of an error whether it is. */
export async function persistent<T>(o: EtcdOptions, again: (error: unknown) => boolean, ask: () => Promise<T>): Promise<T> {
  const until = o.clock.monotonic() + timeoutOf(o)
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask()
    } catch (error) {
      const waitMs = Math.min(betweenMs * attempt, mostBetweenMs)
      if (!again(error) || o.clock.monotonic() + waitMs >= until) throw error
      await o.clock.sleep(waitMs)
    }
  }
}
