/** Labels of nodes that have other names now (upstream: pkg/api/node). */
import type { NodeSelectorTerm } from '../../../api/generated/types/core-v1.ts'
import { isLabelValue } from '../../../api/meta/names.ts'

const deprecated = new Map([
  ['beta.kubernetes.io/arch', 'deprecated since v1.14; use "kubernetes.io/arch" instead'],
  ['beta.kubernetes.io/os', 'deprecated since v1.14; use "kubernetes.io/os" instead'],
  ['failure-domain.beta.kubernetes.io/region', 'deprecated since v1.17; use "topology.kubernetes.io/region" instead'],
  ['failure-domain.beta.kubernetes.io/zone', 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'],
  ['beta.kubernetes.io/instance-type', 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead'],
  ['app.kubernetes.io/created-by', 'deprecated since v1.9'],
  ['scheduler.alpha.kubernetes.io/preferAvoidPods', 'deprecated since v1.22; use Taints and Tolerations instead'],
  ['node-role.kubernetes.io/master', 'use "node-role.kubernetes.io/control-plane" instead'],
])

/** What is said of the label; undefined for most. */
export const deprecatedNodeLabel = (key: string): string | undefined => deprecated.get(key)

/** `checkValues`: values that are none for a label are told too. */
export function* nodeSelectorTermWarnings(path: string, { matchExpressions }: NodeSelectorTerm, checkValues = false): Generator<string> {
  for (const [i, { key, values }] of (matchExpressions ?? []).entries()) {
    const text = deprecatedNodeLabel(key)
    if (text !== undefined) yield `${path}.matchExpressions[${i}].key: ${key} is ${text}`
    if (!checkValues) continue
    for (const [j, value] of (values ?? []).entries()) {
      for (const message of isLabelValue(value)) yield `${path}.matchExpressions[${i}].values[${j}]: ${value} is invalid, ${message}`
    }
  }
}
