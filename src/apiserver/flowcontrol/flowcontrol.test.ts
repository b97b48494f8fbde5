import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMetrics } from '../../base/metrics.ts'
import { ManualClock, createManualEnv, settle } from '../../client/testing/manual-env.ts'
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/generated/types/flowcontrol-v1.ts'
import { parseRequestInfo } from '../chain/request-info.ts'
import type { UserInfo } from '../handler.ts'
import { allocate } from './allocation.ts'
import { bootstrapLevels, bootstrapSchemas } from './bootstrap.ts'
import { FlowControl } from './controller.ts'
import { Integrator } from './integrator.ts'
import { createFlowControlMetrics } from './metrics.ts'
import { type Flow, QueueSet, type QueuedRequest, type Work } from './queue-set.ts'
import { RefusedRequests } from './retry-after.ts'
import { deal, hashFlow } from './shuffle.ts'
import { WatchCounts, estimateWork } from './work.ts'

const one: Work = { initialSeats: 1, finalSeats: 0, additionalMs: 0 }

function queueSet(settings: { queues: number; lengthLimit: number; handSize: number }, limit: number) {
  const clock = new ManualClock()
  const metrics = createFlowControlMetrics(createMetrics())
  const set = new QueueSet(clock, new Integrator(() => clock.monotonic()), metrics)
  set.configure(settings, limit)
  const flow = (name: string): Flow => ({ hash: hashFlow('s', name), distinguisher: name, metrics: metrics.flow('level', name) })
  return { clock, set, flow }
}

describe('fair queues', () => {
  it('a crowd does not keep others waiting', async () => {
    const { clock, set, flow } = queueSet({ queues: 64, lengthLimit: 100, handSize: 2 }, 2)
    const order: string[] = []
    const run = async (name: string, request: QueuedRequest | undefined) => {
      if (!await request!.wait(clock, 60_000, new AbortController().signal)) return
      order.push(name)
      await clock.sleep(100)
      request!.finish()
    }
    const all = [...Array(40).keys()].map(() => run('crowd', set.start(flow('crowd'), one)))
    all.push(...[1, 2, 3].map(() => run('single', set.start(flow('single'), one))))
    await clock.advance(500)
    expect(order.filter((name) => name === 'single')).toHaveLength(3)
    await clock.advance(10_000)
    await Promise.all(all)
    expect(order).toHaveLength(43)
    expect([set.idle, set.seatsInUse, set.seatsWaiting]).toEqual([true, 0, 0])
  })

  it('a full queue refuses, one that waits too long leaves', async () => {
    const { clock, set, flow } = queueSet({ queues: 1, lengthLimit: 1, handSize: 1 }, 1)
    const first = set.start(flow('a'), one)!
    const second = set.start(flow('a'), one)!
    expect([first.decision, second.decision, set.start(flow('a'), one)]).toEqual(['execute', undefined, undefined])
    const waiting = second.wait(clock, 1000, new AbortController().signal)
    await clock.advance(1000)
    expect(await waiting).toBe(false)
    expect(set.waiting).toBe(0)
    first.finish()
    expect(set.idle).toBe(true)
  })

  it('without queues there is room or there is not', () => {
    const { set, flow } = queueSet({ queues: 0, lengthLimit: 0, handSize: 0 }, 2)
    const wide = { ...one, initialSeats: 5 }
    const request = set.start(flow('a'), wide)!
    expect(request.decision).toBe('execute')
    expect(set.start(flow('a'), one)).toBeUndefined()
    request.finish()
    expect(set.start(flow('a'), one)?.decision).toBe('execute')
  })

  it('seats for events are kept behind the answer', async () => {
    const { clock, set, flow } = queueSet({ queues: 1, lengthLimit: 9, handSize: 1 }, 3)
    const request = set.start(flow('a'), { initialSeats: 1, finalSeats: 3, additionalMs: 20 })!
    const next = set.start(flow('b'), one)!
    request.finish()
    expect([set.seatsInUse, next.decision]).toEqual([3, undefined])
    await clock.advance(20)
    expect([set.seatsInUse, next.decision]).toEqual([1, 'execute'])
  })

  it('whatever happens, seats are within the limit and all comes to an end', async () => {
    await fc.assert(fc.asyncProperty(
      fc.array(fc.record({ flow: fc.integer({ max: 5, min: 0 }), seats: fc.integer({ max: 4, min: 1 }), ms: fc.integer({ max: 50, min: 0 }), leaves: fc.boolean() }), { maxLength: 40 }),
      fc.integer({ min: 1, max: 6 }),
      async (requests, limit) => {
        const { clock, set, flow } = queueSet({ queues: 4, lengthLimit: 50, handSize: 2 }, limit)
        const all = requests.map(async ({ flow: name, seats, ms, leaves }) => {
          const request = set.start(flow(String(name)), { ...one, initialSeats: seats })!
          if (!await request.wait(clock, leaves ? 10 : 1e9, new AbortController().signal)) return
          expect(set.seatsInUse <= limit || set.executing === 1).toBe(true)
          await clock.sleep(ms)
          request.finish()
        })
        set.configure({ queues: 2, lengthLimit: 50, handSize: 2 }, limit)
        await clock.advance(10_000)
        await Promise.all(all)
        expect([set.idle, set.seatsInUse, set.queues.length]).toEqual([true, 0, 2])
      },
    ), { numRuns: 25 })
  })
})

it('hands are different cards, and those of upstream', () => {
  expect(deal(0n, 128, 4)).toEqual([0, 1, 2, 3])
  // 14 + 128*(73-1) + 128*127*(119-2) + …: what the description of upstream's Deal calls (14, 73, 119, 26).
  const hash = 14n + 128n * (72n + 127n * (117n + 126n * 25n))
  expect(deal(hash, 128, 4)).toEqual([14, 73, 119, 26])
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (value) => new Set(deal(value, 64, 8)).size === 8))
})

it('shares go in proportion within bounds and add up', () => {
  expect(allocate(10, [{ lower: 1, upper: 10, target: 2 }, { lower: 1, upper: 10, target: 3 }])).toEqual({ amounts: [4, 6], fairFraction: 2 })
  expect(allocate(10, [{ lower: 7, upper: 10, target: 7 }, { lower: 1, upper: 10, target: 30 }])?.amounts).toEqual([7, 3])
  expect(allocate(1, [{ lower: 2, upper: 3, target: 2 }])).toBeUndefined()
  const claim = fc.record({ lower: fc.nat(20), more: fc.nat(20), wish: fc.nat(50) })
  fc.assert(fc.property(fc.array(claim, { minLength: 1, maxLength: 8 }), fc.double({ min: 0, max: 1, noNaN: true }), (list, part) => {
    const claims = list.map(({ lower, more, wish }) => ({ lower, upper: lower + more, target: Math.max(lower, wish) }))
    const [low, high] = [claims.reduce((sum, { lower }) => sum + lower, 0), claims.reduce((sum, { upper }) => sum + upper, 0)]
    const sum = Math.round(low + part * (high - low))
    const { amounts } = allocate(sum, claims)!
    expect(Math.abs(amounts.reduce((a, b) => a + b, 0) - sum)).toBeLessThan(0.01)
    for (const [i, { lower, upper }] of claims.entries()) expect(amounts[i]! >= lower - 1e-9 && amounts[i]! <= upper + 1e-9).toBe(true)
  }))
})

it('those who are refused often stay away longer', () => {
  const refused = new RefusedRequests()
  const answers = [0, 1, 2, 3, 4, 5, 6].map((second) => [1, 2, 3, 4].map(() => refused.refused('l', 1_000_000 + second * 1000)).at(-1))
  expect(answers[0]).toBe(1)
  expect(answers.at(-1)).toBeGreaterThan(1)
})

it('lists take seats by size, changes by watchers', () => {
  const watches = new WatchCounts()
  const info = (method: string, path: string) => parseRequestInfo(method, path, new URLSearchParams())
  const query = new URLSearchParams()
  const forget = [...Array(25).keys()].map(() => watches.add(info('GET', '/api/v1/pods'), new URLSearchParams('watch=1')))
  const sources = { stats: () => ({ count: 1000, averageBytes: 700 }), watches: watches.of.bind(watches), maxSeats: () => 6, watched: () => undefined }
  const seats = (method: string, path: string, text = '') => estimateWork(info(method, path), new URLSearchParams(text), 'l', sources)
  expect(seats('GET', '/api/v1/pods').initialSeats).toBe(6)
  expect(seats('GET', '/api/v1/pods', 'limit=200').initialSeats).toBe(2)
  expect(seats('GET', '/api/v1/namespaces/a/pods/b').initialSeats).toBe(1)
  expect(seats('PUT', '/api/v1/namespaces/a/pods/b')).toEqual({ initialSeats: 1, finalSeats: 3, additionalMs: 5 })
  for (const one of forget) one()
  expect(seats('PUT', '/api/v1/namespaces/a/pods/b').finalSeats).toBe(0)
  expect(watches.of(parseRequestInfo('DELETE', '/api/v1/pods', query))).toBe(0)
})

describe('classification', () => {
  const control = new FlowControl(createManualEnv(), { limit: 600, stats: () => undefined })
  control.configure(bootstrapLevels, bootstrapSchemas)
  const node = { name: 'system:node:n', groups: ['system:nodes', 'system:authenticated'] }
  const account = (namespace: string) => ({ name: `system:serviceaccount:${namespace}:x`, groups: ['system:serviceaccounts', 'system:authenticated'] })
  const cases: readonly (readonly [string, string, UserInfo, string])[] = [
    ['GET', '/api/v1/pods', { name: 'admin', groups: ['system:masters'] }, 'exempt/exempt'],
    ['GET', '/healthz', { name: 'system:anonymous', groups: ['system:unauthenticated'] }, 'probes/exempt'],
    ['PATCH', '/api/v1/nodes/n/status', node, 'system-node-high/node-high'],
    ['GET', '/api/v1/pods', node, 'system-nodes/system'],
    ['PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x', account('kube-system'), 'system-leader-election/leader-election'],
    ['GET', '/api/v1/pods', account('kube-system'), 'kube-system-service-accounts/workload-high'],
    ['GET', '/api/v1/pods', account('default'), 'service-accounts/workload-low'],
    ['GET', '/api/v1/pods', { name: 'kim', groups: ['system:authenticated'] }, 'global-default/global-default'],
    ['GET', '/api/v1/pods', { name: 'kim', groups: [] }, 'catch-all/catch-all'],
  ]
  it.each(cases)('%s %s', (method, path, user, wanted) => {
    const { schema, levelName } = control.classify(parseRequestInfo(method, path, new URLSearchParams()), user)
    expect(`${schema.metadata!.name}/${levelName}`).toBe(wanted)
  })

  it('levels have the seats that upstream gives them', () => {
    // --max-requests-inflight=400 --max-mutating-requests-inflight=200, as kube-apiserver's metrics tell.
    const limits = Object.fromEntries([...control.levels.all()].map(([name, { nominal, lower }]) => [name, [nominal, lower]]))
    expect(limits).toEqual({
      exempt: [0, 0], 'catch-all': [13, 13], 'global-default': [49, 24], 'leader-election': [25, 25], 'node-high': [98, 73],
      system: [74, 50], 'workload-high': [98, 49], 'workload-low': [245, 24],
    })
  })

  it('a level that is gone is worked off, and its schemas pass over', () => {
    const level: PriorityLevelConfiguration = {
      metadata: { name: 'mine' }, spec: { type: 'Limited', limited: { nominalConcurrencyShares: 5, limitResponse: { type: 'Reject' } } },
    }
    const schema: FlowSchema = {
      metadata: { name: 'mine' }, spec: { ...bootstrapSchemas.at(-1)!.spec!, matchingPrecedence: 3, priorityLevelConfiguration: { name: 'mine' } },
    }
    const kim = { name: 'kim', groups: ['system:authenticated'] }
    const info = parseRequestInfo('GET', '/api/v1/pods', new URLSearchParams())
    control.configure([...bootstrapLevels, level], [...bootstrapSchemas, schema])
    const found = control.classify(info, kim)
    expect(found.levelName).toBe('mine')
    const request = found.level.queues.start(found.flow, one)!
    control.configure(bootstrapLevels, [...bootstrapSchemas, schema])
    expect([control.classify(info, kim).levelName, control.levels.get('mine')?.leaving]).toEqual(['global-default', true])
    request.finish()
    control.configure(bootstrapLevels, bootstrapSchemas)
    expect(control.levels.get('mine')).toBeUndefined()
  })
})

it('a busy level borrows what others do not use', async () => {
  const env = createManualEnv()
  const control = new FlowControl(env, { limit: 600, stats: () => undefined })
  control.configure(bootstrapLevels, bootstrapSchemas)
  await env.clock.advance(10_000)
  control.levels.adjust()
  const level = control.levels.get('global-default')!
  const { flow } = control.classify(parseRequestInfo('GET', '/api/v1/pods', new URLSearchParams()), { name: 'kim', groups: ['system:authenticated'] })
  for (let i = 0; i < 300; i++) level.queues.start(flow, one)
  const before = level.queues.executing
  await env.clock.advance(10_000)
  control.levels.adjust()
  expect(level.queues.executing).toBeGreaterThan(before)
  expect(level.current).toBeGreaterThan(level.nominal)
  await settle()
})

it('a status that others contest holds up no change of another object', async () => {
  const env = createManualEnv()
  const control = new FlowControl(env, { limit: 600, stats: () => undefined })
  const schemas = [...bootstrapSchemas]
  const handlers: (() => void)[] = []
  const follow = (list: () => readonly unknown[]) => ({
    synced: Promise.resolve(), list, addHandler: ({ add }: { add: () => void }) => handlers.push(add),
  })
  const informers = { of: ({ resource }: { resource: string }) => follow(() => (resource === 'flowschemas' ? schemas : bootstrapLevels)) }
  const patched: string[] = []
  // Nothing that is written is ever seen: each look finds the same statuses to write.
  const client = { patch: (_: unknown, { name }: { name: string }) => Promise.resolve(void patched.push(name)) }
  await control.start(client as never, informers as never)
  const change = async () => {
    handlers[1]!()
    await env.clock.advance(20)
    await settle()
  }
  for (let i = 0; i < 5; i++) await change()
  expect(patched.filter((name) => name === bootstrapSchemas[0]!.metadata!.name)).toHaveLength(3)
  schemas.push({ ...bootstrapSchemas[0]!, metadata: { name: 'new' } })
  await change()
  expect(patched.filter((name) => name === 'new')).toHaveLength(1)
})
