import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../base/real/env.ts'
import { settle } from '../../../base/real/virtual.ts'
import { VirtualClock } from '../../../base/virtual/clock.ts'
import { type Health, Members, isUnreachable, neverSent } from './members.ts'

const endpoints = ['a', 'b', 'c'] as const

/** Members whose answers to probes are set by the test. */
async function cluster() {
  const clock = new VirtualClock({ start: 0, settle, real: systemClock })
  const members = new Members(endpoints, clock)
  const health: Record<string, Health | undefined> = { a: { hasLeader: true }, b: { hasLeader: true }, c: { hasLeader: true } }
  members.start((endpoint) => (health[endpoint] === undefined ? Promise.reject(new Error('late')) : Promise.resolve(health[endpoint])))
  await clock.advance(0)
  const ask = (endpoint: string, answer: Promise<string> = Promise.resolve('answer')): Promise<string> =>
    members.policy(endpoint).execute(() => answer).then((text) => text, (error: unknown) => (neverSent(error) ? 'passed over' : isUnreachable(error) ? 'lost' : String(error)))
  return { clock, members, health, ask, askAll: () => Promise.all(endpoints.map((endpoint) => ask(endpoint))) }
}

const never = new Promise<never>(() => undefined)

describe('members of etcd', () => {
  it('are all asked while they are well', async () => {
    const { askAll } = await cluster()
    expect(await askAll()).toEqual(['answer', 'answer', 'answer'])
  })

  it('that do not answer are passed over until they do, and whoever waits for them is told', async () => {
    const { clock, health, ask, askAll } = await cluster()
    const waiting = ask('b', never)
    health['b'] = undefined
    await clock.advance(1000)
    expect(await waiting).toBe('lost')
    expect(await askAll()).toEqual(['answer', 'passed over', 'answer'])
    health['b'] = { hasLeader: true }
    await clock.advance(2001)
    expect(await askAll()).toEqual(['answer', 'answer', 'answer'])
  })

  it('that know no leader are passed over while another does, and not while all elect one', async () => {
    const { clock, health, ask, askAll } = await cluster()
    health['c'] = { hasLeader: false }
    await clock.advance(2000)
    expect(await askAll()).toEqual(['answer', 'answer', 'passed over'])
    health['a'] = health['b'] = { hasLeader: false }
    const waiting = ask('a', never)
    await clock.advance(5000)
    expect(await askAll()).toEqual(['answer', 'answer', 'answer'])
    expect(await Promise.race([waiting, Promise.resolve('waits')])).toBe('waits')
  })

  it('are asked all the same when none answers: one of them may by now', async () => {
    const { clock, health, askAll } = await cluster()
    health['a'] = health['b'] = health['c'] = undefined
    await clock.advance(1000)
    expect(await askAll()).toEqual(['answer', 'answer', 'answer'])
  })

  it('end the streams of one that does not answer', async () => {
    const { clock, members, health } = await cluster()
    let cancelled = 0
    const stream = Object.assign(new EventEmitter(), { cancel: () => { cancelled++ } })
    expect(await members.policy('a').execute(() => stream)).toBe(stream)
    await clock.advance(5000)
    expect(cancelled).toBe(0)
    health['a'] = undefined
    await clock.advance(5000)
    expect(cancelled).toBe(1)
  })

  it.each([[1], [3]])('do not fail because a stream was ended by us: of %i', async (count) => {
    const members = new Members(endpoints.slice(0, count), systemClock)
    const told: string[] = []
    const streamOf = async () => {
      const stream = Object.assign(new EventEmitter(), { cancel: () => undefined })
      // The client's own, who closes the member's connection.
      stream.on('error', (error: Error) => told.push(error.message))
      return members.policy('a').execute(() => stream)
    }
    const ended = await streamOf()
    ended.emit('error', Object.assign(new Error('1 CANCELLED: Cancelled on client'), { code: 1 }))
    expect(told).toEqual([])
    const lost = await streamOf()
    lost.emit('error', Object.assign(new Error('14 UNAVAILABLE: Connection dropped'), { code: 14 }))
    expect(told).toEqual(['14 UNAVAILABLE: Connection dropped'])
  })

  it('are passed over for a moment when they cannot be connected to', async () => {
    const { clock, ask } = await cluster()
    expect(await ask('a', Promise.reject(new Error('etcdserver: request timed out')))).toBe('lost')
    expect(await ask('a')).toBe('passed over')
    await clock.advance(2001)
    expect(await ask('a')).toBe('answer')
  })

  it('are not watched where there is one alone', async () => {
    const members = new Members(['a'], systemClock)
    members.start(() => Promise.reject(new Error('nobody asks')))
    expect(await members.policy('a').execute(() => Promise.resolve('answer'))).toBe('answer')
  })
})
