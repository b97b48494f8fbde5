/** `import { useCluster } from 'coxswain/vitest'` */
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import type { Cluster } from '../cluster.ts'
import { type UseClusterOptions, useClusterWith } from './use-cluster.ts'

/** At the top of a test file or a describe: `const cluster = useCluster({ nodes: 3 })`, then `cluster().client` in tests. */
export function useCluster(options?: UseClusterOptions): () => Cluster {
  return useClusterWith({ beforeAll, afterAll, beforeEach, afterEach }, options)
}
