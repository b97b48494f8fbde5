/** What a snapshot and forks of a cluster with many pods cost. */
import { configMaps, pods } from '../../src/api/generated/resources.ts'
import type { Cluster, startCluster as StartCluster } from '../../src/cluster/index.ts'
import { boundPod } from './objects.ts'

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
const nodes = 100
const awake = 20

export async function measureForks(startCluster: typeof StartCluster, podCount: number, count: number): Promise<Record<string, number>> {
  const cluster = await startCluster({ time: 'virtual', nodes })
  for (let i = 0; i < podCount; i++) await cluster.client.create(pods, boundPod(i, `node-${i % nodes}`))
  await cluster.time.advance('30s')
  const snapshotTimes: number[] = []
  const forkTimes: number[] = []
  for (let i = 0; i < 50; i++) {
    const began = performance.now()
    cluster.snapshot()
    snapshotTimes.push(performance.now() - began)
  }
  const before = process.memoryUsage.rss()
  const forks: Cluster[] = []
  for (let i = 0; i < count; i++) {
    const began = performance.now()
    const fork = await cluster.fork()
    forkTimes.push(performance.now() - began)
    forks.push(fork)
  }
  const forksMiB = (process.memoryUsage.rss() - before) / (1 << 20)
  const seen = await forks.at(-1)!.client.get(pods, { namespace: 'default', name: `filled-${podCount - 1}` })
  if (seen.status?.phase !== 'Running') throw new Error('a fork does not show what its parent has')
  // With the first write a fork's controllers, scheduler and nodes start.
  const wakeTimes: number[] = []
  for (const fork of forks.slice(0, awake)) {
    const began = performance.now()
    await fork.client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'first', namespace: 'default' } })
    wakeTimes.push(performance.now() - began)
  }
  return { snapshotMs: median(snapshotTimes), forkMs: median(forkTimes), forksMiB, wakeMs: median(wakeTimes), forks: forks.length }
}
