import type { Flag } from '../command.ts'

function signerFlags(signer: string): Flag[] {
  const group = 'CSR signing controller'
  return [
    { name: `cluster-signing-${signer}-cert-file`, type: 'string', help: `Authority of kubernetes.io/${signer}; default the common one`, group },
    { name: `cluster-signing-${signer}-key-file`, type: 'string', help: 'Its key', group },
  ]
}

export const controllerManagerFlags: readonly Flag[] = [
  { name: 'controllers', type: 'list', default: ['*'], help: 'Names, * for all that are on by default, -name to leave one out' },
  { name: 'feature-gates', type: 'map', help: 'Features to switch on or off; some bring controllers with them' },
  { name: 'root-ca-file', type: 'string', help: 'Certificate authority that kube-root-ca.crt shows to pods' },
  { name: 'cluster-cidr', type: 'list', default: [], help: 'Range of pod addresses; one of each family', group: 'Node IPAM controller' },
  { name: 'service-cluster-ip-range', type: 'list', default: [], help: 'Range of service addresses, kept out of the pod ranges', group: 'Node IPAM controller' },
  { name: 'allocate-node-cidrs', type: 'bool', default: false, help: 'Gives every node a part of the cluster CIDR', group: 'Node IPAM controller' },
  { name: 'node-cidr-mask-size-ipv4', type: 'int', default: 24, help: 'Size of a node\'s IPv4 range', group: 'Node IPAM controller' },
  { name: 'node-cidr-mask-size-ipv6', type: 'int', default: 64, help: 'Size of a node\'s IPv6 range', group: 'Node IPAM controller' },
  { name: 'cluster-signing-cert-file', type: 'string', help: 'Authority that signs certificate requests', group: 'CSR signing controller' },
  { name: 'cluster-signing-key-file', type: 'string', help: 'Its key', group: 'CSR signing controller' },
  { name: 'cluster-signing-duration', type: 'duration', default: 365 * 86_400_000, help: 'How long signed certificates last at most', group: 'CSR signing controller' },
  ...signerFlags('kubelet-serving'), ...signerFlags('kubelet-client'), ...signerFlags('kube-apiserver-client'), ...signerFlags('legacy-unknown'),
  { name: 'node-monitor-grace-period', type: 'duration', default: 50_000, help: 'How long a silent node counts as healthy', group: 'Node lifecycle controller' },
  { name: 'node-monitor-period', type: 'duration', default: 5_000, help: 'How often nodes are looked at', group: 'Node lifecycle controller' },
  { name: 'node-startup-grace-period', type: 'duration', default: 60_000, help: 'The same for a node that has just been registered', group: 'Node lifecycle controller' },
  { name: 'horizontal-pod-autoscaler-sync-period', type: 'duration', default: 15_000, help: 'How often metrics are asked for', group: 'Horizontal pod autoscaler' },
  { name: 'horizontal-pod-autoscaler-downscale-stabilization', type: 'duration', default: 300_000, help: 'How long the highest recommendation holds', group: 'Horizontal pod autoscaler' },
  { name: 'horizontal-pod-autoscaler-tolerance', type: 'string', default: '0.1', help: 'How far from the target is near enough', group: 'Horizontal pod autoscaler' },
  { name: 'horizontal-pod-autoscaler-cpu-initialization-period', type: 'duration', default: 300_000, help: 'How long a young pod\'s use of CPU may be left out', group: 'Horizontal pod autoscaler' },
  { name: 'horizontal-pod-autoscaler-initial-readiness-delay', type: 'duration', default: 30_000, help: 'Pods unready since before this have never been ready', group: 'Horizontal pod autoscaler' },
  { name: 'terminated-pod-gc-threshold', type: 'int', default: 12_500, help: 'Ended pods that are kept before the oldest are deleted', group: 'Pod GC controller' },
]
