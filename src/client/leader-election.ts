/**
 * One leader among several candidates, by a Lease (upstream: client-go/tools/leaderelection). A candidate trusts its own
 * clock only: it counts from when it saw a record change, never compares clocks with the holder.
 */
import type { Clock, Logger, Metrics, Random } from '../base/env.ts'
import type { Lease } from '../api/generated/types/coordination-v1.ts'
import { leases } from '../api/generated/resources.ts'
import { isStatus } from '../api/meta/errors.ts'
import type { KubeObject } from '../api/meta/object.ts'
import { formatMicroTime } from '../api/meta/time.ts'
import type { Client } from './client.ts'
import type { EventRecorder } from './events.ts'

export interface LeaderElectionOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics?: Metrics
  /** Told who leads, as events about the lease. */
  readonly recorder?: EventRecorder
  readonly namespace: string
  readonly name: string
  /** Unique among the candidates. */
  readonly identity: string
  /** How long others wait before they take over from a silent holder. Default 15 s. */
  readonly leaseDurationMs?: number
  /** How long the holder tries to renew before it gives up. Default 10 s. */
  readonly renewDeadlineMs?: number
  /** Default 2 s. */
  readonly retryPeriodMs?: number
  /** Gives the lease back at the end, so that another takes over at once. */
  readonly releaseOnCancel?: boolean
  /** Runs while this candidate leads; its signal is aborted when it no longer does. */
  readonly lead: (signal: AbortSignal) => Promise<void>
  readonly onNewLeader?: (identity: string) => void
}

interface Observed {
  lease: Lease | undefined
  at: number
}

/** Waits for leadership, leads, and returns when leadership is lost or the signal is aborted. */
export async function runLeaderElection(options: LeaderElectionOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, retryPeriodMs = 2000 } = options
  const seen: Observed = { lease: undefined, at: 0 }
  while (!(await tryAcquireOrRenew(options, seen, signal))) {
    if (signal.aborted) return
    // Upstream spreads candidates by a jitter of 1.2.
    await clock.sleep(retryPeriodMs * (1 + 1.2 * random.next()), signal).catch(() => undefined)
    if (signal.aborted) return
  }
  tell(options, seen, true)
  const leading = new AbortController()
  const led = options.lead(AbortSignal.any([signal, leading.signal]))
  const ended = led.then(() => leading.abort(new Error('the leader has ended its work')), () => leading.abort(new Error('the leader has failed')))
  await renew(options, seen, AbortSignal.any([signal, leading.signal]))
  leading.abort(new Error('leadership was lost'))
  tell(options, seen, false)
  await ended
  if (options.releaseOnCancel === true) await release(options, seen)
  await led
}

function tell({ metrics, recorder, name, identity }: LeaderElectionOptions, { lease }: Observed, leads: boolean): void {
  metrics?.gauge('leader_election_master_status',
    'Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master. \'name\' is the string used to identify the lease. Please make sure to group by name.',
    ['name']).set(leads ? 1 : 0, { name })
  if (lease !== undefined) recorder?.event(lease as KubeObject, 'Normal', 'LeaderElection', `${identity} ${leads ? 'became leader' : 'stopped leading'}`)
}

/** Returns when the lease could not be renewed within the deadline, or on abort. */
async function renew(options: LeaderElectionOptions, seen: Observed, signal: AbortSignal): Promise<void> {
  const { clock, log, renewDeadlineMs = 10_000, retryPeriodMs = 2000 } = options
  let renewedAt = clock.monotonic()
  while (!signal.aborted) {
    await clock.sleep(retryPeriodMs, signal).catch(() => undefined)
    if (signal.aborted) return
    const left = renewDeadlineMs - (clock.monotonic() - renewedAt)
    const attempt = new AbortController()
    const timer = clock.setTimeout(() => attempt.abort(new Error('renew deadline is over')), Math.max(0, left))
    const renewed = await tryAcquireOrRenew(options, seen, AbortSignal.any([signal, attempt.signal]))
    timer.cancel()
    if (renewed) renewedAt = clock.monotonic()
    else if (clock.monotonic() - renewedAt >= renewDeadlineMs) {
      log.warn('failed to renew lease', { lease: `${options.namespace}/${options.name}` })
      return
    }
  }
}

async function tryAcquireOrRenew(options: LeaderElectionOptions, seen: Observed, signal: AbortSignal): Promise<boolean> {
  const { client, clock, log, namespace, name, identity, leaseDurationMs = 15_000 } = options
  try {
    const now = formatMicroTime(clock.now())
    let lease: Lease
    try {
      lease = await client.get(leases, { namespace, name }, { signal })
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error
      const created = await client.create(leases, newLease(options, now), { namespace, signal })
      observe(options, seen, created)
      return true
    }
    observe(options, seen, lease)
    const holder = lease.spec?.holderIdentity ?? ''
    if (holder !== '' && holder !== identity && clock.monotonic() - seen.at < leaseDurationMs) return false
    const taking = holder !== identity
    const updated = await client.update(leases, {
      ...lease,
      spec: {
        ...lease.spec, holderIdentity: identity, leaseDurationSeconds: Math.round(leaseDurationMs / 1000), renewTime: now,
        ...(taking ? { acquireTime: now, leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + 1 } : {}),
      },
    }, { signal })
    observe(options, seen, updated)
    return true
  } catch (error) {
    if (!signal.aborted) log.debug('could not acquire or renew lease', { lease: `${namespace}/${name}`, error })
    return false
  }
}

function newLease({ namespace, name, identity, leaseDurationMs = 15_000 }: LeaderElectionOptions, now: string): Lease {
  return {
    apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { namespace, name },
    spec: {
      holderIdentity: identity, leaseDurationSeconds: Math.round(leaseDurationMs / 1000),
      acquireTime: now, renewTime: now, leaseTransitions: 0,
    },
  }
}

function observe(options: LeaderElectionOptions, seen: Observed, lease: Lease): void {
  const before = seen.lease?.spec
  const spec = lease.spec
  if (before !== undefined && before.renewTime === spec?.renewTime && before.holderIdentity === spec?.holderIdentity) {
    seen.lease = lease
    return
  }
  seen.lease = lease
  seen.at = options.clock.monotonic()
  const holder = spec?.holderIdentity ?? ''
  if (holder !== before?.holderIdentity && holder !== '') options.onNewLeader?.(holder)
}

async function release(options: LeaderElectionOptions, seen: Observed): Promise<void> {
  const { client, clock, log, identity } = options
  if (seen.lease?.spec?.holderIdentity !== identity) return
  const now = formatMicroTime(clock.now())
  try {
    await client.update(leases, {
      ...seen.lease,
      spec: {
        holderIdentity: '', leaseDurationSeconds: 1, renewTime: now, acquireTime: now,
        leaseTransitions: seen.lease.spec.leaseTransitions,
      },
    })
  } catch (error) {
    log.warn('failed to release lease', { error })
  }
}
