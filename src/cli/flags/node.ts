import type { Flag } from '../command.ts'

export const nodeFlags: readonly Flag[] = [
  { name: 'node-name', type: 'string', required: true, help: 'Name of the node' },
  { name: 'node-ip', type: 'list', required: true, help: 'Its address, or one of each family' },
  { name: 'kubeconfig', type: 'string', required: true, help: 'The kubelet\'s kubeconfig' },
  { name: 'proxy-kubeconfig', type: 'string', required: true, help: 'The kubeconfig of proxy and DNS' },
  { name: 'root-dir', type: 'string', required: true, help: 'Folder of pods and volumes' },
  { name: 'pod-logs-dir', type: 'string', required: true, help: 'Folder of container logs' },
  { name: 'container-runtime-endpoint', type: 'string', required: true, help: 'The runtime\'s CRI socket, unix:///…' },
  { name: 'cgroup-root', type: 'string', default: '/', help: 'Cgroup below which pods get theirs' },
  { name: 'tls-cert-file', type: 'string', required: true, help: 'Certificate of the kubelet\'s server' },
  { name: 'tls-private-key-file', type: 'string', required: true, help: 'Its key' },
  { name: 'client-ca-file', type: 'string', required: true, help: 'Who signs clients of the kubelet' },
  { name: 'cluster-dns', type: 'string', required: true, help: 'Address of the DNS service' },
  { name: 'cluster-domain', type: 'string', default: 'cluster.local', help: 'Domain of the cluster' },
  { name: 'dns-port', type: 'int', default: 10053, help: 'Port of the node\'s DNS server' },
  { name: 'cluster-cidr', type: 'list', required: true, help: 'Range of all pods, of each family that they have' },
  { name: 'cni-conf-dir', type: 'string', required: true, help: 'Where the CNI configuration is written when the node has its pod range' },
  { name: 'cni-ipam-dir', type: 'string', required: true, help: 'Where CNI keeps which addresses are given' },
  { name: 'without', type: 'list', default: [], help: 'Leave out kubelet or kube-proxy, for programs of their own' },
  { name: 'v', short: 'v', type: 'int', default: 2, help: 'How much is logged; 4 and more: debug' },
]
