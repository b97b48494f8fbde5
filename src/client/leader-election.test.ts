import { describe, expect, test } from 'vitest'
import type { Lease } from '../api/generated/types/coordination-v1.ts'
import { conflict, notFound } from '../api/meta/errors.ts'
import type { Client } from './client.ts'
import { runLeaderElection } from './leader-election.ts'
import { createManualEnv } from './testing/manual-env.ts'

function setup() {
  const env = createManualEnv()
  let lease: Lease | undefined
  let version = 1
  const down = new Set<string>()
  const clientOf = (who: string) => {
    const guard = () => {
      if (down.has(who)) throw new Error('connection refused')
    }
    return {
      async get() {
        guard()
        if (lease === undefined) throw notFound({ group: 'coordination.k8s.io', resource: 'leases' }, 'test')
        return lease
      },
      async create(_resource: unknown, made: Lease) {
        guard()
        return (lease = { ...made, metadata: { ...made.metadata, resourceVersion: String(++version) } })
      },
      async update(_resource: unknown, next: Lease) {
        guard()
        if (next.metadata.resourceVersion !== lease?.metadata.resourceVersion) throw conflict({ resource: 'leases' }, 'test', 'changed')
        return (lease = { ...next, metadata: { ...next.metadata, resourceVersion: String(++version) } })
      },
    } as unknown as Client
  }
  const leading = new Set<string>()
  const history: string[] = []
  const run = (identity: string, signal: AbortSignal) => runLeaderElection({
    client: clientOf(identity), clock: env.clock, random: env.random, log: env.log, namespace: 'kube-system', name: 'test', identity, releaseOnCancel: true,
    lead: async (lost) => {
      leading.add(identity)
      history.push(identity)
      expect(leading.size).toBe(1)
      await new Promise((resolve) => lost.addEventListener('abort', resolve))
      leading.delete(identity)
    },
  }, signal)
  return { env, run, leading, history, down, lease: () => lease }
}

describe('leader election', () => {
  test('one leads; when it stops it gives the lease back and the other follows within 5 s', async () => {
    const { env, run, leading, history, lease } = setup()
    const [first, second] = [new AbortController(), new AbortController()]
    const one = run('one', first.signal)
    await env.clock.advance(0)
    const two = run('two', second.signal)
    await env.clock.advance(60_000)
    expect([...leading]).toEqual(['one'])
    expect(lease()!.spec).toMatchObject({ holderIdentity: 'one', leaseDurationSeconds: 15, leaseTransitions: 0 })
    first.abort(new Error('stop'))
    await one
    await env.clock.advance(5000)
    expect(history).toEqual(['one', 'two'])
    expect(lease()!.spec).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 })
    second.abort(new Error('stop'))
    await two
  })

  test('one that cannot renew steps down before another may take over', async () => {
    const { env, run, leading, down } = setup()
    const stop = new AbortController()
    const one = run('one', stop.signal)
    await env.clock.advance(0)
    const two = run('two', stop.signal)
    await env.clock.advance(10_000)
    down.add('one')
    const startedAt = env.clock.now()
    while (leading.has('one')) await env.clock.advance(500)
    expect(env.clock.now() - startedAt).toBeLessThanOrEqual(12_500)
    while (!leading.has('two')) await env.clock.advance(500)
    expect(env.clock.now() - startedAt).toBeGreaterThanOrEqual(13_000)
    expect(env.clock.now() - startedAt).toBeLessThanOrEqual(22_000)
    stop.abort(new Error('stop'))
    await Promise.all([one, two])
  })
})
