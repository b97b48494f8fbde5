/** Flags of every component that serves health and metrics over HTTPS (upstream: apiserver/pkg/server/options, component-base). */
import type { Flag } from '../command.ts'

const accepted = (name: string, type: Flag['type'], help: string, reason: string, group: string, fallback?: Flag['default']): Flag =>
  ({ name, type, help, effect: 'accepted', reason, group, ...(fallback === undefined ? {} : { default: fallback }) })

/** `port`: the component's own; 0: nothing is served. */
export function servingFlags(port: number): readonly Flag[] {
  const group = 'Secure serving'
  const authn = 'Authentication'
  const authz = 'Authorization'
  return [
    { name: 'bind-address', type: 'string', default: '0.0.0.0', group, help: 'Address to listen on' },
    { name: 'secure-port', type: 'int', default: port, group, help: 'Port to listen on; 0 serves nothing' },
    { name: 'cert-dir', type: 'string', default: '', group, help: 'Folder of the certificate that is made when none is given; without it nothing is kept' },
    { name: 'tls-cert-file', type: 'string', group, help: 'The server\'s certificate' },
    { name: 'tls-private-key-file', type: 'string', group, help: 'The key of the server\'s certificate' },
    { name: 'tls-min-version', type: 'string', group, help: 'VersionTLS12 or VersionTLS13' },
    { name: 'tls-cipher-suites', type: 'list', group, help: 'Names of cipher suites, as Go and IANA call them' },
    accepted('tls-curve-preferences', 'list', 'Curves of the key exchange', 'the TLS library chooses', group),
    { name: 'tls-sni-cert-key', type: 'list', group, help: 'Further certificates by name', effect: 'refused', reason: 'one certificate with all names serves every client' },
    accepted('disable-http2-serving', 'bool', 'No HTTP/2', 'health and metrics are served over HTTP/1.1', group),
    accepted('http2-max-streams-per-connection', 'int', 'Streams of a connection', 'health and metrics are served over HTTP/1.1', group),
    accepted('permit-address-sharing', 'bool', 'SO_REUSEADDR', 'it is always set', group),
    accepted('permit-port-sharing', 'bool', 'SO_REUSEPORT', 'one process listens', group),
    { name: 'authentication-kubeconfig', type: 'string', group: authn, help: 'Who asks the API server about tokens; without it nobody is asked' },
    accepted('authentication-skip-lookup', 'bool', 'Asks the cluster for no authorities', 'authorities come from --client-ca-file', authn),
    { name: 'authentication-token-webhook-cache-ttl', type: 'duration', default: 10_000, group: authn, help: 'How long an answer about a token holds' },
    accepted('authentication-tolerate-lookup-failure', 'bool', 'Starts without the cluster\'s authorities', 'authorities come from --client-ca-file', authn),
    { name: 'client-ca-file', type: 'string', group: authn, help: 'CAs of client certificates' },
    accepted('requestheader-allowed-names', 'list', 'Names of front proxies', 'nothing is served through front proxies', authn),
    accepted('requestheader-client-ca-file', 'string', 'CA of front proxies', 'nothing is served through front proxies', authn),
    accepted('requestheader-extra-headers-prefix', 'list', 'Headers of front proxies', 'nothing is served through front proxies', authn),
    accepted('requestheader-group-headers', 'list', 'Headers of front proxies', 'nothing is served through front proxies', authn),
    accepted('requestheader-uid-headers', 'list', 'Headers of front proxies', 'nothing is served through front proxies', authn),
    accepted('requestheader-username-headers', 'list', 'Headers of front proxies', 'nothing is served through front proxies', authn),
    { name: 'authorization-always-allow-paths', type: 'list', default: ['/healthz', '/readyz', '/livez'], group: authz, help: 'Paths that anybody may read' },
    { name: 'authorization-kubeconfig', type: 'string', group: authz, help: 'Who asks the API server whether a caller may; without it only administrators may' },
    { name: 'authorization-webhook-cache-authorized-ttl', type: 'duration', default: 10_000, group: authz, help: 'How long a yes holds' },
    { name: 'authorization-webhook-cache-unauthorized-ttl', type: 'duration', default: 10_000, group: authz, help: 'How long a no holds' },
  ]
}

/** Logs, metrics and versions: the same for all. -v is among the client's flags. */
export const commonFlags: readonly Flag[] = [
  accepted('profiling', 'bool', 'Profiles at /debug/pprof', 'node --cpu-prof and --inspect do that', 'Debugging', true),
  accepted('contention-profiling', 'bool', 'Profiles of locks', 'there are no locks', 'Debugging'),
  accepted('allow-metric-labels', 'map', 'Values that labels may have', 'labels are bounded by what the cluster holds', 'Metrics'),
  accepted('allow-metric-labels-manifest', 'string', 'The same in a file', 'labels are bounded by what the cluster holds', 'Metrics'),
  { name: 'disabled-metrics', type: 'list', help: 'Metrics that are not shown', group: 'Metrics' },
  accepted('show-hidden-metrics-for-version', 'string', 'Shows metrics of old', 'none are hidden', 'Metrics'),
  accepted('log-flush-frequency', 'duration', 'How often logs are written', 'they are written at once', 'Logs', 5000),
  accepted('log-json-info-buffer-size', 'string', 'Buffer of logs', 'they are written at once', 'Logs'),
  accepted('log-json-split-stream', 'bool', 'Errors and information apart', 'all goes to standard error', 'Logs'),
  accepted('log-text-info-buffer-size', 'string', 'Buffer of logs', 'they are written at once', 'Logs'),
  accepted('log-text-split-stream', 'bool', 'Errors and information apart', 'all goes to standard error', 'Logs'),
  accepted('logging-format', 'string', 'json or text', 'lines are always JSON', 'Logs', 'text'),
  accepted('vmodule', 'string', 'Levels by file', 'levels hold for all', 'Logs'),
  accepted('emulated-version', 'list', 'Version to behave like', 'only v1.36 is known', 'Generic'),
  accepted('min-compatibility-version', 'list', 'Oldest version of the others', 'only v1.36 is known', 'Generic'),
]
