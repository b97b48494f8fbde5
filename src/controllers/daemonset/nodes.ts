/** Which nodes a daemon set's pods belong on (upstream: daemon_controller.go NodeShouldRunDaemonPod). Pure. */
import type { DaemonSet } from '../../api/generated/types/apps-v1.ts'
import type { Affinity, Node, Pod, PodSpec, Toleration } from '../../api/generated/types/core-v1.ts'
import { nodeMatchesPod } from '../../api/helpers/node-affinity.ts'
import { findUntoleratedTaint } from '../../api/helpers/taints.ts'

const tolerated: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
]
const networkToleration: Toleration = { key: 'node.kubernetes.io/network-unavailable', operator: 'Exists', effect: 'NoSchedule' }

/** The template's tolerations and those that every daemon pod has. */
export function daemonTolerations(spec: PodSpec): Toleration[] {
  const added = spec.hostNetwork === true ? [...tolerated, networkToleration] : tolerated
  const same = (a: Toleration, b: Toleration): boolean =>
    a.key === b.key && a.operator === b.operator && (a.value ?? '') === (b.value ?? '') && a.effect === b.effect
  const own = spec.tolerations ?? []
  // A toleration of the template that says the same is replaced: daemon pods tolerate without an end.
  return [...own.map((one) => added.find((other) => same(one, other)) ?? one), ...added.filter((one) => !own.some((other) => same(one, other)))]
}

export interface Verdict {
  /** A pod is to be made there. */
  readonly run: boolean
  /** A pod that is there may stay. */
  readonly keep: boolean
}

export function judgeNode(set: DaemonSet, node: Node): Verdict {
  const spec = set.spec!.template.spec!
  const wantedNode = spec.nodeName ?? ''
  if (wantedNode !== '' && wantedNode !== node.metadata.name) return { run: false, keep: false }
  if (!nodeMatchesPod({ spec }, node)) return { run: false, keep: false }
  const tolerations = daemonTolerations(spec)
  if (findUntoleratedTaint(node.spec?.taints, tolerations, ['NoExecute', 'NoSchedule']) === undefined) return { run: true, keep: true }
  return { run: false, keep: findUntoleratedTaint(node.spec?.taints, tolerations, ['NoExecute']) === undefined }
}

/** Affinity that leaves the pod one node only: the scheduler binds it there. */
export function pinnedAffinity(affinity: Affinity | undefined, nodeName: string): Affinity {
  const pin = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [nodeName] }] }]
  return {
    ...affinity,
    nodeAffinity: { ...affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: pin } },
  }
}

/** The node that the pod is on or is pinned to. */
export function targetNode({ spec }: Pod): string | undefined {
  if ((spec?.nodeName ?? '') !== '') return spec!.nodeName
  const terms = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  for (const { matchFields = [] } of terms) {
    const pin = matchFields.find(({ key, operator, values }) => key === 'metadata.name' && operator === 'In' && values?.length === 1)
    if (pin !== undefined) return pin.values![0]
  }
  return undefined
}
