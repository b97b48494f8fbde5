/** kube-apiserver's flags as data. */
import type { Flag } from '../command.ts'
import { auditFlags } from './audit.ts'

const accepted = (name: string, type: Flag['type'], help: string, reason?: string): Flag => ({
  name, type, help, effect: 'accepted', ...(reason === undefined ? {} : { reason }),
})

export const apiserverFlags: readonly Flag[] = [
  { name: 'data-dir', type: 'string', help: 'Folder of the embedded store; without it and --etcd-servers nothing outlives the process', group: 'Storage' },
  { name: 'etcd-servers', type: 'list', help: 'etcd to keep everything in (scheme://host:port)', group: 'Storage' },
  { name: 'etcd-cafile', type: 'string', help: 'CA of the etcd servers', group: 'Storage' },
  { name: 'etcd-certfile', type: 'string', help: 'Client certificate for etcd', group: 'Storage' },
  { name: 'etcd-keyfile', type: 'string', help: 'Key of the client certificate for etcd', group: 'Storage' },
  { name: 'encryption-provider-config', type: 'string', help: 'EncryptionConfiguration: which resources lie encrypted, by which keys', group: 'Storage' },
  { name: 'encryption-provider-config-automatic-reload', type: 'bool', help: 'Whether that file is read again when it changes', group: 'Storage' },
  { name: 'etcd-prefix', type: 'string', default: '/registry', help: 'Prefix of all keys in etcd', group: 'Storage' },

  { name: 'bind-address', type: 'string', default: '0.0.0.0', help: 'Address to listen on', group: 'Serving' },
  { name: 'secure-port', type: 'int', default: 6443, help: 'Port to listen on; 0 takes any free one', group: 'Serving' },
  { name: 'advertise-address', type: 'string', help: 'Address at which others reach this server', group: 'Serving' },
  { name: 'cert-dir', type: 'string', default: '/var/run/kubernetes', help: 'Folder for certificates and keys that are made because they were not given', group: 'Serving' },
  { name: 'tls-cert-file', type: 'string', help: 'The server\'s certificate', group: 'Serving' },
  { name: 'tls-private-key-file', type: 'string', help: 'The key of the server\'s certificate', group: 'Serving' },
  { name: 'request-timeout', type: 'duration', default: 60_000, help: 'Longest time for a request that is no watch or stream', group: 'Serving' },
  { name: 'min-request-timeout', type: 'int', default: 1800, help: 'Seconds that a watch lives at least', group: 'Serving' },
  { name: 'max-requests-inflight', type: 'int', default: 400, help: 'Reading requests at a time; 0 for no limit', group: 'Serving' },
  { name: 'max-mutating-requests-inflight', type: 'int', default: 200, help: 'Writing requests at a time; 0 for no limit', group: 'Serving' },
  { name: 'enable-priority-and-fairness', type: 'bool', default: true, help: 'Whether flow schemas and priority levels share out those requests', group: 'Serving' },
  { name: 'kubeconfig-out', type: 'string', help: 'Where a kubeconfig of the administrator is written; default admin.kubeconfig in --cert-dir', group: 'Serving' },

  { name: 'client-ca-file', type: 'string', help: 'CAs of client certificates', group: 'Authentication' },
  { name: 'anonymous-auth', type: 'bool', default: true, help: 'Whether requests without credentials are let in as system:anonymous', group: 'Authentication' },
  { name: 'token-auth-file', type: 'string', help: 'CSV of token,user,uid,"groups"', group: 'Authentication' },
  { name: 'enable-bootstrap-token-auth', type: 'bool', help: 'Whether bootstrap tokens in kube-system are good', group: 'Authentication' },
  { name: 'requestheader-client-ca-file', type: 'string', help: 'CAs of front proxies', group: 'Authentication' },
  { name: 'requestheader-allowed-names', type: 'list', help: 'Common names that front proxies may have', group: 'Authentication' },
  { name: 'requestheader-username-headers', type: 'list', help: 'Headers with the user', group: 'Authentication' },
  { name: 'requestheader-uid-headers', type: 'list', help: 'Headers with the UID', group: 'Authentication' },
  { name: 'requestheader-group-headers', type: 'list', help: 'Headers with groups', group: 'Authentication' },
  { name: 'requestheader-extra-headers-prefix', type: 'list', help: 'Prefixes of headers with extra values', group: 'Authentication' },
  { name: 'service-account-issuer', type: 'list', help: 'Issuer of service account tokens; tokens of further ones are good too', group: 'Authentication' },
  { name: 'service-account-key-file', type: 'list', help: 'Keys that service account tokens may be signed with', group: 'Authentication' },
  { name: 'service-account-signing-key-file', type: 'string', help: 'Key that signs service account tokens', group: 'Authentication' },
  { name: 'service-account-max-token-expiration', type: 'duration', help: 'Longest life of a token', group: 'Authentication' },
  { name: 'service-account-extend-token-expiration', type: 'bool', default: true, help: 'Whether the tokens of pods live on for a year', group: 'Authentication' },
  { name: 'service-account-jwks-uri', type: 'string', help: 'Where the issuer\'s keys are said to be', group: 'Authentication' },
  { name: 'api-audiences', type: 'list', help: 'Audiences that mean this server; default: the issuer', group: 'Authentication' },

  { name: 'authorization-mode', type: 'list', help: 'Node, RBAC, AlwaysAllow, AlwaysDeny, in the order in which they are asked (default Node,RBAC)', group: 'Authorization' },

  { name: 'service-cluster-ip-range', type: 'list', help: 'Ranges of cluster IPs (default 10.96.0.0/12)', group: 'Service' },
  { name: 'service-node-port-range', type: 'string', default: '30000-32767', help: 'Range of node ports', group: 'Service' },
  { name: 'kubelet-client-certificate', type: 'string', help: 'Certificate to show to kubelets', group: 'Kubelet' },
  { name: 'kubelet-client-key', type: 'string', help: 'Key of that certificate', group: 'Kubelet' },
  { name: 'kubelet-certificate-authority', type: 'string', help: 'CA of kubelets; without it they are believed', group: 'Kubelet' },
  { name: 'kubelet-preferred-address-types', type: 'list', help: 'Which of a node\'s addresses to use, best first', group: 'Kubelet' },
  { name: 'proxy-client-cert-file', type: 'string', help: 'Certificate to show to aggregated servers', group: 'Aggregation' },
  { name: 'proxy-client-key-file', type: 'string', help: 'Key of that certificate', group: 'Aggregation' },
  { name: 'runtime-config', type: 'map', help: 'API versions to switch on or off: api/all=true, group/version=true', group: 'API' },
  { name: 'feature-gates', type: 'map', help: 'Features to switch on or off', group: 'API' },
  { name: 'enable-admission-plugins', type: 'list', help: 'Admission plugins besides the usual ones', group: 'Admission' },
  { name: 'disable-admission-plugins', type: 'list', help: 'Usual admission plugins to leave out', group: 'Admission' },
  { name: 'admission-control-config-file', type: 'string', help: 'AdmissionConfiguration: what plugins are told', group: 'Admission' },
  { name: 'log-level', type: 'string', default: 'info', help: 'debug, info, warn or error', group: 'Logs' },

  ...auditFlags,

  accepted('allow-privileged', 'bool', 'Privileged containers are always allowed'),
  accepted('apiserver-count', 'int', 'Number of API servers'),
  accepted('enable-aggregator-routing', 'bool', 'Requests to aggregated servers always go to an endpoint'),
  accepted('profiling', 'bool', 'Profiling is done with node --inspect'),
  accepted('storage-backend', 'string', 'etcd3'),
  accepted('storage-media-type', 'string', 'Format of stored objects'),
  accepted('tls-cipher-suites', 'list', 'Cipher suites are those of Node', 'Node\'s own defaults are used'),
  accepted('tls-min-version', 'string', 'TLS 1.2 at least'),
  { name: 'v', short: 'v', type: 'int', help: 'Verbosity', effect: 'accepted' },
  { name: 'insecure-port', type: 'int', help: 'There is no insecure port', effect: 'refused', reason: 'there is no insecure port' },
]
