/** The proxy's metrics under upstream's names (pkg/proxy/metrics). */
import type { Counter, Gauge, Histogram, Metrics } from '../base/env.ts'
import type { Family } from './addresses.ts'

const doubling = Array.from({ length: 15 }, (_, i) => 0.001 * 2 ** i)
const programming = [
  0.25, 0.5, ...Array.from({ length: 59 }, (_, i) => 1 + i), ...Array.from({ length: 12 }, (_, i) => 60 + 5 * i), ...Array.from({ length: 7 }, (_, i) => 120 + 30 * i),
]

export interface ProxyMetrics {
  readonly sync: Histogram
  readonly fullSync: Histogram
  readonly partialSync: Histogram
  readonly programming: Histogram
  readonly lastSync: Gauge
  readonly lastQueued: Gauge
  readonly endpointChanges: Counter
  readonly serviceChanges: Counter
  readonly endpointsPending: Gauge
  readonly servicesPending: Gauge
  readonly syncFailures: Counter
  /** Mode nftables: removals of chains without use. */
  readonly cleanupFailures?: Counter
  /** Mode iptables: syncs of changes. */
  readonly partialFailures?: Counter
  readonly noLocalEndpoints: Gauge
  readonly conntrack: Histogram
  readonly conntrackDeleted: Counter
  readonly labels: { readonly ip_family: Family }
}

/** Answers of the health server, by code. */
export function healthMetrics(metrics: Metrics): { healthz: Counter; livez: Counter } {
  return {
    healthz: metrics.counter('kubeproxy_proxy_healthz_total', 'Answers of /healthz', ['code']),
    livez: metrics.counter('kubeproxy_proxy_livez_total', 'Answers of /livez', ['code']),
  }
}

export function proxyMetrics(metrics: Metrics, family: Family, mode: 'nftables' | 'iptables'): ProxyMetrics {
  const name = (text: string) => `kubeproxy_${text}`
  const byFamily = ['ip_family']
  return {
    sync: metrics.histogram(name('sync_proxy_rules_duration_seconds'), 'Seconds that a sync took', doubling, byFamily),
    fullSync: metrics.histogram(name('sync_full_proxy_rules_duration_seconds'), 'Seconds that a full sync took', doubling, byFamily),
    partialSync: metrics.histogram(name('sync_partial_proxy_rules_duration_seconds'), 'Seconds that a sync of changes took', doubling, byFamily),
    programming: metrics.histogram(name('network_programming_duration_seconds'), 'Seconds from a change of endpoints to its rules', programming, byFamily),
    lastSync: metrics.gauge(name('sync_proxy_rules_last_timestamp_seconds'), 'When rules were last written', byFamily),
    lastQueued: metrics.gauge(name('sync_proxy_rules_last_queued_timestamp_seconds'), 'When a sync was last asked for', byFamily),
    endpointChanges: metrics.counter(name('sync_proxy_rules_endpoint_changes_total'), 'Changes of endpoints'),
    serviceChanges: metrics.counter(name('sync_proxy_rules_service_changes_total'), 'Changes of Services'),
    endpointsPending: metrics.gauge(name('sync_proxy_rules_endpoint_changes_pending'), 'Changes of endpoints not yet written'),
    servicesPending: metrics.gauge(name('sync_proxy_rules_service_changes_pending'), 'Changes of Services not yet written'),
    syncFailures: metrics.counter(name(mode === 'nftables' ? 'sync_proxy_rules_nftables_sync_failures_total' : 'sync_proxy_rules_iptables_restore_failures_total'), 'Syncs that failed', byFamily),
    ...(mode === 'nftables'
      ? { cleanupFailures: metrics.counter(name('sync_proxy_rules_nftables_cleanup_failures_total'), 'Removals of unused chains that failed', byFamily) }
      : { partialFailures: metrics.counter(name('sync_proxy_rules_iptables_partial_restore_failures_total'), 'Syncs of changes that failed', byFamily) }),
    noLocalEndpoints: metrics.gauge(name('sync_proxy_rules_no_local_endpoints_total'), 'Services with a Local policy and no endpoint here', ['traffic_policy', 'ip_family']),
    conntrack: metrics.histogram(name('conntrack_reconciler_sync_duration_seconds'), 'Seconds that cleaning tracked flows took', doubling, byFamily),
    conntrackDeleted: metrics.counter(name('conntrack_reconciler_deleted_entries_total'), 'Tracked flows deleted', byFamily),
    labels: { ip_family: family },
  }
}

/** How many rules each table of mode iptables has, and how many the last sync wrote. */
export function iptablesMetrics(metrics: Metrics, family: Family): (table: 'filter' | 'nat', rules: number, written: number) => void {
  const names = ['table', 'ip_family']
  const total = metrics.gauge('kubeproxy_sync_proxy_rules_iptables_total', 'Rules that the proxy owns', names)
  const last = metrics.gauge('kubeproxy_sync_proxy_rules_iptables_last', 'Rules written by the last sync', names)
  return (table, rules, written) => {
    total.set(rules, { table, ip_family: family })
    last.set(written, { table, ip_family: family })
  }
}
