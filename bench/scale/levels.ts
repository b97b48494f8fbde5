/** What upstream's service levels measure: how long changes, reads, lists and starts of pods take under steady change. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchClient } from '../lib/client.ts'
import { percentile } from '../lib/client.ts'
import { type Size, namespaceOf, singlePod } from './steps.ts'

export interface Levels {
  /** p99, in ms. */
  readonly mutation: number
  readonly read: number
  readonly list: number
  readonly podStart: number
  readonly changes: number
}

const livesMs = 10_000

/** Makes and deletes pods at that rate for so many seconds, and reads and lists beside it. */
export async function measureLevels(client: BenchClient, { namespaces }: Size, perSecond: number, seconds: number): Promise<Levels> {
  const mutations: number[] = []
  const reads: number[] = []
  const lists: number[] = []
  const starts: number[] = []
  const asked = new Map<string, number>()
  const timed = async (into: number[], path: string, method = 'GET', call: object = {}): Promise<void> => {
    const began = performance.now()
    const { status, text } = await client.call(mutations.length, { method, path, ...call }, false)
    into.push(performance.now() - began)
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text.slice(0, 200)}`)
  }
  const own = client.another(1)
  const watch = own.open(0, { path: '/api/v1/pods?watch=1&labelSelector=measured%3Dyes' })
  let rest = ''
  watch.on('data', (chunk: Buffer) => {
    rest += chunk.toString('latin1')
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      const { object } = JSON.parse(rest.slice(0, end)) as { object: { metadata: { name: string }; status?: { phase?: string } } }
      rest = rest.slice(end + 1)
      const at = asked.get(object.metadata.name)
      if (at === undefined || object.status?.phase !== 'Running') continue
      asked.delete(object.metadata.name)
      starts.push(performance.now() - at)
    }
  })
  const running: Promise<void>[] = []
  // A pod is two changes: made, and deleted.
  const pods = Math.round((perSecond * seconds) / 2)
  const began = performance.now()
  for (let i = 0; i < pods; i++) {
    const due = began + (i * 2000) / perSecond
    if (due > performance.now()) await sleep(due - performance.now())
    running.push((async () => {
      const namespace = namespaceOf(i % namespaces)
      const name = `measured-${i}`
      const pod = `/api/v1/namespaces/${namespace}/pods/${name}`
      asked.set(name, performance.now())
      await timed(mutations, '', 'POST', singlePod(namespace, name))
      await timed(reads, pod)
      if (i % 50 === 0) await timed(lists, `/api/v1/namespaces/${namespace}/pods`)
      if (i % 200 === 0) await timed(lists, '/api/v1/pods?resourceVersion=0')
      await sleep(livesMs)
      await timed(mutations, `${pod}?gracePeriodSeconds=0`, 'DELETE')
    })())
  }
  await Promise.all(running)
  own.close()
  if (asked.size > 0) throw new Error(`${asked.size} of ${pods} pods never ran`)
  const p99 = (values: number[]): number => percentile(values.sort((a, b) => a - b), 0.99)
  return { mutation: p99(mutations), read: p99(reads), list: p99(lists), podStart: p99(starts), changes: mutations.length }
}
