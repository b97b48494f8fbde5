import type { Flag } from '../command.ts'
import { clientFlags } from '../component.ts'

/** Upstream's names and defaults, cmd/kube-proxy/app/options.go. */
export const proxyFlags: readonly Flag[] = [
  ...clientFlags,
  { name: 'hostname-override', type: 'string', default: '', help: 'Name of the node; default: the host name' },
  { name: 'bind-address', type: 'string', default: '0.0.0.0', help: 'The node\'s address; unspecified: found out. Decides the IP family' },
  { name: 'cluster-cidr', type: 'list', help: 'Ranges of all pods; traffic to Services from elsewhere is masqueraded' },
  { name: 'proxy-mode', type: 'string', default: 'nftables', help: 'How rules are written: nftables' },
  { name: 'masquerade-all', type: 'bool', default: false, help: 'Masquerade all traffic to Services' },
  { name: 'nodeport-addresses', type: 'list', help: 'Ranges of the node\'s addresses that accept node ports, or "primary"' },
  { name: 'nftables-sync-period', type: 'duration', default: 30_000, help: 'How often the rules are looked at without a change' },
  { name: 'nftables-min-sync-period', type: 'duration', default: 1_000, help: 'Time between two writes at least' },
  { name: 'healthz-bind-address', type: 'string', default: '0.0.0.0:10256', help: 'Where /healthz and /livez are served; empty: nowhere' },
  { name: 'metrics-bind-address', type: 'string', default: '127.0.0.1:10249', help: 'Where /metrics is served; empty: nowhere' },
]
