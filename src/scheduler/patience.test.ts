import { expect, test } from 'vitest'
import type { Task } from '../base/env.ts'
import { Patience } from './patience.ts'

const task = (done: Promise<void>): Task => ({ name: 'bind', done, stop: () => done })

async function steps(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve()
}

test('a binding of promises ends before the next cycle', async () => {
  const patience = new Patience()
  let bound = false
  patience.expect(task(steps(50).then(() => { bound = true })))
  await patience.give()
  expect(bound).toBe(true)
})

test('a binding that waits for something outside does not hold up the next cycle, nor do those after it', async () => {
  const patience = new Patience()
  const never = new Promise<void>(() => undefined)
  patience.expect(task(never))
  await patience.give()
  let bound = false
  patience.expect(task(steps(50).then(() => { bound = true })))
  await patience.give()
  expect(bound).toBe(false)
})

test('without a binding there is nothing to wait for, and an earlier one does not end the wait for a later one', async () => {
  const patience = new Patience()
  patience.expect(undefined)
  await patience.give()
  let bound = false
  patience.expect(task(steps(5)))
  patience.expect(task(steps(60).then(() => { bound = true })))
  await patience.give()
  expect(bound).toBe(true)
})
