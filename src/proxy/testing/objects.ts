/** Services and slices for tests, in few words. */
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts'
import type { Service, ServiceSpec, ServicePort } from '../../api/generated/types/core-v1.ts'
import { type RuleOptions, renderPort } from '../rules.ts'
import type { Rules } from '../ruleset.ts'
import type { ServiceTracker } from '../tracker.ts'

/** What changed since the last call, as parts of a table. */
export function renderChanges(tracker: ServiceTracker, options: RuleOptions): Map<string, Rules | undefined> {
  return new Map([...tracker.takeChanges().changed].map(([owner, state]) => [owner, state === undefined ? undefined : renderPort(state.info, state.endpoints, options)]))
}

export function service(name: string, clusterIP: string, ports: ServicePort[], more: Partial<ServiceSpec> & { ingress?: string[] } = {}): Service {
  const { ingress, ...spec } = more
  return {
    apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'ns', name, uid: `uid-${name}` },
    spec: { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP], ports, sessionAffinity: 'None', ...spec },
    status: ingress === undefined ? {} : { loadBalancer: { ingress: ingress.map((ip) => ({ ip })) } },
  }
}

export interface End {
  ip: string
  node?: string
  ready?: boolean
  serving?: boolean
  terminating?: boolean
  hostname?: string
  zones?: string[]
  nodes?: string[]
}

export function slice(serviceName: string, ports: { name?: string; port: number; protocol?: string }[], ends: End[], more: { name?: string } = {}): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: ends[0]?.ip.includes(':') === true ? 'IPv6' : 'IPv4',
    metadata: { namespace: 'ns', name: more.name ?? `${serviceName}-abcde`, labels: { 'kubernetes.io/service-name': serviceName } },
    ports: ports.map(({ name = '', port, protocol = 'TCP' }) => ({ name, port, protocol })),
    endpoints: ends.map(({ ip, node, ready, serving, terminating, hostname, zones, nodes }) => ({
      addresses: [ip], ...(node === undefined ? {} : { nodeName: node }), ...(hostname === undefined ? {} : { hostname }),
      conditions: { ready: ready ?? true, serving: serving ?? ready ?? true, terminating: terminating ?? false },
      ...(zones === undefined && nodes === undefined ? {} : { hints: {
        ...(zones === undefined ? {} : { forZones: zones.map((name) => ({ name })) }), ...(nodes === undefined ? {} : { forNodes: nodes.map((name) => ({ name })) }),
      } }),
    })),
  }
}
