import { defineConfig } from 'vitest/config'

/** Programs that others wrote, against a cluster with real nodes that the run brings up itself: hack/clients. */
export default defineConfig({
  test: {
    include: ['conformance/clients/**/*.clients.ts'],
    globalSetup: ['conformance/cluster/setup.ts'],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 900_000,
    sequence: { concurrent: false },
  },
})
