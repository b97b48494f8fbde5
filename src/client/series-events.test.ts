import { describe, expect, test } from 'vitest'
import type { Event } from '../api/generated/types/events-v1.ts'
import { alreadyExists, notFound } from '../api/meta/errors.ts'
import type { Client, ObjectKey } from './client.ts'
import { createSeriesRecorder } from './series-events.ts'
import { createManualEnv } from './testing/manual-env.ts'

function setup() {
  const env = createManualEnv()
  const written: string[] = []
  const stored = new Map<string, Event>()
  const faults: Error[] = []
  const client = {
    async create(_resource: unknown, event: Event) {
      const fault = faults.shift()
      if (fault !== undefined) throw fault
      if (stored.has(event.metadata.name!)) throw alreadyExists({ resource: 'events' }, event.metadata.name!)
      stored.set(event.metadata.name!, event)
      written.push(`create ${event.note}${event.series === undefined ? '' : ` x${event.series.count}`}`)
      return event
    },
    async patch(_resource: unknown, { name }: ObjectKey, _type: string, body: Partial<Event>) {
      const event = stored.get(name)
      if (event === undefined) throw notFound({ resource: 'events' }, name)
      stored.set(name, { ...event, ...body })
      written.push(`series of ${body.series!.count}`)
      return stored.get(name)
    },
  } as unknown as Client
  return { env, written, stored, faults, recorder: createSeriesRecorder(env, client, 'default-scheduler', 'default-scheduler-here') }
}
const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'team', uid: 'u1', resourceVersion: '7' } }
const minutes = 60_000

describe('series recorder', () => {
  test('an event has upstream\'s fields and no deprecated ones', async () => {
    const { env, stored, recorder } = setup()
    recorder.event(pod, 'Normal', 'Preempted', 'Preempting', 'made room', { ...pod, metadata: { ...pod.metadata, name: 'other' } })
    await env.clock.advance(0)
    const [event] = stored.values()
    const about = { apiVersion: 'v1', kind: 'Pod', name: 'web', namespace: 'team', uid: 'u1', resourceVersion: '7' }
    expect(event).toEqual({
      apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: { name: expect.stringMatching(/^web\.[0-9a-f]{16}$/) as string, namespace: 'team' },
      eventTime: '2026-01-01T00:00:00.000000Z', reportingController: 'default-scheduler', reportingInstance: 'default-scheduler-here',
      action: 'Preempting', reason: 'Preempted', regarding: about, related: { ...about, name: 'other' }, note: 'made room', type: 'Normal',
    })
  })

  test('the second equal event begins a series, more are counted, and what the count became is written when the series is over', async () => {
    const { env, written, stored, recorder } = setup()
    for (let i = 0; i < 4; i++) {
      recorder.event(pod, 'Warning', 'FailedScheduling', 'Scheduling', `no room ${i}`)
      await env.clock.advance(1000)
    }
    expect(written).toEqual(['create no room 0', 'series of 2'])
    await env.clock.advance(13 * minutes)
    expect(written.slice(2)).toEqual(['series of 4'])
    expect([...stored.values()][0]!.series).toEqual({ count: 4, lastObservedTime: '2026-01-01T00:00:03.000000Z' })
    recorder.event(pod, 'Warning', 'FailedScheduling', 'Scheduling', 'no room again')
    await env.clock.advance(0)
    expect(written.at(-1)).toBe('create no room again')
  })

  test('an event like one of more than six minutes ago is a new one', async () => {
    const { env, written, recorder } = setup()
    recorder.event(pod, 'Normal', 'A', 'B', 'first')
    await env.clock.advance(7 * minutes)
    recorder.event(pod, 'Normal', 'A', 'B', 'second')
    await env.clock.advance(0)
    expect(written).toEqual(['create first', 'create second'])
  })

  test('a series whose event has expired is made anew', async () => {
    const { env, written, stored, recorder } = setup()
    recorder.event(pod, 'Normal', 'A', 'B', 'note')
    await env.clock.advance(0)
    stored.clear()
    recorder.event(pod, 'Normal', 'A', 'B', 'note')
    await env.clock.advance(0)
    expect(written).toEqual(['create note', 'create note x2'])
  })

  test('what cannot reach the server is tried again, what is refused is not', async () => {
    const { env, written, faults, recorder } = setup()
    faults.push(new Error('connection refused'))
    recorder.event(pod, 'Normal', 'A', 'B', 'late')
    await env.clock.advance(0)
    expect(written).toEqual([])
    await env.clock.advance(12_500)
    expect(written).toEqual(['create late'])
    faults.push(notFound({ resource: 'namespaces' }, 'team'))
    recorder.event(pod, 'Normal', 'C', 'D', 'refused')
    await env.clock.advance(5 * minutes)
    expect(written).toEqual(['create late'])
  })

  test('what is more than a thousand events behind is dropped and counted', async () => {
    const { env, stored, recorder } = setup()
    for (let i = 0; i < 1500; i++) recorder.event({ ...pod, metadata: { ...pod.metadata, name: `pod-${i}` } }, 'Normal', 'A', 'B', 'note')
    await env.clock.advance(0)
    const dropped = 1500 - stored.size
    expect(dropped).toBeGreaterThan(0)
    expect(env.metrics.render()).toContain(`coxswain_events_dropped_total{component="default-scheduler"} ${dropped}\n`)
  })
})
