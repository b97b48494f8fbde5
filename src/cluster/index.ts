/** What a test or a tool imports: `import { startCluster } from 'coxswain'`. */
export { type Cluster, type ClusterOptions, startCluster } from './start-cluster.ts'
export type { Client } from '../client/client.ts'
export type { HollowNodeSpec } from '../sim/nodes/node-object.ts'
