import type { Flag } from '../command.ts'

const api = 'API server'
const node = 'Node'
const rules = 'Rules'
const serving = 'Serving'
const conntrack = 'Connection tracking'
const ipvs = 'IPVS'
const logs = 'Logs'
const noIpvs = 'mode ipvs is deprecated upstream; use nftables or iptables'

/** Upstream's names and defaults (cmd/kube-proxy/app/options.go). All but the first group are ignored when --config is given. */
export const proxyFlags: readonly Flag[] = [
  { name: 'config', type: 'string', default: '', help: 'A KubeProxyConfiguration file; the proxy ends when it changes' },
  { name: 'write-config-to', type: 'string', default: '', help: 'Write the configuration that the flags make to this file, and exit' },
  { name: 'cleanup', type: 'bool', default: false, help: 'Remove the rules of all modes, and exit' },
  { name: 'init-only', type: 'bool', default: false, help: 'Do only what needs full root privileges, and exit' },
  { name: 'hostname-override', type: 'string', default: '', help: 'Name of the node; default: the host name. Wins over --config' },
  { name: 'master', type: 'string', default: '', help: "The API server's URL; wins over the kubeconfig" },
  { name: 'v', short: 'v', type: 'int', default: 2, help: 'How much is logged; 4 and more: debug. Wins over --config' },
  { name: 'kubeconfig', type: 'string', default: '', group: api, help: 'File that says where the API server is and who we are; default: the service account of this pod' },
  { name: 'kube-api-content-type', type: 'string', default: 'application/vnd.kubernetes.protobuf', effect: 'accepted', reason: 'requests are JSON', group: api, help: 'Content type of requests' },
  { name: 'kube-api-qps', type: 'float', default: 5, effect: 'accepted', reason: 'the proxy watches and makes no other requests', group: api, help: 'Requests a second' },
  { name: 'kube-api-burst', type: 'int', default: 10, effect: 'accepted', reason: 'the proxy watches and makes no other requests', group: api, help: 'Requests at once' },
  { name: 'config-sync-period', type: 'duration', default: 900_000, group: api, help: 'How often objects are looked at without a change' },
  { name: 'bind-address', type: 'string', default: '0.0.0.0', group: node, help: "The node's address; unspecified: the Node object's" },
  { name: 'detect-local-mode', type: 'string', default: '', group: node, help: 'How traffic of pods is known: ClusterCIDR (default), NodeCIDR, BridgeInterface or InterfaceNamePrefix' },
  { name: 'cluster-cidr', type: 'string', default: '', group: node, help: 'Range of all pods, one of each family' },
  { name: 'pod-bridge-interface', type: 'string', default: '', group: node, help: 'The bridge of pods' },
  { name: 'pod-interface-name-prefix', type: 'string', default: '', group: node, help: "How the names of pods' interfaces begin" },
  { name: 'oom-score-adj', type: 'int', default: -999, group: node, help: 'How willingly the kernel ends this process when memory is short' },
  { name: 'proxy-mode', type: 'string', default: '', group: rules, help: 'How rules are written: nftables (default) or iptables' },
  { name: 'masquerade-all', type: 'bool', default: false, group: rules, help: 'Masquerade all traffic to cluster IPs' },
  { name: 'nodeport-addresses', type: 'list', group: rules, help: "Ranges of the node's addresses that take node ports, or \"primary\" (default in mode nftables)" },
  { name: 'iptables-masquerade-bit', type: 'int', default: 14, group: rules, help: 'Bit of the packet mark that asks for masquerading, mode iptables' },
  { name: 'iptables-localhost-nodeports', type: 'bool', default: true, group: rules, help: 'Node ports by 127.0.0.1 too, mode iptables' },
  { name: 'iptables-sync-period', type: 'duration', default: 30_000, group: rules, help: 'How often the rules are looked at without a change' },
  { name: 'iptables-min-sync-period', type: 'duration', default: 1_000, group: rules, help: 'Time between two writes at least' },
  { name: 'healthz-bind-address', type: 'string', default: '0.0.0.0:10256', group: serving, help: 'Where /healthz and /livez are served' },
  { name: 'healthz-port', type: 'int', default: 10256, group: serving, help: 'Deprecated: 0 turns the health server off' },
  { name: 'metrics-bind-address', type: 'string', default: '127.0.0.1:10249', group: serving, help: 'Where /metrics is served; empty: nowhere' },
  { name: 'metrics-port', type: 'int', default: 10249, group: serving, help: 'Deprecated: 0 turns the metrics server off' },
  { name: 'bind-address-hard-fail', type: 'bool', default: false, group: serving, help: 'End when a port cannot be had' },
  { name: 'profiling', type: 'bool', default: false, effect: 'accepted', reason: 'use --cpu-prof of node', group: serving, help: 'Profiles at /debug/pprof' },
  { name: 'show-hidden-metrics-for-version', type: 'string', default: '', group: serving, help: 'Metrics of the minor version before, which has no more than this one' },
  { name: 'conntrack-max-per-core', type: 'int', default: 32_768, group: conntrack, help: 'Most tracked connections per core; 0: leave it' },
  { name: 'conntrack-min', type: 'int', default: 131_072, group: conntrack, help: 'Most tracked connections at least' },
  { name: 'conntrack-tcp-timeout-established', type: 'duration', default: 86_400_000, group: conntrack, help: 'How long an idle connection is kept; 0: leave it' },
  { name: 'conntrack-tcp-timeout-close-wait', type: 'duration', default: 3_600_000, group: conntrack, help: 'How long a half-closed connection is kept' },
  { name: 'conntrack-tcp-be-liberal', type: 'bool', default: false, group: conntrack, help: 'Let packets outside of the window through' },
  { name: 'conntrack-udp-timeout', type: 'duration', default: 0, group: conntrack, help: 'How long an unanswered UDP flow is kept; 0: leave it' },
  { name: 'conntrack-udp-timeout-stream', type: 'duration', default: 0, group: conntrack, help: 'How long an answered UDP flow is kept; 0: leave it' },
  { name: 'feature-gates', type: 'map', effect: 'accepted', reason: "behaviour is that of v1.36's defaults", help: 'Feature gates' },
  ...[
    ['ipvs-sync-period', 'duration'], ['ipvs-min-sync-period', 'duration'], ['ipvs-scheduler', 'string'], ['ipvs-exclude-cidrs', 'list'], ['ipvs-strict-arp', 'bool'],
    ['ipvs-tcp-timeout', 'duration'], ['ipvs-tcpfin-timeout', 'duration'], ['ipvs-udp-timeout', 'duration'],
  ].map(([name, type]): Flag => ({ name: name!, type: type as Flag['type'], effect: 'refused', reason: noIpvs, group: ipvs, help: 'Of mode ipvs' })),
  { name: 'logging-format', type: 'string', default: 'text', effect: 'accepted', reason: 'lines are JSON', group: logs, help: 'Format of log lines' },
  ...[
    ['log-flush-frequency', 'duration'], ['log-json-info-buffer-size', 'string'], ['log-json-split-stream', 'bool'], ['log-text-info-buffer-size', 'string'],
    ['log-text-split-stream', 'bool'], ['vmodule', 'string'], ['boot-id-file', 'string'], ['machine-id-file', 'string'],
  ].map(([name, type]): Flag => ({ name: name!, type: type as Flag['type'], effect: 'accepted', group: logs, help: 'As upstream' })),
]
