/** What a test or a tool imports: `import { startCluster } from 'coxswain'`. */
export { startCluster } from './start-cluster.ts'
export type { Cluster, ForkOptions, Snapshot, StoreWrite } from './cluster.ts'
export type { ClusterOptions } from './options.ts'
export type { Client } from '../client/client.ts'
export type { VirtualClock } from '../base/virtual/clock.ts'
export type { HollowNodeSpec } from '../sim/nodes/node-object.ts'
export type { Difference } from './diff.ts'
export { type WhyStep, renderWhy } from './why.ts'
