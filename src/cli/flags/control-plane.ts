import type { Flag } from '../command.ts'

export const controlPlaneFlags: readonly Flag[] = [
  { name: 'data', type: 'string', required: true, help: 'Folder where state is kept: the store in control-plane/, keys and certificates in pki/' },
  { name: 'port', type: 'int', default: 6443, help: 'Port of the API server' },
  { name: 'bind-address', type: 'string', default: '0.0.0.0', help: 'Address the API server listens on' },
  { name: 'advertise-address', type: 'string', help: 'Address by which nodes and pods reach the API server (default: the bind address)' },
  { name: 'address', type: 'list', default: [], help: 'More addresses and names that the server certificate is good for' },
  { name: 'service-cidr', type: 'list', default: ['10.96.0.0/16'], help: 'Range of service addresses; one of each family' },
  { name: 'cluster-cidr', type: 'list', default: ['10.244.0.0/16'], help: 'Range of pod addresses; one of each family' },
  { name: 'controllers', type: 'list', default: ['*'], help: 'Controllers to run: names, * for all that are on by default, -name to leave one out' },
  { name: 'etcd-servers', type: 'list', default: [], help: 'Keep state in this etcd instead of the folder' },
  { name: 'etcd-cafile', type: 'string', help: 'CA of the etcd servers' },
  { name: 'etcd-certfile', type: 'string', help: 'Client certificate for etcd' },
  { name: 'etcd-keyfile', type: 'string', help: 'Its key' },
  { name: 'leader-elect', type: 'bool', default: false, help: 'One of several control planes over one etcd: scheduler and controllers work in the one that leads' },
  { name: 'without', type: 'list', default: [], help: 'Leave out kube-controller-manager or kube-scheduler, for programs of their own' },
  { name: 'kubeconfig', type: 'string', help: 'Writes a kubeconfig for the administrator to this file' },
  { name: 'context', type: 'string', default: 'coxswain', help: 'Name of the cluster in the kubeconfig' },
  { name: 'simulate', type: 'int', default: 0, help: 'Number of simulated nodes' },
  { name: 'v', short: 'v', type: 'int', default: 2, help: 'How much is logged; 4 and more: debug' },
]
