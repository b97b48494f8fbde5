import { defineConfig } from 'vitest/config'

/** The container image on a Docker engine of its own: hack/containers. */
export default defineConfig({
  test: { include: ['conformance/containers/**/*.containers.ts'], fileParallelism: false, testTimeout: 300_000, hookTimeout: 300_000, sequence: { concurrent: false } },
})
