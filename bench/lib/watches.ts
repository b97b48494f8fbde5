/** Loads of many watchers, and of many clients that list much. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchClient, Load } from './client.ts'
import { configMap, namespace } from './objects.ts'
import { peakMiB, residentMiB } from './processes.ts'

const path = `/api/v1/namespaces/${namespace}/configmaps`
const json = { 'content-type': 'application/json' }
const patchHeaders = { 'content-type': 'application/merge-patch+json' }

interface Watchers {
  readonly latencies: number[]
  delivered: number
  close(): void
}

/** `count` watchers of the objects labelled `name`, who note how long ago each event was sent ("t" in its data). */
async function startWatchers(client: BenchClient, count: number, name: string): Promise<Watchers> {
  // Upstream takes at most a hundred streams on one connection.
  const own = client.another(Math.max(4, Math.ceil(count / 80)))
  const { text } = await client.ok({ path: `${path}?labelSelector=set%3D${name}` })
  const from = (JSON.parse(text) as { metadata: { resourceVersion: string } }).metadata.resourceVersion
  const watchers: Watchers = { latencies: [], delivered: 0, close: () => own.close() }
  const opened = Array.from({ length: count }, (_, lane) => new Promise<void>((resolve, reject) => {
    const stream = own.open(lane, { path: `${path}?watch=1&resourceVersion=${from}&labelSelector=set%3D${name}` })
    stream.once('response', (headers) => (headers[':status'] === 200 ? resolve() : reject(new Error(`watch: ${headers[':status']}`))))
    stream.on('error', reject)
    let rest = ''
    stream.on('data', (chunk: Buffer) => {
      rest += chunk.toString('latin1')
      let end = rest.indexOf('\n')
      for (; end >= 0; end = rest.indexOf('\n')) {
        const at = rest.indexOf('"t":"')
        if (at >= 0 && at < end) watchers.latencies.push(performance.now() - Number.parseFloat(rest.slice(at + 5, at + 25)))
        watchers.delivered++
        rest = rest.slice(end + 1)
      }
    })
  }))
  await Promise.all(opened)
  return watchers
}

async function makeWatched(client: BenchClient, count: number, name: string): Promise<void> {
  for (let i = 0; i < count; i++) {
    await client.ok({ method: 'POST', path, headers: json, body: JSON.stringify(configMap(`${name}-${i}`, { set: name })) })
  }
}

const stamp = (client: BenchClient, lane: number, name: string) => client.call(lane, {
  method: 'PATCH', path: `${path}/${name}`, headers: patchHeaders, body: JSON.stringify({ data: { t: String(performance.now()) } }),
}, false)

async function untilDelivered(watchers: Watchers, count: number): Promise<void> {
  for (let waited = 0; watchers.delivered < count; waited++) {
    if (waited > 6000) throw new Error(`only ${watchers.delivered} of ${count} events came`)
    await sleep(10)
  }
}

/** Every watcher gets every event; requests are deliveries. Four writers go as fast as they are answered. */
export async function watchLoad(client: BenchClient, count: number, events: number, name = 'watched'): Promise<Load> {
  await makeWatched(client, 4, name)
  const watchers = await startWatchers(client, count, name)
  const began = performance.now()
  let next = 0
  await Promise.all([0, 1, 2, 3].map(async (lane) => {
    while (next++ < events) await stamp(client, lane, `${name}-${lane}`)
  }))
  await untilDelivered(watchers, count * events)
  const seconds = (performance.now() - began) / 1000
  watchers.close()
  return { requests: count * events, seconds, latencies: watchers.latencies.sort((a, b) => a - b) }
}

/** Deliveries at a fixed rate for some seconds, and how much the server grows meanwhile. */
export async function watchFlood(
  client: BenchClient, pids: readonly number[], count: number, perSecond: number, seconds: number,
): Promise<Load & { growthMiB: number }> {
  await makeWatched(client, 1, 'flooded')
  const watchers = await startWatchers(client, count, 'flooded')
  await sleep(1000)
  const base = pids.reduce((sum, pid) => (peakMiB(pid), sum + residentMiB(pid)), 0)
  const events = Math.round((perSecond * seconds) / count)
  const began = performance.now()
  for (let i = 0; i < events; i++) {
    const due = began + (i * 1000 * seconds) / events
    if (due > performance.now()) await sleep(due - performance.now())
    await stamp(client, i, 'flooded-0')
  }
  await untilDelivered(watchers, count * events)
  const growthMiB = pids.reduce((sum, pid) => sum + peakMiB(pid), 0) - base
  const took = (performance.now() - began) / 1000
  watchers.close()
  return { requests: count * events, seconds: took, latencies: watchers.latencies.sort((a, b) => a - b), growthMiB }
}

/** All clients list all the big objects, again and again for some seconds: how much the server grows. Requests are megabytes. */
export async function bigLists(
  client: BenchClient, pids: readonly number[], clients: number, objects: number, seconds: number,
): Promise<Load & { growthMiB: number }> {
  const blob = 'abcdefghij'.repeat(70_000)
  await client.load(objects, 4, (i) => ({
    method: 'POST', path: `/api/v1/namespaces/${namespace}/secrets`, headers: json,
    body: JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: `big-${i}` }, stringData: { blob } }),
  }))
  await sleep(2000)
  const base = pids.reduce((sum, pid) => (peakMiB(pid), sum + residentMiB(pid)), 0)
  const own = client.another(4)
  let bytes = 0
  const began = performance.now()
  for (let lane = 0; lane < clients; lane++) {
    const begin = () => {
      const stream = own.open(lane, { path: `/api/v1/namespaces/${namespace}/secrets` })
      stream.on('data', (chunk: Buffer) => { bytes += chunk.length })
      stream.once('end', begin)
      stream.on('error', () => undefined)
    }
    begin()
  }
  await sleep(seconds * 1000)
  const growthMiB = pids.reduce((sum, pid) => sum + peakMiB(pid), 0) - base
  own.close()
  return { requests: Math.max(1, Math.round(bytes / 1e6)), seconds: (performance.now() - began) / 1000, latencies: [], growthMiB }
}
