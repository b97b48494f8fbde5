import type { Flag } from '../command.ts'

export const dnsFlags: readonly Flag[] = [
  { name: 'kubeconfig', type: 'string', default: '', help: 'File that says where the API server is and who we are; default: the service account of this pod' },
  { name: 'domain', type: 'string', default: 'cluster.local', help: 'Domain of the cluster' },
  { name: 'bind-address', type: 'string', default: '0.0.0.0', help: 'Address of the DNS server, UDP and TCP' },
  { name: 'port', type: 'int', default: 53, help: 'Its port' },
  { name: 'upstream', type: 'list', help: "Servers that know the rest of the world; default: those of this machine's resolv.conf" },
  { name: 'healthz-bind-address', type: 'string', default: '127.0.0.1:9153', help: 'Where /metrics and /healthz are served; empty: nowhere' },
  { name: 'v', short: 'v', type: 'int', default: 2, help: 'How much is logged; 4 and more: debug' },
]
