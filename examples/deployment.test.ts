import { deployments, pods } from 'coxswain/resources'
import { startCluster } from 'coxswain'
import { expect, test } from 'vitest'

test('a deployment becomes pods on simulated nodes', async () => {
  const cluster = await startCluster({ nodes: 3 })
  const labels = { app: 'web' }
  await cluster.client.create(deployments, {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 2, selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'example.org/web:1' }] } },
    },
  })
  const phases = async () => (await cluster.client.list(pods, { namespace: 'default' })).items.map((pod) => pod.status?.phase)
  await expect.poll(phases, { timeout: 10_000 }).toEqual(['Running', 'Running'])
  await cluster.stop()
})
