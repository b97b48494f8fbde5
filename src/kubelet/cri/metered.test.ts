import { expect, test } from 'vitest'
import { createMetrics } from '../../base/metrics.ts'
import { createManualEnv } from '../../client/testing/manual-env.ts'
import { createFakeCri } from './fake.ts'
import { meteredCri, operationName } from './metered.ts'

test('operations have upstream\'s names', () => {
  expect(['runPodSandbox', 'listPodSandbox', 'podSandboxStatus', 'createContainer', 'execSync', 'imageFsInfo', 'version', 'updateContainerResources', 'updatePodSandboxResources'].map(operationName))
    .toEqual(['run_podsandbox', 'list_podsandbox', 'podsandbox_status', 'create_container', 'exec_sync', 'image_fs_info', 'version', 'update_container', 'update_podsandbox_resources'])
})

test('calls and failures are counted', async () => {
  const { clock } = createManualEnv()
  const metrics = createMetrics()
  const { runtime } = meteredCri(createFakeCri(clock), clock, metrics)
  await runtime.version()
  await expect(runtime.stopContainer('none', 1)).rejects.toThrow('not found')
  const text = metrics.render()
  expect(text).toContain('kubelet_runtime_operations_total{operation_type="version"} 1\n')
  expect(text).toContain('kubelet_runtime_operations_errors_total{operation_type="stop_container"} 1\n')
  expect(text).not.toContain('kubelet_runtime_operations_errors_total{operation_type="version"}')
  expect(text).toContain('kubelet_runtime_operations_duration_seconds_count{operation_type="stop_container"} 1\n')
})
