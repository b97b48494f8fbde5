/** `const { useCluster } = require('coxswain/jest')`: for jest, and whatever else has its hooks as globals. */
import type { Cluster } from '../cluster.ts'
import { type Hooks, type UseClusterOptions, useClusterWith } from './use-cluster.ts'

/** At the top of a test file or a describe: `const cluster = useCluster({ nodes: 3 })`, then `cluster().client` in tests. */
export function useCluster(options?: UseClusterOptions): () => Cluster {
  const { beforeAll, afterAll, beforeEach, afterEach } = globalThis as unknown as Partial<Hooks>
  if (beforeAll === undefined || afterAll === undefined || beforeEach === undefined || afterEach === undefined) {
    throw new Error('no global beforeAll and its kin: this is for jest; there are coxswain/vitest and coxswain/node-test too')
  }
  return useClusterWith({ beforeAll, afterAll, beforeEach, afterEach }, options)
}
