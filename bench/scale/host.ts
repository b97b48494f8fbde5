/**
 * A cluster of simulated nodes in one process for bench/scale.ts, durable and served over HTTPS: `host.js NODES FOLDER`
 * prints its kubeconfig as one line of JSON when it is ready.
 */
import { createLogger, createSystemEnv } from '../../src/base/real/env.ts'
import { startCluster } from '../../src/cluster/index.ts'

const [nodes = '10', dataDir = ''] = process.argv.slice(2)
const cluster = await startCluster({ nodes: Number(nodes), dataDir, listen: true, env: createSystemEnv({ log: createLogger({ level: 'error', name: 'cluster' }) }) })
process.stdout.write(JSON.stringify({ url: cluster.url, kubeconfig: cluster.kubeconfig() }) + '\n')
process.once('SIGTERM', () => void cluster.stop().then(() => process.exit(0)))
