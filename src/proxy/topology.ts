/** Which endpoints a node sends a Service's traffic to (upstream: pkg/proxy/topology.go). Pure. */
import { hostPort } from './addresses.ts'
import { type EndpointInfo, type PortInfo, usesClusterEndpoints, usesLocalEndpoints } from './service-map.ts'

export interface NodeTopology {
  readonly nodeName: string
  readonly zone?: string
}

export interface Categorized {
  /** For traffic policy Cluster. */
  readonly cluster: readonly EndpointInfo[]
  /** For traffic policy Local. */
  readonly local: readonly EndpointInfo[]
  /** Either of them, each once. */
  readonly reachable: readonly EndpointInfo[]
  /** Whether there is one anywhere, on this node or not. */
  readonly any: boolean
}

/** Ready endpoints; where there are none, those that still serve while they end - for each policy on its own. */
export function categorize(info: PortInfo, endpoints: readonly EndpointInfo[], node: NodeTopology): Categorized {
  const withCluster = usesClusterEndpoints(info)
  const hint = withCluster ? hintMode(endpoints, node) : undefined
  const cluster = withCluster ? orServing(endpoints, (endpoint) => isHinted(endpoint, hint, node)) : []
  if (!usesLocalEndpoints(info)) return { cluster, local: [], reachable: cluster, any: cluster.length > 0 }
  const local = orServing(endpoints.filter(({ isLocal }) => isLocal), () => true)
  const any = endpoints.some((endpoint) => endpoint.ready || isServingTerminating(endpoint))
  if (!withCluster) return { cluster, local, reachable: local, any }
  const merged = new Map([...cluster, ...local].map((endpoint) => [hostPort(endpoint.ip, endpoint.port), endpoint]))
  const reachable = [...merged].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint)
  return { cluster, local, reachable, any }
}

function orServing(endpoints: readonly EndpointInfo[], wanted: (endpoint: EndpointInfo) => boolean): readonly EndpointInfo[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready && wanted(endpoint))
  return ready.length > 0 ? ready : endpoints.filter(isServingTerminating)
}

function isServingTerminating({ serving, terminating, ready }: EndpointInfo): boolean {
  return !ready && serving && terminating
}

type HintMode = 'PreferSameNode' | 'PreferSameZone' | undefined

/** Hints count when every ready endpoint has them and one is meant for here. */
function hintMode(endpoints: readonly EndpointInfo[], node: NodeTopology): HintMode {
  const ready = endpoints.filter((endpoint) => endpoint.ready)
  if (ready.length === 0) return undefined
  if (ready.every(({ nodeHints }) => nodeHints.length > 0) && ready.some(({ nodeHints }) => nodeHints.includes(node.nodeName))) return 'PreferSameNode'
  const { zone } = node
  if (zone !== undefined && ready.every(({ zoneHints }) => zoneHints.length > 0) && ready.some(({ zoneHints }) => zoneHints.includes(zone))) return 'PreferSameZone'
  return undefined
}

function isHinted(endpoint: EndpointInfo, mode: HintMode, node: NodeTopology): boolean {
  if (mode === 'PreferSameNode') return endpoint.nodeHints.includes(node.nodeName)
  return mode !== 'PreferSameZone' || endpoint.zoneHints.includes(node.zone!)
}
