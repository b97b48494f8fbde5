/** cloud-controller-manager's flags as data, in upstream's groups. */
import type { Flag } from '../command.ts'

const accepted = (name: string, type: Flag['type'], help: string, reason: string, more: Pick<Flag, 'default' | 'group'> = {}): Flag =>
  ({ name, type, help, effect: 'accepted', reason, ...more })
const refused = (name: string, type: Flag['type'], help: string, reason: string, more: Pick<Flag, 'default' | 'group'> = {}): Flag =>
  ({ name, type, help, effect: 'refused', reason, ...more })

const ipam = { group: 'Node-ipam-controller' }
const nodeController = { group: 'Cloud-node-controller' }
const held = 'the server\'s priority and fairness hold clients back'
const noWebhooks = 'no webhook of a cloud comes with this program'

export const cloudControllerManagerFlags: readonly Flag[] = [
  { name: 'cloud-provider', type: 'string', default: '', help: 'local (the machine at hand) or external-grpc (a program that speaks cloud_provider.proto)' },
  { name: 'cloud-config', type: 'string', default: '', help: 'Configuration of the cloud: for local a LocalCloudConfiguration, for external-grpc an ExternalCloudConfiguration' },
  { name: 'controllers', type: 'list', default: ['*'], help: 'Names, * for all that are on by default, -name to leave one out' },
  { name: 'cluster-name', type: 'string', default: 'kubernetes', help: 'Name of the cluster, for the cloud' },
  { name: 'cluster-cidr', type: 'list', default: [], help: 'Range of pod addresses; routes outside of it are left alone' },
  { name: 'configure-cloud-routes', type: 'bool', default: true, help: 'Whether the cloud is told the ways to nodes\' pods' },
  { name: 'route-reconciliation-period', type: 'duration', default: 10_000, help: 'How often routes are looked at' },
  { name: 'node-monitor-period', type: 'duration', default: 5000, help: 'How often nodes that are not ready are compared with their machines' },
  { name: 'node-status-update-frequency', type: 'duration', default: 300_000, help: 'How often the cloud is asked for nodes\' addresses', group: 'Misc' },
  { name: 'feature-gates', type: 'map', shown: 'gates', help: 'Features to switch on or off' },
  { name: 'use-service-account-credentials', type: 'bool', default: false, help: 'Every controller acts as its own service account of kube-system' },
  { name: 'controller-start-interval', type: 'duration', default: 0, help: 'Time between the starts of two controllers' },
  { name: 'allocate-node-cidrs', type: 'bool', default: false, help: 'Gives every node a part of the cluster CIDR' },
  { name: 'cidr-allocator-type', type: 'string', default: 'RangeAllocator', help: 'RangeAllocator; clouds have others' },
  accepted('kube-api-qps', 'float', 'Requests a second', held, { default: 20 }),
  accepted('kube-api-burst', 'int', 'Requests at once', held, { default: 30 }),
  accepted('kube-api-content-type', 'string', 'Encoding of requests', 'requests are JSON', { default: 'application/vnd.kubernetes.protobuf' }),
  accepted('min-resync-period', 'duration', 'How often all objects are looked at again', 'a look that is due is asked for by the controller itself', { default: 43_200_000 }),
  accepted('external-cloud-volume-plugin', 'string', 'Volume plugin of the cloud', 'volumes of clouds come from CSI drivers'),
  refused('enable-leader-migration', 'bool', 'Moves controllers between managers', 'both managers are leaders of their own here', { default: false, group: 'Leader-migration' }),
  refused('leader-migration-config', 'string', 'How they are moved', 'both managers are leaders of their own here', { group: 'Leader-migration' }),

  { name: 'concurrent-node-syncs', type: 'int', default: 1, help: 'Nodes that are initialized at a time', ...nodeController },
  { name: 'concurrent-node-status-updates', type: 'int', default: 0, help: 'Nodes whose addresses are asked for at a time; 0: as many as are initialized', ...nodeController },
  { name: 'concurrent-service-syncs', type: 'int', default: 1, help: 'Load balancers at a time', group: 'Service-lb-controller' },
  { name: 'node-cidr-mask-size', type: 'int', default: 0, help: 'Size of a node\'s range; default 24 for IPv4, 64 for IPv6', ...ipam },
  { name: 'node-cidr-mask-size-ipv4', type: 'int', default: 0, help: 'Size of a node\'s IPv4 range in clusters of both families; default 24', ...ipam },
  { name: 'node-cidr-mask-size-ipv6', type: 'int', default: 0, help: 'Size of a node\'s IPv6 range in clusters of both families; default 64', ...ipam },
  { name: 'service-cluster-ip-range', type: 'list', shown: 'plain', default: [], help: 'Range of service addresses, kept out of the pod ranges', ...ipam },

  refused('webhooks', 'list', 'Webhooks to serve', noWebhooks, { group: 'Webhook' }),
  ...(['bind-address', 'cert-dir', 'tls-cert-file', 'tls-min-version', 'tls-private-key-file'] as const)
    .map((name) => accepted(`webhook-${name}`, 'string', 'Serving of webhooks', noWebhooks, { group: 'Webhook serving' })),
  ...(['tls-cipher-suites', 'tls-curve-preferences', 'tls-sni-cert-key'] as const)
    .map((name) => accepted(`webhook-${name}`, 'list', 'Serving of webhooks', noWebhooks, { group: 'Webhook serving' })),
  accepted('webhook-disable-http2-serving', 'bool', 'Serving of webhooks', noWebhooks, { group: 'Webhook serving' }),
  accepted('webhook-secure-port', 'int', 'Serving of webhooks', noWebhooks, { default: 10260, group: 'Webhook serving' }),
]
