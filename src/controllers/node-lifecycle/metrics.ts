/** Metrics under upstream's names (pkg/controller/nodelifecycle/metrics.go). */
import type { NodeCondition } from '../../api/generated/types/core-v1.ts'
import type { Metrics } from '../../base/env.ts'

const prefix = 'node_collector_'
const timesFour = (first: number): number[] => Array.from({ length: 8 }, (_, at) => first * 4 ** at)

export function zoneMetrics(metrics: Metrics) {
  const health = metrics.gauge(`${prefix}zone_health`, 'Gauge measuring percentage of healthy nodes per zone.', ['zone'])
  const size = metrics.gauge(`${prefix}zone_size`, 'Gauge measuring number of registered Nodes per zones.', ['zone'])
  const unhealthy = metrics.gauge(`${prefix}unhealthy_nodes_in_zone`, 'Gauge measuring number of not Ready Nodes per zones.', ['zone'])
  const evictions = metrics.counter(`${prefix}evictions_total`, 'Number of Node evictions that happened since current instance of NodeController started.', ['zone'])
  const oneNode = metrics.histogram(`${prefix}update_node_health_duration_seconds`, 'Duration in seconds for NodeController to update the health of a single node.', timesFour(0.001))
  const allNodes = metrics.histogram(`${prefix}update_all_nodes_health_duration_seconds`, 'Duration in seconds for NodeController to update the health of all nodes.', timesFour(0.01))
  const known = new Set<string>()
  return {
    /** The Ready conditions of the nodes of each zone. */
    zones(conditions: ReadonlyMap<string, readonly (NodeCondition | undefined)[]>): void {
      for (const zone of conditions.keys()) {
        if (!known.has(zone)) evictions.inc({ zone }, 0)
        known.add(zone)
      }
      for (const zone of known) {
        const all = conditions.get(zone) ?? []
        const bad = all.filter((condition) => condition?.status !== 'True').length
        size.set(all.length, { zone })
        health.set(all.length === 0 ? 100 : 100 * (all.length - bad) / all.length, { zone })
        unhealthy.set(bad, { zone })
      }
    },
    lookedAtNode: (seconds: number) => oneNode.observe(seconds),
    lookedAtAll: (seconds: number) => allNodes.observe(seconds),
    evicted: (zone: string) => evictions.inc({ zone }),
  }
}
