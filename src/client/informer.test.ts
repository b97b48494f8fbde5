import { describe, expect, test } from 'vitest'
import { configMaps } from '../api/generated/resources.ts'
import type { ConfigMap } from '../api/generated/types/core-v1.ts'
import { tooOldResourceVersion } from '../api/meta/errors.ts'
import type { KubeList, KubeObject, Resource, WatchEvent } from '../api/meta/object.ts'
import type { Client, ListOptions, WatchOptions } from './client.ts'
import { SharedInformer } from './informer.ts'
import { byNamespace, defineIndex } from './lister.ts'
import { createManualEnv, settle } from './testing/manual-env.ts'

const map = (name: string, version: number, extra: Partial<ConfigMap> = {}): ConfigMap => ({
  metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: String(version) }, ...extra,
})

/** A server played by the test: each list and watch is answered by the next entry of its script. */
function scripted(script: { lists: (() => KubeList<ConfigMap>)[]; watches: (() => AsyncIterable<WatchEvent<ConfigMap>>)[] }) {
  const asked: string[] = []
  const client = {
    async list(_resource: unknown, options: ListOptions) {
      asked.push(`list ${options.resourceVersion ?? ''}`)
      return script.lists.shift()!()
    },
    watch(_resource: unknown, options: WatchOptions) {
      asked.push(`watch ${options.resourceVersion ?? ''}${options.sendInitialEvents === true ? ' initial' : ''}`)
      const next = script.watches.shift()
      return next === undefined ? silent(options.signal!) : next()
    },
  } as unknown as Client
  return { client, asked }
}
async function* silent(signal: AbortSignal): AsyncGenerator<WatchEvent<ConfigMap>> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve))
  yield* []
}
async function* events(...all: WatchEvent<ConfigMap>[]): AsyncGenerator<WatchEvent<ConfigMap>> {
  yield* all
}
const list = (version: number, ...items: ConfigMap[]): KubeList<ConfigMap> => ({ metadata: { resourceVersion: String(version) }, items })

function start(client: Client, options = {}) {
  const env = createManualEnv()
  const informer = new SharedInformer(env, configMaps as unknown as Resource<KubeObject>, options)
  const seen: string[] = []
  const name = (object: KubeObject) => `${object.metadata.name}@${object.metadata.resourceVersion}`
  informer.addHandler({
    add: (object, initial) => seen.push(`add ${name(object)}${initial ? ' initial' : ''}`),
    update: (object, old) => seen.push(`update ${name(old)} to ${name(object)}`),
    delete: (object) => seen.push(`delete ${name(object)}`),
  })
  const controller = new AbortController()
  const done = informer.run(client, controller.signal)
  return { env, informer, seen, stop: () => (controller.abort(new Error('the test is over')), done) }
}

describe('informer', () => {
  test('lists, watches, and resumes where the last watch ended', async () => {
    const { client, asked } = scripted({
      lists: [() => list(10, map('a', 5), map('b', 7))],
      watches: [
        () => events({ type: 'ADDED', object: map('c', 11) }, { type: 'MODIFIED', object: map('a', 12) }),
        () => events({ type: 'DELETED', object: map('b', 13) }, { type: 'BOOKMARK', object: map('', 20) }),
      ],
    })
    const { informer, seen, stop } = start(client)
    await settle()
    expect(asked).toEqual(['list 0', 'watch 10', 'watch 12', 'watch 20'])
    expect(seen).toEqual(['add a@5 initial', 'add b@7 initial', 'add c@11', 'update a@5 to a@12', 'delete b@13'])
    expect(informer.list().map(({ metadata }) => metadata.name)).toEqual(['a', 'c'])
    expect(informer.resourceVersion).toBe('20')
    await stop()
  })

  test('a history that is gone makes a new list, whose differences are events', async () => {
    const expired = async function* (): AsyncGenerator<WatchEvent<ConfigMap>> {
      yield* []
      throw tooOldResourceVersion(10, 90)
    }
    const { client, asked } = scripted({
      lists: [() => list(10, map('a', 5), map('b', 7), map('c', 8)), () => list(100, map('a', 95), map('c', 8), map('d', 99))],
      watches: [expired],
    })
    const { env, seen, stop } = start(client)
    await settle()
    seen.length = 0
    await env.clock.advance(2000)
    expect(asked.slice(2)).toEqual(['list ', 'watch 100'])
    expect(seen).toEqual(['delete b@7', 'update a@5 to a@95', 'add d@99'])
    await stop()
  })

  test('an object made again under its name is a deletion and an addition', async () => {
    const again = { ...map('a', 20), metadata: { ...map('a', 20).metadata, uid: 'other' } }
    const { client } = scripted({ lists: [() => list(10, map('a', 5))], watches: [() => events({ type: 'MODIFIED', object: again })] })
    const { seen, stop } = start(client)
    await settle()
    expect(seen).toEqual(['add a@5 initial', 'delete a@5', 'add a@20'])
    await stop()
  })

  test('failures wait longer each time', async () => {
    const times: number[] = []
    const { env, stop } = start({
      list: async () => {
        await Promise.resolve()
        times.push(env.clock.now())
        throw new Error('connection refused')
      },
    } as unknown as Client)
    await env.clock.advance(60_000)
    const gaps = times.slice(1).map((time, at) => time - times[at]!)
    expect(gaps[0]).toBeGreaterThanOrEqual(800)
    expect(gaps[0]).toBeLessThanOrEqual(1600)
    expect(gaps[3]).toBeGreaterThanOrEqual(6400)
    expect(times.length).toBeLessThan(9)
    await stop()
  })

  test('WatchList takes the first state from the watch, and falls back to a list', async () => {
    const bookmark = map('', 10)
    bookmark.metadata.annotations = { 'k8s.io/initial-events-end': 'true' }
    const streaming = scripted({
      lists: [], watches: [() => events({ type: 'ADDED', object: map('a', 5) }, { type: 'BOOKMARK', object: bookmark }, { type: 'ADDED', object: map('b', 11) })],
    })
    const first = start(streaming.client, { watchList: true })
    await settle()
    expect(streaming.asked).toEqual(['watch  initial', 'watch 11'])
    expect(first.seen).toEqual(['add a@5 initial', 'add b@11'])
    await first.stop()
  })

  test('indexes follow every change, and conditions are told when they come true', async () => {
    const byTeam = defineIndex<KubeObject>('team', ({ metadata }) => (metadata.labels?.['team'] === undefined ? [] : [metadata.labels['team']]))
    const labelled = (version: number, team: string) => ({ ...map('a', version), metadata: { ...map('a', version).metadata, labels: { team } } })
    let go!: () => void
    const gate = new Promise<void>((resolve) => (go = resolve))
    const { client } = scripted({
      lists: [() => list(10, labelled(5, 'red'))],
      watches: [async function* () {
        await gate
        yield { type: 'MODIFIED', object: labelled(12, 'blue') }
      }],
    })
    const { informer, stop } = start(client)
    await settle()
    expect(informer.by(byTeam, 'red')).toHaveLength(1)
    expect(informer.by(byNamespace, 'default')).toHaveLength(1)
    let called = 0
    informer.when(() => informer.by(byTeam, 'blue').length === 1, () => called++)
    expect(called).toBe(0)
    go()
    await settle()
    expect(called).toBe(1)
    expect(informer.by(byTeam, 'red')).toEqual([])
    await stop()
  })
})
