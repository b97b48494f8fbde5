import { describe, expect, test } from 'vitest'
import type { Event } from '../api/generated/types/core-v1.ts'
import { notFound } from '../api/meta/errors.ts'
import type { Client, ObjectKey } from './client.ts'
import { createEventRecorder } from './events.ts'
import { createManualEnv } from './testing/manual-env.ts'

function setup() {
  const env = createManualEnv()
  const written: string[] = []
  const stored = new Map<string, Event>()
  const client = {
    async create(_resource: unknown, event: Event) {
      stored.set(event.metadata.name!, event)
      written.push(`create ${event.reason}: ${event.message} x${event.count}`)
      return event
    },
    async patch(_resource: unknown, { name }: ObjectKey, _type: string, body: Partial<Event>) {
      const event = stored.get(name)
      if (event === undefined) throw notFound({ resource: 'events' }, name)
      stored.set(name, { ...event, ...body })
      written.push(`patch to x${body.count}`)
      return stored.get(name)
    },
  } as unknown as Client
  return { env, written, stored, recorder: createEventRecorder(env, client, { component: 'tester', host: 'n1' }) }
}
const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'team', uid: 'u1', resourceVersion: '7' } }

describe('event recorder', () => {
  test('an event has upstream\'s fields', async () => {
    const { env, stored, recorder } = setup()
    recorder.event(pod, 'Warning', 'Failed', 'it failed')
    await env.clock.advance(0)
    const [event] = stored.values()
    expect(event).toMatchObject({
      involvedObject: { apiVersion: 'v1', kind: 'Pod', name: 'web', namespace: 'team', uid: 'u1', resourceVersion: '7' },
      reason: 'Failed', message: 'it failed', type: 'Warning', count: 1, source: { component: 'tester', host: 'n1' },
      reportingComponent: 'tester', reportingInstance: 'n1', firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:00:00Z',
    })
    expect(event!.metadata.namespace).toBe('team')
    expect(event!.metadata.name).toMatch(/^web\.[0-9a-f]+$/)
  })

  test('the same event again is counted; when it has expired it is made anew', async () => {
    const { env, written, stored, recorder } = setup()
    for (let i = 0; i < 3; i++) {
      recorder.event(pod, 'Normal', 'Pulled', 'pulled')
      await env.clock.advance(1000)
    }
    expect(written).toEqual(['create Pulled: pulled x1', 'patch to x2', 'patch to x3'])
    expect([...stored.values()][0]).toMatchObject({ firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:00:02Z', count: 3 })
    stored.clear()
    recorder.event(pod, 'Normal', 'Pulled', 'pulled')
    await env.clock.advance(0)
    expect(written.at(-1)).toBe('create Pulled: pulled x4')
  })

  test('from the tenth message on similar events are combined', async () => {
    const { env, written, recorder } = setup()
    for (let i = 1; i <= 12; i++) {
      recorder.event(pod, 'Warning', 'Failed', `attempt ${i}`)
      await env.clock.advance(100)
    }
    expect(written.slice(8)).toEqual([
      'create Failed: attempt 9 x1', 'create Failed: (combined from similar events): attempt 10 x1', 'patch to x2', 'patch to x3',
    ])
  })

  test('too many about one object are dropped until time has passed', async () => {
    const { env, written, recorder } = setup()
    for (let i = 0; i < 40; i++) {
      recorder.event(pod, 'Warning', `Reason${i}`, 'x')
      await env.clock.advance(10)
    }
    expect(written).toHaveLength(25)
    await env.clock.advance(301_000)
    recorder.event(pod, 'Warning', 'Later', 'x')
    await env.clock.advance(0)
    expect(written).toHaveLength(26)
  })
})
