/** Pods outlive the loss of their node by five minutes, unless they say otherwise. */
import type { Pod, Toleration } from '../../../api/generated/types/core-v1.ts'
import type { AdmissionPlugin } from '../contract.ts'
import { isFor, isOperation, objectOf } from '../context.ts'

const taints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const

const covers = (toleration: Toleration, key: string): boolean =>
  (toleration.key === key || !toleration.key) && (toleration.effect === 'NoExecute' || !toleration.effect)

/** `seconds`: how long pods outlive a node that is not ready, and one that is not reachable. */
export function defaultTolerationSeconds(seconds: Readonly<Partial<Record<(typeof taints)[number], number>>> = {}): AdmissionPlugin {
  return {
    name: 'DefaultTolerationSeconds',
    handles: (a) => isFor(a, '', 'pods') && isOperation(a, 'CREATE', 'UPDATE'),
    admit(a) {
      const spec = objectOf<Pod>(a).spec!
      const stated = spec.tolerations ?? []
      const missing = taints.filter((key) => !stated.some((t) => covers(t, key)))
      if (missing.length > 0) {
        spec.tolerations = [...stated, ...missing.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: seconds[key] ?? 300 }))]
      }
      return Promise.resolve()
    },
  }
}
