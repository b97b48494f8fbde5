/**
 * UDP has no connection to break: a sender keeps the endpoint that it got first until the kernel forgets the pair.
 * Finds the tracked flows to Services whose endpoint no longer serves (upstream: pkg/proxy/conntrack/cleanup.go). Pure.
 */
import { hostPort } from '../addresses.ts'
import type { TrackedFlow } from '../packet-filter.ts'
import type { ServiceView } from '../tracker.ts'

/** The flows to be deleted. Services without serving endpoints are left alone, as upstream leaves them. */
export function staleFlows(flows: readonly TrackedFlow[], services: Iterable<ServiceView>): TrackedFlow[] {
  const byAddress = new Map<string, ReadonlySet<string>>()
  const byNodePort = new Map<number, ReadonlySet<string>>()
  for (const { info, endpoints } of services) {
    if (info.protocol !== 'UDP') continue
    const serving = new Set(endpoints.filter((endpoint) => endpoint.serving).map(({ ip, port }) => hostPort(ip, port)))
    if (serving.size === 0) continue
    for (const ip of [info.clusterIP, ...info.loadBalancerIPs, ...info.externalIPs]) byAddress.set(hostPort(ip, info.port), serving)
    if (info.nodePort !== 0) byNodePort.set(info.nodePort, serving)
  }
  if (byAddress.size + byNodePort.size === 0) return []
  return flows.filter((flow) => {
    const answering = hostPort(flow.replySource, flow.replyPort)
    const byIP = byAddress.get(hostPort(flow.destination, flow.destinationPort))
    if (byIP !== undefined && !byIP.has(answering)) return true
    const byPort = byNodePort.get(flow.destinationPort)
    return byPort !== undefined && !byPort.has(answering)
  })
}
