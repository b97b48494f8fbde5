import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import { deployments, namespaces, nodes, pods, services } from '../api/generated/resources.ts'
import type { Deployment } from '../api/generated/types/apps-v1.ts'
import type { Cluster } from './cluster.ts'
import { startCluster } from './start-cluster.ts'

/** Asks again until the answer satisfies. */
async function eventually<T>(ask: () => Promise<T>, satisfied: (answer: T) => boolean, limitMs = 15_000): Promise<T> {
  const end = Date.now() + limitMs
  for (;;) {
    const answer = await ask()
    if (satisfied(answer)) return answer
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(answer).slice(0, 2000)}`)
    await new Promise((done) => setTimeout(done, 20))
  }
}

const deployment = (name: string, replicas: number): Deployment => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 'default' },
  spec: { replicas, selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'image:1' }] } } },
})

describe('startCluster', () => {
  let cluster: Cluster
  const warnings: string[] = []
  beforeAll(async () => {
    const log = createLogger({ level: 'warn', write: (line) => void warnings.push(line) })
    cluster = await startCluster({ nodes: 3, env: createSystemEnv({ log }) })
  })
  afterAll(() => cluster.stop())

  test('nodes are ready and have pod ranges', async () => {
    const list = await eventually(() => cluster.client.list(nodes), ({ items }) => items.every((node) => node.spec?.podCIDR !== undefined))
    expect(list.items.map((node) => node.metadata.name)).toEqual(['node-0', 'node-1', 'node-2'])
    expect(new Set(list.items.map((node) => node.spec!.podCIDR)).size).toBe(3)
  })

  test('a deployment\'s pods run, follow a change, and go with it', async () => {
    const { client } = cluster
    await client.create(deployments, deployment('web', 4))
    await eventually(() => client.get(deployments, { namespace: 'default', name: 'web' }), (d) => d.status?.observedGeneration === d.metadata.generation && d.status?.availableReplicas === 4)
    await client.patch(deployments, { namespace: 'default', name: 'web' }, 'strategic', { spec: { template: { spec: { containers: [{ name: 'c', image: 'image:2' }] } } } })
    await eventually(() => client.get(deployments, { namespace: 'default', name: 'web' }), (d) => d.status?.observedGeneration === d.metadata.generation && d.status?.updatedReplicas === 4 && d.status.replicas === 4 && d.status.availableReplicas === 4)
    const images = (await client.list(pods, { namespace: 'default' })).items.filter((p) => p.metadata.deletionTimestamp === undefined).map((p) => p.spec!.containers[0]!.image)
    expect(images).toEqual(['image:2', 'image:2', 'image:2', 'image:2'])
    await client.delete(deployments, { namespace: 'default', name: 'web' }, { propagationPolicy: 'Foreground' })
    await eventually(() => client.list(pods, { namespace: 'default' }), ({ items }) => items.length === 0)
  })

  test('Services get load balancers from the range, and give them back', async () => {
    await using balanced = await startCluster({ loadBalancers: '192.0.2.10-192.0.2.11' })
    const { client } = balanced
    const balancer = (name: string) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } })
    const ingress = async (name: string) => (await client.get(services, { namespace: 'default', name })).status?.loadBalancer?.ingress
    for (const name of ['a', 'b']) {
      await client.create(services, balancer(name))
      await eventually(() => ingress(name), (one) => one?.[0]?.ip !== undefined)
    }
    expect([await ingress('a'), await ingress('b')]).toEqual([[{ ip: '192.0.2.10', ipMode: 'VIP' }], [{ ip: '192.0.2.11', ipMode: 'VIP' }]])
    await client.delete(services, { namespace: 'default', name: 'a' })
    await eventually(() => client.list(services, { namespace: 'default' }), ({ items }) => !items.some(({ metadata }) => metadata.name === 'a'))
    await client.create(services, balancer('c'))
    await eventually(() => ingress('c'), (one) => one?.[0]?.ip === '192.0.2.10')
    await expect(startCluster({ loadBalancers: '192.0.2.0/33' })).rejects.toThrow('is no range of addresses')
  })

  test('a namespace takes what is in it with it', async () => {
    const { client } = cluster
    await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'short' } })
    await client.create(services, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'short' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } })
    const service = await client.get(services, { namespace: 'short', name: 'web' })
    expect(service.spec!.clusterIP).toMatch(/^10\.96\./)
    await client.delete(namespaces, { name: 'short' })
    await eventually(() => client.list(namespaces), ({ items }) => !items.some((ns) => ns.metadata.name === 'short'))
    expect((await client.list(services, { namespace: 'short' })).items).toEqual([])
  })

  test('others may do what their roles allow', async () => {
    await expect(cluster.clientAs('nobody').list(pods, { namespace: 'default' })).rejects.toMatchObject({
      status: { code: 403, message: 'pods is forbidden: User "nobody" cannot list resource "pods" in API group "" in the namespace "default"' },
    })
  })

  test('nothing complains at the start: no controller works before its roles are followed', () => {
    expect(warnings).toEqual([])
  })

  test('has no kubeconfig without a socket', () => {
    expect(() => cluster.kubeconfig()).toThrow('listen: true')
  })
})

test('state on disk is there again after a restart', async () => {
  const { mkdtempSync, rmSync } = await import('node:fs')
  const { tmpdir } = await import('node:os')
  const { join } = await import('node:path')
  const dataDir = mkdtempSync(join(tmpdir(), 'start-cluster-'))
  try {
    const first = await startCluster({ dataDir, nodes: 1 })
    await first.client.create(deployments, deployment('kept', 1))
    await first.stop()
    const second = await startCluster({ dataDir, nodes: 1 })
    expect((await second.client.get(deployments, { namespace: 'default', name: 'kept' })).spec!.replicas).toBe(1)
    await second.stop()
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
})

test('over a socket it answers clients with the kubeconfig\'s certificate', async () => {
  const cluster = await startCluster({ listen: true, nodes: 1 })
  try {
    const { createHttpClient } = await import('../client/http/transport.ts')
    const { parseKubeconfig } = await import('../client/kubeconfig.ts')
    const { parseYaml } = await import('../api/codec/yaml.ts')
    const client = await createHttpClient(parseKubeconfig(parseYaml(cluster.kubeconfig())), { clock: cluster.env.clock })
    expect((await client.list(nodes)).items.map((node) => node.metadata.name)).toEqual(['node-0'])
    await client.close()
  } finally {
    await cluster.stop()
  }
})
