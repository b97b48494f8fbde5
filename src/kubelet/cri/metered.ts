/** Counts and times what the runtime is asked, under upstream's names. Upstream: kuberuntime/instrumented_services.go. */
import type { Clock, Metrics } from '../../base/env.ts'
import type { Cri } from './contract.ts'

/** "runPodSandbox" → "run_podsandbox", "imageFsInfo" → "image_fs_info". */
export function operationName(method: string): string {
  if (method === 'updateContainerResources') return 'update_container'
  return method.replace(/(p|P)odSandbox/, '$1odsandbox').replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** From 5 ms on, each 2.5 times the one before. */
const buckets = Array.from({ length: 14 }, (_, i) => Number((0.005 * 2.5 ** i).toPrecision(12)))

export function meteredCri(cri: Cri, clock: Clock, metrics: Metrics): Cri {
  const total = metrics.counter('kubelet_runtime_operations_total', 'Cumulative number of runtime operations by operation type.', ['operation_type'])
  const errors = metrics.counter('kubelet_runtime_operations_errors_total', 'Cumulative number of runtime operation errors by operation type.', ['operation_type'])
  const took = metrics.histogram('kubelet_runtime_operations_duration_seconds', 'Duration in seconds of runtime operations. Broken down by operation type.', buckets, ['operation_type'])

  function metered<T extends object>(service: T): T {
    return Object.fromEntries(Object.entries(service).map(([method, call]) => {
      // The stream of events is one call that never ends.
      if (method === 'containerEvents' || typeof call !== 'function') return [method, call as unknown]
      const labels = { operation_type: operationName(method) }
      return [method, async (...given: unknown[]) => {
        const began = clock.monotonic()
        total.inc(labels)
        try {
          return await (call as (...args: unknown[]) => Promise<unknown>).apply(service, given)
        } catch (error) {
          errors.inc(labels)
          throw error
        } finally {
          took.observe((clock.monotonic() - began) / 1000, labels)
        }
      }]
    })) as T
  }
  return { runtime: metered(cri.runtime), images: metered(cri.images), close: () => cri.close() }
}
