/** `import { useCluster } from 'coxswain/node-test'` */
import { after, afterEach, before, beforeEach } from 'node:test'
import type { Cluster } from '../cluster.ts'
import { type UseClusterOptions, useClusterWith } from './use-cluster.ts'

/** At the top of a test file or a describe: `const cluster = useCluster({ nodes: 3 })`, then `cluster().client` in tests. */
export function useCluster(options?: UseClusterOptions): () => Cluster {
  return useClusterWith({ beforeAll: (run) => before(run), afterAll: (run) => after(run), beforeEach: (run) => beforeEach(run), afterEach: (run) => afterEach(run) }, options)
}
