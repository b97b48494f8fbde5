/** The order of upstream's own groups and versions, as their APIServices tell it (upstream: pkg/controlplane, DefaultGenericAPIServicePriorities). */
interface Priority {
  readonly group: number
  readonly version: number
}

/** Of a group: its priority, and those of its versions. */
const priorities: Readonly<Record<string, readonly [number, Readonly<Record<string, number>>]>> = {
  '': [18000, { v1: 1 }],
  // The aggregator's own group stands before all others, though no APIService says so.
  'apiregistration.k8s.io': [20000, { v1: 1 }],
  apps: [17800, { v1: 15 }],
  'events.k8s.io': [17750, { v1: 15, v1beta1: 5 }],
  'authentication.k8s.io': [17700, { v1: 15, v1beta1: 9, v1alpha1: 1 }],
  'authorization.k8s.io': [17600, { v1: 15 }],
  autoscaling: [17500, { v1: 15, v2: 30, v2beta1: 9, v2beta2: 1 }],
  batch: [17400, { v1: 15, v1beta1: 9, v2alpha1: 9 }],
  'certificates.k8s.io': [17300, { v1: 15, v1beta1: 9, v1alpha1: 1 }],
  'networking.k8s.io': [17200, { v1: 15, v1beta1: 9 }],
  policy: [17100, { v1: 15, v1beta1: 9 }],
  'rbac.authorization.k8s.io': [17000, { v1: 15 }],
  'storage.k8s.io': [16800, { v1: 15, v1beta1: 9, v1alpha1: 1 }],
  'apiextensions.k8s.io': [16700, { v1: 15 }],
  'admissionregistration.k8s.io': [16700, { v1: 15, v1beta1: 12, v1alpha1: 9 }],
  'scheduling.k8s.io': [16600, { v1: 15, v1alpha2: 2 }],
  'coordination.k8s.io': [16500, { v1: 15, v1beta1: 13, v1alpha2: 12 }],
  'node.k8s.io': [16300, { v1: 15, v1alpha1: 1, v1beta1: 9 }],
  'resource.k8s.io': [16200, { v1: 21, v1beta2: 15, v1beta1: 9, v1alpha3: 1 }],
  'discovery.k8s.io': [16200, { v1: 15, v1beta1: 12 }],
  'flowcontrol.apiserver.k8s.io': [16100, { v1: 21, v1beta3: 18, v1beta2: 15, v1beta1: 12, v1alpha1: 9 }],
  'internal.apiserver.k8s.io': [16000, { v1alpha1: 9 }],
  'storagemigration.k8s.io': [15800, { v1beta1: 9 }],
}

/** Kinds of definitions come behind all others. */
const customPriority: Priority = { group: 1000, version: 100 }

/** Where a group version that this server serves stands; custom ones stand behind. */
export function priorityOf(group: string, version: string): Priority {
  const found = priorities[group]
  const known = found?.[1][version]
  return found === undefined || known === undefined ? customPriority : { group: found[0], version: known }
}
