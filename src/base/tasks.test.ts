import { expect, test } from 'vitest'
import { createTasks, scopedTasks } from './tasks.ts'
import type { Logger } from './env.ts'

const complaints: string[] = []
const log = { error: (message: string) => complaints.push(message) } as unknown as Logger

const untilAborted = (signal: AbortSignal) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))

test('what a task begins while it is stopped does not begin: nothing outlives the stop', async () => {
  const tasks = createTasks(log)
  let begun = 0
  tasks.go('parent', async (signal) => {
    await untilAborted(signal)
    tasks.go('child', async (child) => {
      begun++
      await untilAborted(child)
    })
  })
  await Promise.resolve()
  await tasks.stop()
  await tasks.go('late', () => Promise.resolve(void begun++)).done
  expect(begun).toBe(0)
})

test('a component ends its own share and leaves the others at work', async () => {
  const tasks = createTasks(log)
  const ended: string[] = []
  const begin = (share: typeof tasks, name: string) => share.go(name, async (signal) => {
    await untilAborted(signal)
    ended.push(name)
  })
  const share = scopedTasks(tasks)
  begin(share, 'mine')
  begin(tasks, 'another')
  await Promise.resolve()
  await share.stop()
  expect(ended).toEqual(['mine'])
  await tasks.stop()
  expect(ended).toEqual(['mine', 'another'])
})

test('a failure is told, one that comes of the stop is not', async () => {
  const tasks = createTasks(log)
  complaints.length = 0
  await tasks.go('broken', () => Promise.reject(new Error('no'))).done
  tasks.go('ended', async (signal) => {
    await untilAborted(signal)
    throw signal.reason as Error
  })
  await Promise.resolve()
  await tasks.stop()
  expect(complaints).toEqual(['background task failed'])
})
