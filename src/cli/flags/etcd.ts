/** etcd's flags (v3.6). A store of one member has no cluster to talk to: what only such a one needs is taken without effect. */
import type { Flag } from '../command.ts'

const member = 'Member'
const security = 'Security'

const accepted: Readonly<Record<string, readonly [Flag['type'], readonly string[]]>> = {
  [member]: ['string', [
    'wal-dir', 'snapshot-count', 'heartbeat-interval', 'election-timeout', 'listen-peer-urls', 'listen-client-http-urls', 'max-snapshots', 'max-wals',
    'backend-bbolt-freelist-type', 'backend-batch-interval', 'backend-batch-limit', 'max-txn-ops', 'max-request-bytes', 'max-concurrent-streams',
    'grpc-keepalive-min-time', 'grpc-keepalive-interval', 'grpc-keepalive-timeout', 'raft-read-timeout', 'raft-write-timeout', 'feature-gates',
    'snapshot-catchup-entries', 'compaction-batch-limit', 'compaction-sleep-interval', 'warning-apply-duration', 'warning-unary-request-duration',
    'compact-hash-check-time', 'corrupt-check-time', 'experimental-corrupt-check-time', 'experimental-watch-progress-notify-interval', 'bootstrap-defrag-threshold-megabytes',
  ]],
  Clustering: ['string', [
    'initial-advertise-peer-urls', 'initial-cluster-state', 'initial-cluster-token', 'advertise-client-urls', 'v2-deprecation',
    'auto-compaction-mode', 'auto-compaction-retention',
  ]],
  [security]: ['string', [
    'peer-cert-file', 'peer-key-file', 'peer-trusted-ca-file', 'peer-cert-allowed-cn', 'peer-cert-allowed-hostname', 'peer-client-cert-file', 'peer-client-key-file',
    'peer-crl-file', 'cipher-suites', 'cors', 'host-whitelist', 'tls-min-version', 'tls-max-version', 'self-signed-cert-validity', 'client-cert-file', 'client-key-file',
  ]],
  'Profiling and monitoring': ['string', ['metrics']],
  Logging: ['string', ['logger', 'log-outputs', 'log-level', 'log-format', 'log-rotation-config-json']],
}
const acceptedSwitches: readonly string[] = [
  'initial-election-tick-advance', 'memory-mlock', 'socket-reuse-port', 'socket-reuse-address', 'enable-grpc-gateway', 'strict-reconfig-check', 'pre-vote',
  'peer-client-cert-auth', 'peer-auto-tls', 'peer-skip-client-san-verification', 'enable-pprof', 'enable-log-rotation', 'unsafe-no-fsync-wal', 'enable-distributed-tracing',
]

const refused: Readonly<Record<string, string>> = {
  'config-file': 'give its settings as flags',
  'auto-tls': 'give --cert-file and --key-file',
  'client-crl-file': 'lists of revoked certificates are not read',
  'client-cert-allowed-hostname': 'every client that the authority signed is let in',
  'auth-token': 'there are no users: who may come in is said by --client-cert-auth',
  'force-new-cluster': 'there is one member only',
  discovery: 'there is one member only', 'discovery-srv': 'there is one member only',
}

export const etcdFlags: readonly Flag[] = [
  { name: 'name', type: 'string', default: 'default', group: member, help: 'Name of this member' },
  { name: 'data-dir', type: 'string', group: member, help: 'Folder of the data (default: NAME.etcd)' },
  { name: 'listen-client-urls', type: 'list', default: ['http://localhost:2379'], group: member, help: 'Where to listen for clients: gRPC, and HTTP for /health, /version and /metrics' },
  { name: 'quota-backend-bytes', type: 'int', default: 0, group: member, help: 'How many bytes of keys and values are taken; beyond that deletions alone. 0: 8 GiB; less: no bound' },
  { name: 'initial-cluster', type: 'string', default: '', group: 'Clustering', help: 'Members; more than one are refused' },
  { name: 'cert-file', type: 'string', group: security, help: 'Certificate for clients that come with TLS' },
  { name: 'key-file', type: 'string', group: security, help: 'Its key' },
  { name: 'trusted-ca-file', type: 'string', group: security, help: 'Who signs the certificates of clients' },
  { name: 'client-cert-auth', type: 'bool', default: false, group: security, help: 'Only clients with a certificate are let in' },
  { name: 'listen-metrics-urls', type: 'list', default: [], group: 'Profiling and monitoring', help: 'More places for /metrics, /health, /livez and /readyz, without TLS' },
  { name: 'watch-progress-notify-interval', type: 'duration', default: 600_000, group: member, help: 'How often idle watches are told how far they are' },
  { name: 'unsafe-no-fsync', type: 'bool', default: false, group: 'Unsafe', help: 'Do not wait until writes are on disk: data may be lost with the machine' },
  ...Object.entries(accepted).flatMap(([group, [type, names]]) => names.map((name): Flag => ({ name, type, group, help: 'Taken without effect', effect: 'accepted' }))),
  ...acceptedSwitches.map((name): Flag => ({ name, type: 'bool', group: 'Other', help: 'Taken without effect', effect: 'accepted' })),
  ...Object.entries(refused).map(([name, reason]): Flag => ({ name, type: 'string', group: 'Other', help: `Refused: ${reason}`, effect: 'refused', reason })),
]
