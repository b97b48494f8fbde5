/** kube-apiserver's flags that are taken without effect, or refused: each with the reason that --help and the refusal give. */
import type { Flag } from '../command.ts'

type Row = readonly [name: string, type: Flag['type'], help: string, reason: string, value?: Flag['default']]

const rows = (effect: 'accepted' | 'refused', group: string, list: readonly Row[]): Flag[] =>
  list.map(([name, type, help, reason, value]) => ({ name, type, help, reason, effect, group, ...(value === undefined ? {} : { default: value }) }))

const logs = 'logs are lines of JSON on the standard error output'
const node = 'what Node measures is had with node --inspect and --cpu-prof'
const storeOwn = 'the store is asked when something is wanted of it'
const proxy = 'requests for versions that this server lacks go to no other server'
const versions = 'the server serves v1.36 alone'
const tls = 'Node\'s own choice is kept up to date with Node'

export const otherApiserverFlags: readonly Flag[] = [
  ...rows('accepted', 'Generic', [
    ['emulation-forward-compatible', 'bool', 'With an emulated version', versions], ['runtime-config-emulation-forward-compatible', 'bool', 'With an emulated version', versions],
    ['external-hostname', 'string', 'Name of this server in documents', 'documents name --advertise-address'], ['livez-grace-period', 'duration', 'Time that a start may take', 'the server answers once it is there', 0],
    ['shutdown-delay-duration', 'duration', 'Time between the signal and the end', 'clients of the endpoints see the server leave before it ends', 0], ['shutdown-send-retry-after', 'bool', 'Answers while it ends', 'what is under way is ended, and nothing new is taken'],
    ['shutdown-watch-termination-grace-period', 'duration', 'Time for watches to end', 'watches are ended in order when the server ends', 0],
    ['kubelet-timeout', 'duration', 'Time for kubelets', 'the request\'s own time counts', 5000], ['aggregator-reject-forwarding-redirect', 'bool', 'Whether redirects of aggregated servers are refused', 'they always are', true],
    ['kubelet-port', 'int', 'Port of kubelets', 'nodes tell the ports of their kubelets', 10250], ['kubelet-read-only-port', 'int', 'Port of kubelets for reading', 'it is not used', 10255],
    ['storage-initialization-timeout', 'duration', 'Time for the store to be filled', storeOwn, 60_000],
  ]),
  ...rows('refused', 'Generic', [
    ['emulated-version', 'list', 'Versions to behave like', versions, []], ['min-compatibility-version', 'list', 'Oldest version to stand beside', versions, []],
  ]),
  ...rows('accepted', 'Storage', [
    ['etcd-count-metric-poll-period', 'duration', 'How often objects are counted', 'they are counted when metrics are asked for', 60_000],
    ['etcd-db-metric-poll-interval', 'duration', 'How often the size is asked for', 'it is asked for with the metrics', 30_000], ['lease-reuse-duration-seconds', 'int', 'How long leases of etcd are shared', 'leases are shared by the second in which they end', 60],
    ['default-watch-cache-size', 'int', 'Size of the memory for watches', 'it grows and shrinks with what is used', 100],
    ['watch-cache', 'bool', 'Whether watches are served from memory', 'they always are', true], ['watch-cache-sizes', 'list', 'Sizes of that memory', 'it grows and shrinks with what is used', []],
    ['delete-collection-workers', 'int', 'How many objects of a collection are deleted at a time', 'they are deleted one after another', 1],
    ['enable-garbage-collector', 'bool', 'Whether dependents are looked after', 'they always are', true],
  ]),
  ...rows('refused', 'Storage', [['etcd-servers-overrides', 'list', 'Other etcds for some resources', 'everything lies in one store', []]]),
  ...rows('accepted', 'Serving', [
    ['http2-max-streams-per-connection', 'int', 'Requests at a time on a connection', 'priority and fairness holds clients back', 0], ['permit-address-sharing', 'bool', 'SO_REUSEADDR', 'Node sets it'],
    ['tls-curve-preferences', 'list', 'Curves', tls], ['max-connection-bytes-per-sec', 'int', 'Bytes a second of a stream', 'streams go as fast as both sides read', 0],
  ]),
  ...rows('refused', 'Serving', [
    ['disable-http2-serving', 'bool', 'HTTP/1.1 alone', 'clients that want HTTP/1.1 get it', false], ['permit-port-sharing', 'bool', 'SO_REUSEPORT', 'two servers have two ports', false],
  ]),
  ...rows('accepted', 'Features', [
    ['contention-profiling', 'bool', 'Profiles of locks', 'there are no locks', false], ['coordinated-leadership-lease-duration', 'duration', 'Of coordinated leaders', 'leaders are elected by leases', 15_000],
    ['coordinated-leadership-renew-deadline', 'duration', 'Of coordinated leaders', 'leaders are elected by leases', 10_000], ['coordinated-leadership-retry-period', 'duration', 'Of coordinated leaders', 'leaders are elected by leases', 2000],
  ]),
  ...rows('refused', 'Features', [['debug-socket-path', 'string', 'Socket for profiles', node]]),
  ...rows('accepted', 'Authentication', [['service-account-lookup', 'bool', 'Whether accounts of tokens must be there', 'they must', true]]),
  ...rows('refused', 'Authentication', [
    ['service-account-signing-endpoint', 'string', 'Somebody else who signs tokens', 'the server signs with --service-account-signing-key-file'],
  ]),
  ...rows('refused', 'Aggregation', [['egress-selector-config-file', 'string', 'Ways to nodes and webhooks', 'the server reaches them directly']]),
  ...rows('refused', 'Admission', [['admission-control', 'list', 'All plugins', '--enable-admission-plugins and --disable-admission-plugins name what differs', []]]),
  ...rows('accepted', 'Metrics', [
    ['allow-metric-labels', 'map', 'Values that labels may have', 'labels have few values'], ['allow-metric-labels-manifest', 'string', 'File with those', 'labels have few values'],
    ['disabled-metrics', 'list', 'Metrics to leave out', 'metrics cost next to nothing', []], ['show-hidden-metrics-for-version', 'string', 'Metrics that are gone', 'none were hidden'],
  ]),
  ...rows('accepted', 'Logs', [
    ['log-flush-frequency', 'duration', 'How often logs are written', logs, 5000], ['log-json-info-buffer-size', 'string', 'Buffer of logs', logs, '0'], ['log-json-split-stream', 'bool', 'Two streams of logs', logs, false],
    ['log-text-info-buffer-size', 'string', 'Buffer of logs', logs, '0'], ['log-text-split-stream', 'bool', 'Two streams of logs', logs, false], ['logging-format', 'string', 'text or json', logs, 'text'], ['vmodule', 'string', 'Verbosity by file', logs],
  ]),
  ...rows('refused', 'Traces', [['tracing-config-file', 'string', 'TracingConfiguration', 'spans are sent nowhere']]),
  ...rows('accepted', 'Misc', [['enable-logs-handler', 'bool', 'Whether /logs is served', 'it is not: upstream has given it up', false]]),
  ...rows('refused', 'Misc', [
    ['endpoint-reconciler-type', 'string', 'How API servers find each other', 'they do by leases', 'lease'], ['kubernetes-service-node-port', 'int', 'Node port of the service kubernetes', 'the service kubernetes is of type ClusterIP', 0],
    ['peer-advertise-ip', 'string', 'For other servers', proxy], ['peer-advertise-port', 'string', 'For other servers', proxy], ['peer-ca-file', 'string', 'For other servers', proxy],
  ]),
]
