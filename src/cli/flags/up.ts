import type { Flag } from '../command.ts'
import { clusterNameFlag } from './cluster-name.ts'

export const upFlags: readonly Flag[] = [
  clusterNameFlag,
  { name: 'nodes', type: 'int', help: 'Number of nodes (default: as before, or 1)' },
  { name: 'simulate', type: 'bool', default: false, help: 'Nodes in name only: no root, no container runtime, any number' },
  { name: 'kubeconfig', type: 'string', help: 'Where the kubeconfig is written (default: ~/.kube/NAME.yaml)' },
  { name: 'data', type: 'string', help: 'Folder where state lives' },
  { name: 'port', type: 'int', help: 'Port of the API (default: 6443 for the cluster that nobody named, else one that follows from the name)' },
  { name: 'bind-address', type: 'string', help: 'Address the API listens on (default: as before, or 127.0.0.1 with simulated nodes and 0.0.0.0 with real ones)' },
  { name: 'address', type: 'list', default: [], help: 'Names and addresses that the API\'s certificate is for, besides its own' },
  { name: 'foreground', type: 'bool', default: false, help: 'Stay until told to end, then stop the cluster; its state is kept' },
  { name: 'images', type: 'list', default: [], help: 'Image archives that a registry beside the cluster serves; nodes ask it before the registry that an image names' },
  { name: 'ha', type: 'bool', default: false, help: 'Three hosts for the control plane, each an API server and a member of etcd in a network namespace, behind one address' },
  { name: 'cloud-provider', type: 'string', default: 'local', help: 'local: Services of type LoadBalancer get addresses of this machine; none: they wait for a cloud that you bring' },
  { name: 'ip-family', type: 'string', default: 'ipv4', help: 'ipv4, or dual: pods, Services and nodes have an IPv6 address besides' },
  { name: 'roll', type: 'bool', default: false, help: 'Start what runs already again as it is installed now, one after another: the API stays with --ha, and containers run on' },
  { name: 'upstream', type: 'list', default: [], help: 'Components to take from upstream instead: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy' },
  { name: 'upstream-bin', type: 'string', help: 'Folder with upstream\'s binaries (hack/upstream builds them)' },
]

export const downFlags: readonly Flag[] = [
  clusterNameFlag,
  { name: 'purge', type: 'bool', default: false, help: 'Forget the cluster: remove its state too' },
  { name: 'data', type: 'string', help: 'Folder where state lives, if the cluster did not come up far enough to be remembered' },
]
