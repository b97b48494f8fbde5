import { expect, test } from 'vitest'
import type { Lease } from '../api/generated/types/coordination-v1.ts'
import { notFound } from '../api/meta/errors.ts'
import type { Client } from './client.ts'
import { createLed } from './led.ts'
import { createManualEnv } from './testing/manual-env.ts'

test('the component is made for each time that the candidate leads, and stopped when the lease is lost', async () => {
  const env = createManualEnv()
  let lease: Lease | undefined
  let down = false
  const guard = () => {
    if (down) throw new Error('connection refused')
  }
  const client = {
    async get() {
      guard()
      if (lease === undefined) throw notFound({ group: 'coordination.k8s.io', resource: 'leases' }, 'test')
      return lease
    },
    create: async (_resource: unknown, made: object) => ('spec' in made ? (lease = made as Lease) : made),
    async update(_resource: unknown, next: Lease) {
      guard()
      return (lease = next)
    },
    patch: async () => ({}),
  } as unknown as Client
  const history: string[] = []
  const led = createLed(env, client, {
    name: 'test', identity: 'a', create: () => ({
      name: 'worker', ready: Promise.resolve(),
      start: async () => void history.push('start'),
      stop: async () => void history.push('stop'),
    }),
  })
  await led.start()
  await env.clock.advance(1)
  expect(history).toEqual(['start'])
  down = true
  await env.clock.advance(15_000)
  expect(history).toEqual(['start', 'stop'])
  down = false
  await env.clock.advance(20_000)
  expect(history).toEqual(['start', 'stop', 'start'])
  await led.stop()
  expect(history).toEqual(['start', 'stop', 'start', 'stop'])
  expect(lease?.spec?.holderIdentity).toBe('')
})
