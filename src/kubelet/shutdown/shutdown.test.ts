import { expect, test } from 'vitest'
import { createManualEnv, settle } from '../../client/testing/manual-env.ts'
import type { KillOptions } from '../pod-workers.ts'
import { pod } from '../testing/objects.ts'
import { createShutdownManager, groupByPriority } from './manager.ts'

const periods = [{ priority: 0, seconds: 20 }, { priority: 1000, seconds: 10 }, { priority: 2_000_000_000, seconds: 5 }]
const named = (name: string, priority: number, grace = 30) => pod({ priority, terminationGracePeriodSeconds: grace }, { name, uid: name })

test('pods by the period of the next lower priority', () => {
  const groups = groupByPriority(periods, [named('low', -5), named('zero', 0), named('between', 999), named('thousand', 1000), named('above', 1500), named('top', 2_000_000_001)])
  expect(groups.map(({ pods }) => pods.map(({ metadata }) => metadata.name))).toEqual([['low', 'zero', 'between'], ['thousand', 'above'], ['top']])
  expect(groupByPriority([], [named('a', 0)])).toEqual([])
})

test('a machine that goes down: one group after the other, new pods are refused, then it may go on', async () => {
  const { clock, log } = createManualEnv()
  const killed: [string, KillOptions][] = []
  const gone = new Set<string>()
  const told: string[] = []
  const { promise, resolve: next } = Promise.withResolvers<void>()
  let released = false
  const pods = [named('app', 0), named('quick', 0, 3), named('system', 2_000_000_000)]
  const manager = createShutdownManager({
    clock, log, periods, activePods: () => pods, kill: (one, options) => void killed.push([one.metadata.name!, options]), isGone: (uid) => gone.has(uid),
    emitNode: (_, reason, message) => void told.push(`${reason} ${message}`), onChange: () => void told.push('changed'),
    power: {
      async *events(delayMs) {
        told.push(`waits ${delayMs}`)
        yield true
        await promise
        yield false
        await new Promise(() => undefined)
      },
      release: () => void (released = true),
    },
  })
  void manager.run(new AbortController().signal)
  await settle()
  expect(told).toEqual(['waits 35000', 'NodeShutdown Shutdown manager detected shutdown event', 'changed'])
  expect([manager.isGoingDown(), manager.admit()]).toEqual([true, { reason: 'NodeShutdown', message: 'Pod was rejected as the node is shutting down.' }])
  expect(killed.map(([name, { graceSeconds }]) => [name, graceSeconds])).toEqual([['app', 20], ['quick', 3]])
  expect(killed[0]![1].status!({ phase: 'Running' })).toMatchObject({
    phase: 'Failed', reason: 'Terminated', message: 'Pod was terminated in response to imminent node shutdown.', conditions: [{ type: 'DisruptionTarget', reason: 'TerminationByKubelet' }],
  })
  gone.add('quick')
  await clock.advance(19_900)
  expect(killed).toHaveLength(2)
  // The time of the group is over, whether or not all its pods are.
  await clock.advance(200)
  expect([killed.at(-1)?.[0], killed.at(-1)?.[1].graceSeconds, released]).toEqual(['system', 5, false])
  gone.add('system')
  await clock.advance(100)
  expect(released).toBe(true)
  next()
  await settle()
  expect([manager.isGoingDown(), manager.admit(), told.at(-2)]).toEqual([false, undefined, 'NodeShutdown Shutdown manager detected shutdown cancellation'])
})

test('nobody who tells is asked again, and without periods nobody is asked', async () => {
  const env = createManualEnv()
  let asked = 0
  const shared = { ...env, activePods: () => [], kill: () => undefined, isGone: () => true, emitNode: () => undefined, onChange: () => undefined }
  const power = {
    // oxlint-disable-next-line require-yield
    async *events() {
      asked++
      throw new Error('no system bus')
    },
    release: () => undefined,
  }
  await createShutdownManager({ ...shared, periods: [], power }).run(new AbortController().signal)
  expect(asked).toBe(0)
  void createShutdownManager({ ...shared, periods, power }).run(new AbortController().signal)
  await env.clock.advance(2500)
  expect([asked, env.complaints.length]).toEqual([3, 3])
})
