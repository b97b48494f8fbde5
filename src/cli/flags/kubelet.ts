/** Flags of the kubelet under upstream's names; most may stand in --config instead, and win over it when both are given. */
import type { Flag } from '../command.ts'

const node = 'Node'
const runtime = 'Container runtime'
const server = 'Server'
const pods = 'Pods'

export const kubeletFlags: readonly Flag[] = [
  { name: 'config', type: 'string', help: 'A KubeletConfiguration file' },
  { name: 'kubeconfig', type: 'string', required: true, help: 'File that says where the API server is and who we are' },
  { name: 'hostname-override', type: 'string', group: node, help: 'Name of the node; default: the host name' },
  { name: 'node-ip', type: 'list', group: node, help: 'Addresses of the node, one of each family' },
  { name: 'node-labels', type: 'map', group: node, help: 'Labels the node is registered with' },
  { name: 'register-node', type: 'bool', default: true, group: node, help: 'Make the Node object' },
  { name: 'register-with-taints', type: 'list', group: node, help: 'key=value:Effect' },
  { name: 'provider-id', type: 'string', group: node, help: "The cloud's name of the machine" },
  { name: 'node-status-update-frequency', type: 'duration', group: node, help: 'How often the node looks at itself' },
  { name: 'max-pods', type: 'int', group: node, help: 'Most pods at a time' },
  { name: 'system-reserved', type: 'map', group: node, help: 'Resources kept for the system' },
  { name: 'kube-reserved', type: 'map', group: node, help: 'Resources kept for Kubernetes' },
  { name: 'root-dir', type: 'string', default: '/var/lib/kubelet', group: pods, help: 'Folder of pods and their volumes' },
  { name: 'pod-logs-dir', type: 'string', group: pods, help: 'Folder of container logs; default: /var/log/pods' },
  { name: 'pod-manifest-path', type: 'string', group: pods, help: 'File or folder of static pods' },
  { name: 'cluster-dns', type: 'list', group: pods, help: 'Addresses of DNS servers for pods' },
  { name: 'cluster-domain', type: 'string', group: pods, help: 'Domain of the cluster' },
  { name: 'resolv-conf', type: 'string', group: pods, help: "Resolver file of pods that take the host's" },
  { name: 'sync-frequency', type: 'duration', group: pods, help: 'Longest time between two looks at a pod' },
  { name: 'file-check-frequency', type: 'duration', group: pods, help: 'Time between looks for static pods' },
  { name: 'cpu-cfs-quota', type: 'bool', default: true, group: pods, help: 'Enforce CPU limits' },
  { name: 'seccomp-default', type: 'bool', group: pods, help: 'RuntimeDefault seccomp profile where a pod names none' },
  { name: 'container-runtime-endpoint', type: 'string', group: runtime, help: 'Socket of the runtime; default: unix:///run/containerd/containerd.sock' },
  { name: 'cgroup-root', type: 'string', group: runtime, help: 'Cgroup below which pods get theirs' },
  { name: 'cgroups-per-qos', type: 'bool', default: true, group: runtime, help: 'Cgroups by quality of service' },
  { name: 'cgroup-driver', type: 'string', default: 'cgroupfs', group: runtime, help: 'cgroupfs is the one supported' },
  { name: 'serialize-image-pulls', type: 'bool', default: true, group: runtime, help: 'One pull at a time' },
  { name: 'address', type: 'string', group: server, help: 'Where the server listens' },
  { name: 'port', type: 'int', group: server, help: 'Port of the server; default: 10250' },
  { name: 'tls-cert-file', type: 'string', group: server, help: 'Certificate of the server; made when not given' },
  { name: 'tls-private-key-file', type: 'string', group: server, help: 'Its key' },
  { name: 'client-ca-file', type: 'string', group: server, help: 'Authorities of client certificates' },
  { name: 'anonymous-auth', type: 'bool', group: server, help: 'Let in requests without credentials' },
  { name: 'authentication-token-webhook', type: 'bool', group: server, help: 'Ask the API server about bearer tokens' },
  { name: 'authorization-mode', type: 'string', group: server, help: 'AlwaysAllow or Webhook' },
  { name: 'v', short: 'v', type: 'int', default: 2, help: 'How much is logged; 4 and more: debug' },
  { name: 'fail-swap-on', type: 'bool', effect: 'accepted', help: 'Swap never stops this kubelet' },
  { name: 'feature-gates', type: 'map', effect: 'accepted', help: 'Behaviour is that of the defaults of v1.36' },
  { name: 'cert-dir', type: 'string', effect: 'accepted', help: 'Certificates that are made are kept in memory' },
  { name: 'rotate-certificates', type: 'bool', effect: 'accepted', help: 'Certificates are taken from the kubeconfig' },
  { name: 'runtime-cgroups', type: 'string', effect: 'accepted', help: 'Used for accounting upstream' },
  { name: 'kubelet-cgroups', type: 'string', effect: 'accepted', help: 'Used for accounting upstream' },
  { name: 'bootstrap-kubeconfig', type: 'string', effect: 'refused', reason: 'give a kubeconfig with credentials of the node', help: 'TLS bootstrap' },
]
