/** A new node takes no pods before the node lifecycle controller has seen it ready. */
import type { Node } from '../../../api/generated/types/core-v1.ts'
import type { AdmissionPlugin } from '../contract.ts'
import { isFor, objectOf } from '../context.ts'

const key = 'node.kubernetes.io/not-ready'
const effect = 'NoSchedule'

export function taintNodesByCondition(): AdmissionPlugin {
  return {
    name: 'TaintNodesByCondition',
    handles: (a) => isFor(a, '', 'nodes') && a.operation === 'CREATE',
    admit(a) {
      const spec = (objectOf<Node>(a).spec ??= {})
      if (!spec.taints?.some((t) => t.key === key && t.effect === effect)) spec.taints = [...spec.taints ?? [], { key, effect }]
      return Promise.resolve()
    },
  }
}
