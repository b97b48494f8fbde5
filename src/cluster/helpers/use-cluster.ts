/** One cluster for a file of tests, and a fork of it for each test: what a test does, the next one does not see. */
import type { Cluster } from '../cluster.ts'
import type { ClusterOptions } from '../options.ts'
import { startCluster } from '../start-cluster.ts'

export interface UseClusterOptions extends ClusterOptions {
  /** Run once; what it leaves in the cluster every test finds there. */
  readonly setup?: (cluster: Cluster) => Promise<void> | void
  /** false: all tests share the cluster itself. */
  readonly forks?: boolean
}

/** What a test runner calls before and after. */
export interface Hooks {
  beforeAll(run: () => Promise<void>): void
  afterAll(run: () => Promise<void>): void
  beforeEach(run: () => Promise<void>): void
  afterEach(run: () => Promise<void>): void
}

/** Answers what gives the test's cluster. Time is virtual unless `time: 'real'` is asked for. */
export function useClusterWith(hooks: Hooks, { setup, forks = true, ...options }: UseClusterOptions = {}): () => Cluster {
  let base: Cluster | undefined
  let current: Cluster | undefined
  hooks.beforeAll(async () => {
    base = await startCluster({ time: 'virtual', ...options })
    await setup?.(base)
    if (!forks) current = base
  })
  hooks.afterAll(async () => {
    await base?.stop()
    base = current = undefined
  })
  if (forks) {
    hooks.beforeEach(async () => {
      current = await base!.fork({ listen: options.listen })
    })
    hooks.afterEach(async () => {
      await current?.stop()
      current = undefined
    })
  }
  return () => {
    if (current === undefined) throw new Error('there is a cluster only while a test runs')
    return current
  }
}
