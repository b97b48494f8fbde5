/** The Service by which pods find the cluster DNS: a fixed address in front of the servers that the node hosts run. */
import { clusterRoleBindings, clusterRoles, endpointSlices, services } from '../../api/generated/resources.ts'
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts'
import type { ClusterRole, ClusterRoleBinding } from '../../api/generated/types/rbac-v1.ts'
import type { Service } from '../../api/generated/types/core-v1.ts'
import type { Client } from '../../client/client.ts'
import type { HostsPlan } from './plan-hosts.ts'

/** The group whose members may read what the zone and the rules for policies are made of. */
export const dnsGroup = 'system:cluster-dns'

const namespace = 'kube-system'
const name = 'kube-dns'

/** Makes or updates it by server-side apply. Traffic stays on the node: each has its own server. */
export async function ensureDnsService(client: Client, plan: HostsPlan): Promise<void> {
  const labels = { 'k8s-app': name, 'kubernetes.io/name': 'CoreDNS' }
  const service: Service = {
    apiVersion: 'v1', kind: 'Service', metadata: { name, namespace, labels },
    spec: {
      clusterIP: plan.dns.address, internalTrafficPolicy: 'Local',
      ports: [{ name: 'dns', port: 53, protocol: 'UDP', targetPort: plan.dns.port }, { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: plan.dns.port }],
    },
  }
  const slice: EndpointSlice = {
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4',
    metadata: { name: `${name}-nodes`, namespace, labels: { ...labels, 'kubernetes.io/service-name': name, 'endpointslice.kubernetes.io/managed-by': 'coxswain' } },
    endpoints: plan.nodes.map((node) => ({ addresses: [node.address], nodeName: node.name, conditions: { ready: true, serving: true, terminating: false } })),
    ports: [{ name: 'dns', port: plan.dns.port, protocol: 'UDP' }, { name: 'dns-tcp', port: plan.dns.port, protocol: 'TCP' }],
  }
  const role: ClusterRole = {
    apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: dnsGroup },
    rules: [
      { apiGroups: [''], resources: ['services', 'namespaces', 'pods'], verbs: ['list', 'watch'] },
      { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: ['list', 'watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
    ],
  }
  const binding: ClusterRoleBinding = {
    apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: dnsGroup },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: dnsGroup },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: dnsGroup }],
  }
  const write = { fieldManager: 'coxswain-up', force: true }
  await client.patch(clusterRoles, { name: dnsGroup }, 'apply', role, write)
  await client.patch(clusterRoleBindings, { name: dnsGroup }, 'apply', binding, write)
  await client.patch(services, { namespace, name }, 'apply', service, write)
  await client.patch(endpointSlices, { namespace, name: slice.metadata.name! }, 'apply', slice, write)
}
