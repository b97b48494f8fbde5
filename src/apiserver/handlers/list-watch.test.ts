import { describe, expect, it } from 'vitest'
import { compactionIntervalMs } from '../registry/resource-registry.ts'
import type { WatchResponse, WatchResponseEvent } from '../handler.ts'
import { builtinResources } from '../resources/index.ts'
import { decodeContinue } from './continue-token.ts'
import type { TestServer } from './testing.ts'
import { testServer } from './testing.ts'

const wanted = ['configmaps', 'pods', 'namespaces', 'horizontalpodautoscalers']
const definitions = builtinResources.filter((d) => wanted.includes(d.resource))
const maps = '/api/v1/namespaces/default/configmaps'

async function withMaps(names: string[], history?: Parameters<typeof testServer>[0]['history']): Promise<TestServer> {
  const s = testServer({ definitions, history })
  for (const name of names) await s.call('create', maps, { body: { metadata: { name, labels: { first: name[0] } } } })
  return s
}

const names = async (s: TestServer, path: string) => (await s.list(path)).items.map((i) => i.object.metadata.name)

async function status(run: Promise<unknown>): Promise<{ code: number; message: string; continue?: string }> {
  try {
    await run
  } catch (error) {
    const { code, message, metadata } = (error as { status: { code: number; message: string; metadata: { continue?: string } } }).status
    return { code, message, ...(metadata.continue === undefined ? {} : { continue: metadata.continue }) }
  }
  throw new Error('was not refused')
}

describe('list', () => {
  it('selects by labels, fields, namespace', async () => {
    const s = await withMaps(['a1', 'a2', 'b1'])
    await s.call('create', '/api/v1/namespaces/other/configmaps', { body: { metadata: { name: 'a1' } } })
    expect(await names(s, `${maps}?labelSelector=first=a`)).toEqual(['a1', 'a2'])
    expect(await names(s, `${maps}?labelSelector=first%20in%20(b)`)).toEqual(['b1'])
    expect(await names(s, `${maps}?fieldSelector=metadata.name!=a1`)).toEqual(['a2', 'b1'])
    expect(await names(s, '/api/v1/configmaps?fieldSelector=metadata.name=a1')).toEqual(['a1', 'a1'])
    expect(await names(s, '/api/v1/configmaps?fieldSelector=metadata.namespace=other')).toEqual(['a1'])
    expect(await names(s, '/api/v1/namespaces/def/configmaps')).toEqual([])
    expect((await status(s.list(`${maps}?labelSelector=a=b=c`))).code).toBe(400)
    expect(await status(s.list(`${maps}?fieldSelector=data.a=1`))).toMatchObject({ code: 400 })
  })

  it('pages through one moment, whatever is written meanwhile', async () => {
    const s = await withMaps(['a', 'b', 'c', 'd', 'e'])
    const first = await s.list(`${maps}?limit=2`)
    expect(first.metadata).toMatchObject({ remainingItemCount: 3, resourceVersion: '6' })
    expect(decodeContinue(first.metadata.continue!)).toEqual({ revision: 6, start: 'b\0' })
    await s.call('delete', `${maps}/c`)
    await s.call('create', maps, { body: { metadata: { name: 'bb' } } })
    const second = await s.list(`${maps}?limit=2&continue=${first.metadata.continue}`)
    expect(second.items.map((i) => i.object.metadata.name)).toEqual(['c', 'd'])
    const third = await s.list(`${maps}?limit=2&continue=${second.metadata.continue}`)
    expect(third.items.map((i) => i.object.metadata.name)).toEqual(['e'])
    expect(third.metadata.continue).toBeUndefined()
    expect(third.metadata.remainingItemCount).toBeUndefined()
  })

  it('pages over all namespaces and with selectors', async () => {
    const s = await withMaps(['a1', 'b1', 'a2', 'a3'])
    await s.call('create', '/api/v1/namespaces/other/configmaps', { body: { metadata: { name: 'a9', labels: { first: 'a' } } } })
    const first = await s.list('/api/v1/configmaps?labelSelector=first=a&limit=3')
    expect(first.items).toHaveLength(3)
    expect(first.metadata.remainingItemCount).toBeUndefined()
    expect(await names(s, `/api/v1/configmaps?labelSelector=first=a&limit=3&continue=${first.metadata.continue}`)).toEqual(['a9'])
  })

  it('lets tokens expire with a token for the inconsistent rest', async () => {
    const s = await withMaps(['a', 'b', 'c'])
    const first = await s.list(`${maps}?limit=1`)
    await s.registry.compact()
    await s.call('create', maps, { body: { metadata: { name: 'bb' } } })
    await s.registry.compact()
    expect(await names(s, `${maps}?continue=${first.metadata.continue}`)).toEqual(['b', 'c'])
    await s.registry.compact()
    const refused = await status(s.list(`${maps}?continue=${first.metadata.continue}`))
    expect(refused.code).toBe(410)
    expect(refused.message).toMatch(/^The provided continue parameter is too old to display a consistent list result\./)
    expect(await names(s, `${maps}?continue=${refused.continue}`)).toEqual(['b', 'bb', 'c'])
    expect(compactionIntervalMs).toBe(300_000)
  })

  it('answers each kind of resourceVersion', async () => {
    const s = await withMaps(['a', 'b'])
    await s.call('delete', `${maps}/a`)
    expect(await names(s, `${maps}?resourceVersion=0`)).toEqual(['b'])
    expect(await names(s, `${maps}?resourceVersion=2&resourceVersionMatch=NotOlderThan`)).toEqual(['b'])
    const exact = await s.list(`${maps}?resourceVersion=3&resourceVersionMatch=Exact`)
    expect([exact.items.length, exact.metadata.resourceVersion]).toEqual([2, '3'])
    expect((await s.list(`${maps}?resourceVersion=2&limit=1`)).metadata.resourceVersion).toBe('2')
    expect(await status(s.list(`${maps}?resourceVersion=x`))).toEqual({
      code: 400, message: 'invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax',
    })
    expect(await status(s.list(`${maps}?resourceVersion=99&resourceVersionMatch=Exact`))).toMatchObject({
      code: 504, message: 'Timeout: Too large resource version: 99, current: 4',
    })
    const late = status(s.list(`${maps}?resourceVersion=99`))
    await Promise.resolve()
    s.env.clock.advance(3000)
    expect(await late).toMatchObject({ code: 504 })
  })

  it.each([
    ['resourceVersionMatch=Exact', 'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided'],
    ['resourceVersion=0&resourceVersionMatch=Exact', 'resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'],
    ['resourceVersion=1&resourceVersionMatch=Odd', 'resourceVersionMatch: Unsupported value: "Odd": supported values: "Exact", "NotOlderThan", ""'],
    ['sendInitialEvents=true', 'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list'],
  ])('refuses %s', async (query, message) => {
    const s = await withMaps([])
    expect(await status(s.list(`${maps}?${query}`))).toEqual({ code: 422, message: `ListOptions.meta.k8s.io "" is invalid: ${message}` })
  })

  it.each(['abc', 'e30', 'eyJ2IjoieCJ9', '%%%'])('refuses the token %s', async (token) => {
    const s = await withMaps([])
    expect(await status(s.list(`${maps}?continue=${encodeURIComponent(token)}`))).toMatchObject({
      code: 400, message: expect.stringContaining('continue key is not valid') as string,
    })
  })
})

const brief = (event: WatchResponseEvent) =>
  `${event.type} ${'metadata' in event.object ? (event.object.metadata as { name?: string }).name ?? '' : ''}`.trim()

/** Reads what a watch has now, without waiting for more. */
async function read(watch: WatchResponse, count: number): Promise<WatchResponseEvent[]> {
  const events: WatchResponseEvent[] = []
  for await (const batch of watch.events) {
    events.push(...batch)
    if (events.length >= count) break
  }
  return events
}

describe('watch', () => {
  it('begins with what is there and marks the end of it', async () => {
    const s = await withMaps(['a', 'b'])
    const watch = await s.watch(`${maps}?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`)
    const events = await read(watch, 3)
    expect(events.map(brief)).toEqual(['ADDED a', 'ADDED b', 'BOOKMARK'])
    expect(events[2]!.object).toEqual({
      kind: 'ConfigMap', apiVersion: 'v1', metadata: { resourceVersion: '3', annotations: { 'k8s.io/initial-events-end': 'true' } },
    })
  })

  it('resumes behind a version with the next change, and shares objects with readers', async () => {
    const s = await withMaps(['a', 'b'])
    const watch = await s.watch(`${maps}?resourceVersion=2`)
    await s.call('delete', `${maps}/a`)
    const events = await read(watch, 2)
    expect(events.map(brief)).toEqual(['ADDED b', 'DELETED a'])
    expect(events[1]!.object.metadata.resourceVersion).toBe('4')
    expect(events[0]!.object).toBe(await s.object('get', `${maps}/b`))
  })

  it('makes ADDED and DELETED of objects that come into and leave a selection', async () => {
    const s = await withMaps(['a'])
    const watch = await s.watch(`${maps}?resourceVersion=2&labelSelector=tier=x`)
    const label = (tier: string, data = '') => s.call('update', `${maps}/a`, { body: { metadata: { name: 'a', labels: { tier } }, data: { d: data } } })
    await label('x')
    await label('x', 'changed')
    await label('y')
    await label('y', 'unseen')
    await label('x')
    const events = await read(watch, 4)
    expect(events.map((e) => e.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED', 'ADDED'])
    expect(events[2]!.object).toMatchObject({ metadata: { labels: { tier: 'x' }, resourceVersion: '5' }, data: { d: 'changed' } })
  })

  it('tells in the stream that a version is too old', async () => {
    const s = await withMaps([], { minAgeMs: 0, minEvents: 1, maxEvents: 3, maxBytes: 1e9 })
    for (let i = 0; i < 10; i++) await s.call('create', maps, { body: { metadata: { name: `m${i}` } } })
    const [event] = await read(await s.watch(`${maps}?resourceVersion=2`), 1)
    expect(event).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired', message: expect.stringMatching(/^too old resource version: 2 \(\d+\)$/) as string } })
  })

  it('keeps ten minutes of history', async () => {
    const s = await withMaps([])
    for (let i = 0; i < 3000; i++) {
      await s.call('create', maps, { body: { metadata: { name: `m${i}` } } })
      s.env.clock.advance(200)
    }
    expect((await read(await s.watch(`${maps}?resourceVersion=2`), 2999)).length).toBe(2999)
  })

  it('ends when its time is over, with a bookmark before', async () => {
    const s = await withMaps(['a'])
    const watch = await s.watch(`${maps}?resourceVersion=2&timeoutSeconds=90&allowWatchBookmarks=true`)
    await s.call('create', '/api/v1/namespaces', { body: { metadata: { name: 'elsewhere' } } })
    s.env.clock.advance(90_000)
    const events: WatchResponseEvent[] = []
    for await (const batch of watch.events) events.push(...batch)
    expect(events.map(brief)).toEqual(['BOOKMARK', 'BOOKMARK'])
    expect(events[1]!.object.metadata.resourceVersion).toBe('3')
  })

  it('ends when its client is gone', async () => {
    const s = await withMaps(['a'])
    const client = new AbortController()
    const watch = await s.watch(`${maps}?resourceVersion=2`, client.signal)
    client.abort()
    expect(await read(watch, 1)).toEqual([])
    expect(s.registry.store('', 'configmaps')!.storage.cache.watches.size).toBe(0)
  })

  it('shows other versions of a kind', async () => {
    const s = await withMaps([])
    const hpas = (version: string) => `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers`
    const watch = await s.watch(`${hpas('v1')}?resourceVersion=1`)
    await s.call('create', hpas('v2'), { body: { metadata: { name: 'h' }, spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' } } } })
    expect((await read(watch, 1))[0]!.object).toMatchObject({ apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler' })
    expect((await s.list(hpas('v1'))).items[0]!.object.apiVersion).toBe('autoscaling/v1')
  })

  it.each([
    ['sendInitialEvents=true', 'resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'],
    ['resourceVersion=2&resourceVersionMatch=NotOlderThan', 'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'],
  ])('refuses %s', async (query, message) => {
    const s = await withMaps([])
    expect(await status(s.watch(`${maps}?${query}`))).toEqual({ code: 422, message: `ListOptions.meta.k8s.io "" is invalid: ${message}` })
  })
})

describe('any history', () => {
  it('is seen by each watcher in exactly its order, from wherever it begins', async () => {
    const s = await withMaps([])
    const random = s.env.random
    const log: { revision: number; type: string; name: string; team: string | undefined }[] = []
    const alive = new Map<string, string>()
    for (let step = 0; step < 400; step++) {
      const name = `m${random.int(12)}`
      const team = `t${random.int(3)}`
      const body = { metadata: { name, labels: { team } }, data: { step: String(step) } }
      if (!alive.has(name)) {
        const made = await s.object('create', maps, body)
        log.push({ revision: Number(made.metadata.resourceVersion), type: 'ADDED', name, team })
        alive.set(name, team)
      } else if (random.int(3) === 0) {
        await s.call('delete', `${maps}/${name}`)
        log.push({ revision: s.registry.store('', 'configmaps')!.storage.revision(), type: 'DELETED', name, team: alive.get(name) })
        alive.delete(name)
      } else {
        const next = await s.object('update', `${maps}/${name}`, body)
        log.push({ revision: Number(next.metadata.resourceVersion), type: 'MODIFIED', name, team })
        alive.set(name, team)
      }
    }
    for (let trial = 0; trial < 25; trial++) {
      const from = 1 + random.int(400)
      const expected = log.filter((e) => e.revision > from)
      const watch = await s.watch(`${maps}?resourceVersion=${from}`)
      const seen = expected.length === 0 ? [] : await read(watch, expected.length)
      expect(seen.map((e) => [e.type, e.object.metadata as { name?: string; resourceVersion?: string }]).map(([type, m]) =>
        [type, (m as { name?: string }).name, Number((m as { resourceVersion?: string }).resourceVersion)]))
        .toEqual(expected.map((e) => [e.type, e.name, e.revision]))
      await replaySelection(s, from, 't1')
    }
  })
})

/** A reader that lists a selection at a revision and then watches ends with the same set as a list of the present. */
async function replaySelection(s: TestServer, from: number, team: string): Promise<void> {
  const query = `labelSelector=team=${team}`
  const state = new Map((await s.list(`${maps}?${query}&resourceVersion=${from}&resourceVersionMatch=Exact`)).items
    .map((i) => [i.object.metadata.name, i.object.metadata.resourceVersion]))
  const client = new AbortController()
  const watch = await s.watch(`${maps}?${query}&resourceVersion=${from}`, client.signal)
  client.abort()
  for await (const batch of watch.events) {
    for (const { type, object } of batch) {
      const { name, resourceVersion } = object.metadata as { name?: string; resourceVersion?: string }
      expect(type === 'ADDED').toBe(!state.has(name))
      if (type === 'DELETED') state.delete(name)
      else state.set(name, resourceVersion)
    }
  }
  const now = (await s.list(`${maps}?${query}`)).items.map((i) => [i.object.metadata.name, i.object.metadata.resourceVersion])
  expect(state).toEqual(new Map(now as [string, string][]))
}
