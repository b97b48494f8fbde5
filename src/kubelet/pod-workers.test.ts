import { beforeEach, describe, expect, test } from 'vitest'
import { type ManualEnv, createManualEnv, settle } from '../client/testing/manual-env.ts'
import type { Pod } from '../api/generated/types/core-v1.ts'
import { type PodWorkers, createPodWorkers } from './pod-workers.ts'
import { pod } from './testing/objects.ts'

let env: ManualEnv
let workers: PodWorkers
let steps: string[]
/** What a step does until it is told; a promise holds it. */
let hold: Record<string, Promise<void> | Error | undefined>
let terminal: boolean

beforeEach(() => {
  env = createManualEnv()
  steps = []
  hold = {}
  terminal = false
  const step = async (name: string, signal: AbortSignal) => {
    steps.push(name)
    const wait = hold[name.split(' ')[0]!]
    if (wait instanceof Error) throw wait
    const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    aborted.catch(() => undefined)
    await Promise.race([wait, aborted])
  }
  workers = createPodWorkers(env.clock, env.log, env.tasks, {
    sync: async (p, first, signal) => {
      await step(`sync ${p.metadata.name}${first ? ' first' : ''}`, signal)
      return { terminal }
    },
    terminating: (p, grace, _, signal) => step(`terminating ${p.metadata.name} ${grace}`, signal),
    terminatingRuntime: (ref, signal) => step(`orphan ${ref.name}`, signal),
    terminated: (p, signal) => step(`terminated ${p.metadata.name}`, signal),
  }, { syncFrequencyMs: 60_000, backOffMs: 10_000, random: () => 0 })
})

const deleted = (grace: number) => pod({}, { deletionTimestamp: 'x', deletionGracePeriodSeconds: grace })

describe('pod workers', () => {
  test('sync again and again, then end', async () => {
    workers.update({ pod: pod() })
    await settle()
    workers.resync('u1')
    await settle()
    await env.clock.advance(60_000)
    workers.update({ pod: deleted(5) })
    await settle()
    expect(steps).toEqual(['sync p first', 'sync p', 'sync p', 'terminating p 5', 'terminated p'])
    expect(workers.phase('u1')).toBe('finished')
  })
  test('a deletion breaks off the sync that runs', async () => {
    hold.sync = new Promise(() => undefined)
    workers.update({ pod: pod() })
    await settle()
    workers.update({ pod: deleted(3) })
    await settle()
    expect(steps).toEqual(['sync p first', 'terminating p 3', 'terminated p'])
  })
  test('updates while a step runs become one more step', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    hold.sync = promise
    workers.update({ pod: pod() })
    await settle()
    for (let i = 0; i < 5; i++) workers.resync('u1')
    resolve()
    await settle()
    expect(steps).toEqual(['sync p first', 'sync p'])
  })
  test('a failed step comes again after a while', async () => {
    hold.sync = new Error('no')
    workers.update({ pod: pod() })
    await settle()
    expect(steps).toHaveLength(1)
    hold.sync = undefined
    await env.clock.advance(5_000)
    expect(steps).toHaveLength(2)
    expect(env.complaints).toHaveLength(1)
  })
  test('a shorter grace period begins the ending anew, a longer one does not', async () => {
    hold.terminating = new Promise(() => undefined)
    workers.update({ pod: deleted(30) })
    await settle()
    workers.update({ pod: deleted(60) })
    await settle()
    workers.update({ pod: deleted(0) })
    await settle()
    expect(steps).toEqual(['terminating p 30', 'terminating p 1'])
    expect(workers.couldHaveRunningContainers('u1')).toBe(true)
  })
  test('a pod that is over ends; one that the API calls failed too', async () => {
    terminal = true
    workers.update({ pod: pod() })
    await settle()
    workers.update({ pod: pod({}, { uid: 'u2', name: 'q' }, { phase: 'Failed' }) })
    await settle()
    expect(steps).toEqual(['sync p first', 'terminating p 30', 'terminated p', 'terminating q 30', 'terminated q'])
  })
  test('pods that only the runtime knows are ended', async () => {
    workers.update({ runtime: { uid: 'o', name: 'orphan', namespace: 'ns' }, kill: {} })
    await settle()
    expect(steps).toEqual(['orphan orphan'])
    workers.reconcile(new Set())
    expect(workers.phase('o')).toBeUndefined()
  })
  test('reconcile ends what nobody wants and keeps the finished that are', async () => {
    terminal = true
    workers.update({ pod: pod() })
    await settle()
    terminal = false
    workers.update({ pod: pod({}, { uid: 'u2', name: 'q' }) })
    await settle()
    workers.reconcile(new Set(['u1']))
    await settle()
    expect(workers.phase('u1')).toBe('finished')
    expect(steps.slice(-2)).toEqual(['terminating q 30', 'terminated q'])
  })
  test('static pods of one name follow each other', async () => {
    const fixed = (uid: string, extra: Pod['metadata'] = {}) => pod({}, { uid, annotations: { 'kubernetes.io/config.source': 'file' }, ...extra })
    workers.update({ pod: fixed('a') })
    await settle()
    workers.update({ pod: fixed('b') })
    await settle()
    expect(steps).toEqual(['sync p first'])
    workers.update({ pod: fixed('a'), kill: {} })
    await env.clock.advance(2_000)
    expect(steps).toEqual(['sync p first', 'terminating p 30', 'terminated p', 'sync p first'])
  })
})
