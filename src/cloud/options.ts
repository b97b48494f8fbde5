import type { ManagerOptions } from '../client/manager.ts'
import type { CloudProvider } from './provider.ts'

/** What the cloud controllers are told; upstream's flag of the same meaning is named beside each. */
export interface CloudControllerManagerOptions extends ManagerOptions {
  /** --cloud-provider and --cloud-config. */
  readonly cloud: CloudProvider
  /** --cluster-name. Default "kubernetes". */
  readonly clusterName?: string
  /** --cluster-cidr: routes outside of it are left alone. */
  readonly clusterCIDRs?: readonly string[]
  /** --configure-cloud-routes. Default true. */
  readonly configureRoutes?: boolean
  /** --route-reconciliation-period. Default 10 s. */
  readonly routePeriodMs?: number
  /** --node-monitor-period. Default 5 s. */
  readonly nodeMonitorPeriodMs?: number
  /** --node-status-update-frequency. Default 5 min. */
  readonly nodeStatusPeriodMs?: number
  /** --concurrent-node-status-updates. Default 1. */
  readonly nodeStatusWorkers?: number
  /** --feature-gates that differ from the defaults. */
  readonly featureGates?: Readonly<Record<string, boolean>>
}

/** --cluster-name's default. */
export const defaultClusterName = 'kubernetes'
