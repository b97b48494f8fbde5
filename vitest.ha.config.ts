import { defineConfig } from 'vitest/config'

/** The scenarios of a highly available control plane alone, which bring up their own cluster: hack/check-ha. */
export default defineConfig({
  test: {
    include: ['conformance/cluster/ha.cluster.ts'],
    testTimeout: 180_000,
    hookTimeout: 300_000,
  },
})
