/** Thirty days of ten nodes in virtual time: cron jobs, rollouts, nodes that fall silent; and a hash over all writes. */
import { createHash } from 'node:crypto'
import { cronJobs, deployments } from '../../src/api/generated/resources.ts'
import { createLogger } from '../../src/base/real/env.ts'
import { createVirtualEnv } from '../../src/base/real/virtual.ts'
import type { startCluster as StartCluster } from '../../src/cluster/index.ts'
import { cronJob, deployment } from './objects.ts'

const days = 30
const apps = [['web', 20], ['api', 12], ['queue', 6]] as const

export async function runMonth(startCluster: typeof StartCluster, seed: number): Promise<Record<string, number | string>> {
  const began = performance.now()
  // A node that is cut off complains of each attempt.
  const log = createLogger({ level: 'error', name: 'month' })
  const cluster = await startCluster({ env: createVirtualEnv({ log, seed }), nodes: 10, seed })
  const history = createHash('sha256')
  let writes = 0
  cluster.onWrite(({ revision, key, value }) => {
    writes++
    history.update(`${revision} ${key} `).update(value ?? '-')
  })
  const { client, time, faults } = cluster
  for (const [name, replicas] of apps) await client.create(deployments, deployment(name, replicas))
  await client.create(cronJobs, cronJob('hourly', '7 * * * *'))
  await client.create(cronJobs, cronJob('often', '*/15 * * * *'))
  await client.create(cronJobs, cronJob('nightly', '30 3 * * *'))
  for (let day = 0; day < days; day++) {
    await time.advance('9h')
    const [name] = apps[day % apps.length]!
    const image = `example.org/c:${day + 2}`
    await client.patch(deployments, { namespace: 'default', name }, 'strategic', { spec: { template: { spec: { containers: [{ name: 'c', image }] } } } })
    await time.advance('3h')
    // Every third day a node is gone for twenty minutes: its pods are given up and made anew.
    if (day % 3 === 0) {
      const cut = faults.add({ match: { user: `system:node:node-${day % 10}` }, partition: true })
      await time.advance('20m')
      faults.remove(cut)
    }
    await time.advanceTo(Date.UTC(2026, 0, 2 + day))
  }
  const seconds = (performance.now() - began) / 1000
  const ready = (await client.list(deployments, { namespace: 'default' })).items.filter(({ spec, status }) => status?.readyReplicas === spec?.replicas).length
  if (ready !== apps.length) throw new Error(`${ready} of ${apps.length} deployments are complete in the end`)
  return { seconds, writes, hash: history.digest('hex') }
}
