import { expect, test } from 'vitest'
import { createManualEnv, settle } from '../../client/testing/manual-env.ts'
import { createRankedTurns } from './turns.ts'

function setup(limit: number) {
  const { clock } = createManualEnv()
  const { take: turn, quiet } = createRankedTurns(clock, limit)
  const began: string[] = []
  const ends = new Map<string, () => void>()
  const work = (rank: number, name: string) => turn(rank, () => {
    began.push(name)
    return new Promise<void>((resolve) => ends.set(name, resolve))
  })
  return { clock, turn, quiet, began, work, end: async (name: string) => (ends.get(name)!(), settle()) }
}

test('later steps come before earlier ones, and those before others of their kind', async () => {
  const { began, work, end } = setup(1)
  for (const [rank, name] of [[2, 'a'], [2, 'b'], [1, 'c'], [2, 'd'], [0, 'e']] as const) void work(rank, name)
  for (const name of ['a', 'e', 'c', 'b']) await end(name)
  expect(began).toEqual(['a', 'e', 'c', 'b', 'd'])
})
test('a call that hangs holds nobody up for long, and counts once', async () => {
  const { clock, began, work, end } = setup(1)
  void work(2, 'hangs')
  void work(2, 'next')
  void work(2, 'last')
  await clock.advance(9_999)
  expect(began).toEqual(['hangs'])
  await clock.advance(1)
  expect(began).toEqual(['hangs', 'next'])
  await end('hangs')
  expect(began).toEqual(['hangs', 'next'])
  await end('next')
  expect(began).toEqual(['hangs', 'next', 'last'])
})
test('what fails makes room', async () => {
  const { turn, began, work } = setup(1)
  await expect(turn(0, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  void work(0, 'a')
  await settle()
  expect(began).toEqual(['a'])
})
test('quiet is when no start is under way, nor between two of its calls, or when the time is over', async () => {
  const { clock, quiet, work, end } = setup(2)
  const told: string[] = []
  const ask = async (name: string, limitMs: number) => {
    await quiet(limitMs)
    told.push(name)
  }
  await ask('nothing runs', 1000)
  void work(2, 'sandbox')
  void ask('in time', 1000)
  void ask('too late', 200)
  await clock.advance(300)
  expect(told).toEqual(['nothing runs', 'too late'])
  await end('sandbox')
  await clock.advance(50)
  void work(1, 'container')
  await clock.advance(100)
  expect(told).toEqual(['nothing runs', 'too late'])
  await end('container')
  await clock.advance(200)
  expect(told).toEqual(['nothing runs', 'too late', 'in time'])
})
