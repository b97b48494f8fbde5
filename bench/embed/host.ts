/**
 * One measurement of bench/embed.ts in a process of its own: `host.js NAME [ARG...]` prints its figures as JSON. Only what
 * is measured is loaded when it is measured.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster, startCluster as StartCluster } from '../../src/cluster/index.ts'

type Figures = Readonly<Record<string, number | string>>

const loaded = performance.now()
const { startCluster }: { startCluster: typeof StartCluster } = await import('../../src/cluster/index.ts')
const loadMs = performance.now() - loaded

const residentMiB = (): number => process.memoryUsage.rss() / (1 << 20)
const timed = async <T>(run: () => Promise<T> | T): Promise<[T, number]> => {
  const began = performance.now()
  const value = await run()
  return [value, performance.now() - began]
}
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
/** Share of one processor that this process takes while it is left alone. */
async function idleShare(ms: number): Promise<number> {
  const before = process.cpuUsage()
  await sleep(ms)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / ms
}

/** One cluster, then more of them, then `count` in all. */
async function start(count: number): Promise<Figures> {
  const [first, firstMs] = await timed(() => startCluster())
  await sleep(2000)
  const firstMiB = residentMiB()
  const firstIdle = await idleShare(10_000)
  const clusters: Cluster[] = [first]
  const later: number[] = []
  while (clusters.length < count) {
    const [cluster, ms] = await timed(() => startCluster())
    clusters.push(cluster)
    if (later.length < 20) later.push(ms)
  }
  await sleep(2000)
  const eachMiB = (residentMiB() - firstMiB) / (count - 1)
  const eachIdle = (await idleShare(20_000)) / count
  return { loadMs, firstMs, laterMs: median(later), firstMiB, eachMiB, firstIdle, eachIdle, clusters: clusters.length }
}

async function month(seed: number): Promise<Figures> {
  const { runMonth } = await import('./month.ts')
  return runMonth(startCluster, seed)
}

async function forks(pods: number, count: number): Promise<Figures> {
  const { measureForks } = await import('./forks.ts')
  return measureForks(startCluster, pods, count)
}

const [name, ...args] = process.argv.slice(2)
const measures: Readonly<Record<string, (...args: number[]) => Promise<Figures>>> = { start, month, forks }
const figures = await measures[name!]!(...args.map(Number))
process.stdout.write(JSON.stringify(figures) + '\n', () => process.exit(0))
