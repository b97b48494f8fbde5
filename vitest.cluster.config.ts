import { defineConfig } from 'vitest/config'

/** Tests against a cluster with real nodes that the run brings up itself (root on Debian). hack/test runs them. */
export default defineConfig({
  test: {
    include: ['conformance/cluster/**/*.cluster.ts'],
    globalSetup: ['conformance/cluster/setup.ts'],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 300_000,
    sequence: { concurrent: false },
  },
})
