import { describe, expect, test } from 'vitest'
import type { Pod, PodStatus } from '../../api/generated/types/core-v1.ts'
import type { Client } from '../../client/client.ts'
import { createManualEnv, settle } from '../../client/testing/manual-env.ts'
import { container, pod } from '../testing/objects.ts'
import { createStatusManager, endAll, mergeStatus } from './manager.ts'
import { diffStatus, same } from './patch.ts'

test('differences name what is gone', () => {
  const old: PodStatus = {
    phase: 'Running', reason: 'x', podIPs: [{ ip: 'a' }], conditions: [{ type: 'Ready', status: 'False', message: 'm' }, { type: 'Other', status: 'True' }],
  }
  const next: PodStatus = { phase: 'Running', podIPs: [{ ip: 'b' }], conditions: [{ type: 'Ready', status: 'True' }, { type: 'Other', status: 'True' }] }
  expect(diffStatus(old, next)).toEqual({
    reason: null, podIPs: [{ ip: 'b' }, { ip: 'a', $patch: 'delete' }], conditions: [{ type: 'Ready', status: 'True', message: null }],
  })
  expect(diffStatus(old, { ...old, initContainerStatuses: [] })).toBeUndefined()
  expect(same({ a: undefined, b: [] }, {})).toBe(true)
})

test('no terminal phase while something may run; then Ready is false', () => {
  const api = pod({}, {}, { phase: 'Running', conditions: [{ type: 'x', status: 'True' }] })
  const over: PodStatus = { phase: 'Failed', reason: 'Evicted', conditions: [{ type: 'Ready', status: 'True' }, { type: 'DisruptionTarget', status: 'True' }] }
  expect(mergeStatus(api, over, true)).toMatchObject({ phase: 'Running', reason: undefined, conditions: [{ type: 'x' }, { type: 'Ready', status: 'True' }] })
  expect(mergeStatus(api, over, false)).toMatchObject({
    phase: 'Failed', reason: 'Evicted', conditions: [{ type: 'x' }, { type: 'Ready', status: 'False', reason: 'PodFailed' }, { type: 'DisruptionTarget' }],
  })
})

test('at the end all that has no end gets one', () => {
  const waiting = { name: 'c', image: '', imageID: '', ready: false, restartCount: 0, state: { waiting: {} } }
  const running = { ...waiting, state: { running: {} } }
  expect(endAll(pod(), { phase: 'Pending', containerStatuses: [running] })).toMatchObject({ phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 137 } } }] })
  const inits = pod({ initContainers: [container('i'), container('j')] })
  const ended = endAll(inits, { phase: 'Pending', containerStatuses: [waiting], initContainerStatuses: [{ ...running, name: 'i' }, { ...waiting, name: 'j' }] })
  expect(ended.containerStatuses?.[0]?.state).toEqual({ waiting: {} })
  expect(ended.initContainerStatuses?.map(({ state }) => Object.keys(state ?? {})[0])).toEqual(['terminated', 'waiting'])
})

describe('the status manager', () => {
  const setup = (stored: Pod) => {
    const env = createManualEnv()
    const calls: unknown[] = []
    let api: Pod | undefined = stored
    let failing = 0
    const client = {
      patch: async (_: unknown, __: unknown, type: string, patch: { status: PodStatus }) => {
        if (failing-- > 0) throw new Error('away')
        calls.push([type, Object.keys(patch.status).sort().join()])
        return (api = { ...api!, status: { ...api!.status, ...patch.status } })
      },
      delete: async (_: unknown, __: unknown, options: object) => {
        calls.push(['delete', options])
        api = undefined
      },
    } as unknown as Client
    const manager = createStatusManager({ clock: env.clock, log: env.log, tasks: env.tasks, client, apiPod: () => api, couldHaveRunningContainers: () => false })
    return { env, calls, manager, fail: (times: number) => (failing = times), api: () => api }
  }
  const running: PodStatus = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
  test('patches what changed, once', async () => {
    const p = pod()
    const { calls, manager } = setup(p)
    manager.set(p, running)
    manager.set(p, running)
    await settle()
    expect(calls).toEqual([['strategic', 'conditions,phase,startTime']])
    manager.set(p, running)
    await settle()
    expect(calls).toHaveLength(1)
    expect(manager.get('u1')?.conditions?.[0]?.lastTransitionTime).toBe('2026-01-01T00:00:00Z')
  })
  test('tries again after a failure', async () => {
    const p = pod()
    const { env, calls, manager, fail } = setup(p)
    fail(1)
    manager.set(p, running)
    await settle()
    expect(calls).toEqual([])
    await env.clock.advance(10_000)
    expect(calls).toHaveLength(1)
  })
  test('the object goes when the pod was deleted and has ended', async () => {
    const p = pod({}, { deletionTimestamp: '2026-01-01T00:00:00Z' }, { phase: 'Running' })
    const { calls, manager } = setup(p)
    manager.set(p, running)
    await settle()
    expect(calls.filter((call) => (call as string[])[0] === 'delete')).toEqual([])
    manager.terminate(p)
    await settle()
    expect(calls.at(-1)).toEqual(['delete', expect.objectContaining({ gracePeriodSeconds: 0, preconditions: { uid: 'u1' } })])
    expect(manager.get('u1')).toBeUndefined()
  })
  test('a container that ended for good does not come back', () => {
    const p = pod({ restartPolicy: 'Never' })
    const { env, manager } = setup(p)
    const status = (state: object): PodStatus => ({ phase: 'Running', containerStatuses: [{ name: 'c', image: '', imageID: '', ready: false, restartCount: 0, state }] })
    manager.set(p, status({ terminated: { exitCode: 1 } }))
    manager.set(p, status({ running: {} }))
    expect(manager.get('u1')?.containerStatuses?.[0]?.state).toEqual({ terminated: { exitCode: 1 } })
    expect(env.complaints.join()).toContain('status was not taken')
  })
})
