/** Fields of pod groups and their templates that wait for a gate (upstream: pkg/registry/scheduling/podgroup/strategy.go). */
const gates = {
  schedulingConstraints: 'TopologyAwareWorkloadScheduling', resourceClaims: 'DRAWorkloadResourceClaims', disruptionMode: 'WorkloadAwarePreemption',
  priorityClassName: 'WorkloadAwarePreemption', priority: 'WorkloadAwarePreemption',
} as const

type Gated = { [field in keyof typeof gates]?: unknown }

/** Takes out what is not switched on and was not there before. */
export function dropDisabled(spec: Gated | undefined, old: Gated | undefined, feature: (name: string) => boolean): void {
  for (const [field, gate] of Object.entries(gates) as [keyof Gated, string][]) {
    if (spec !== undefined && !feature(gate) && old?.[field] === undefined) delete spec[field]
  }
}
