/** Which routes a cloud lacks and which it has too many (upstream: cloud-provider/controllers/route). Pure. */
import { isDeepStrictEqual } from 'node:util'
import type { Node, NodeAddress, NodeCondition } from '../../api/generated/types/core-v1.ts'
import { type CIDR, cidrContains, cidrSize, parseCIDR } from '../../api/meta/ip.ts'
import type { Route } from '../provider.ts'

export interface RoutePlan {
  readonly remove: readonly Route[]
  readonly add: readonly { readonly node: Node; readonly route: Route }[]
  /** The routes that are to be made wait until those that go are gone: the cloud tells them apart by their addresses. */
  readonly removeFirst: boolean
}

/** What is to be done; routes outside of the cluster's ranges are not looked at. */
export function planRoutes(nodes: readonly Node[], routes: readonly Route[], clusterCIDRs: readonly CIDR[]): RoutePlan {
  const kept = new Set<Route>()
  const add: RoutePlan['add'][number][] = []
  for (const node of nodes) {
    for (const destinationCIDR of node.spec?.podCIDRs ?? []) {
      const addresses = node.status?.addresses ?? []
      const present = routes.filter((route) => route.targetNode === node.metadata.name && route.destinationCIDR === destinationCIDR && route.blackhole !== true)
      const right = present.filter((route) => route.hasNodeAddresses !== true || sameAddresses(route.targetNodeAddresses ?? [], addresses))
      if (right.length === 0) add.push({ node, route: { targetNode: node.metadata.name!, targetNodeAddresses: addresses, destinationCIDR } })
      for (const route of right) kept.add(route)
    }
  }
  const remove = routes.filter((route) => !kept.has(route) && isOurs(route, clusterCIDRs))
  return { remove, add, removeFirst: routes[0]?.hasNodeAddresses === true }
}

function isOurs({ destinationCIDR }: Route, clusterCIDRs: readonly CIDR[]): boolean {
  const cidr = parseCIDR(destinationCIDR)
  if (cidr === undefined) return false
  const last = { family: cidr.family, value: cidr.base + cidrSize(cidr) - 1n }
  return clusterCIDRs.some((cluster) => cidrContains(cluster, { family: cidr.family, value: cidr.base }) || cidrContains(cluster, last))
}

function sameAddresses(a: readonly NodeAddress[], b: readonly NodeAddress[]): boolean {
  return a.length === b.length && a.every((one) => b.some((other) => isDeepStrictEqual(one, other)))
}

/** The node's NetworkUnavailable as it should be; undefined: it is so already. `now` is RFC 3339. */
export function networkCondition(node: Node, isRouted: boolean, now: string): NodeCondition | undefined {
  const wanted = isRouted
    ? { status: 'False', reason: 'RouteCreated', message: 'RouteController created a route' }
    : { status: 'True', reason: 'NoRouteCreated', message: 'RouteController failed to create a route' }
  const present = node.status?.conditions?.find(({ type }) => type === 'NetworkUnavailable')
  if (present?.status === wanted.status && present.reason === wanted.reason) return undefined
  return { type: 'NetworkUnavailable', ...wanted, lastHeartbeatTime: now, lastTransitionTime: now }
}
