/** The JavaScript client that others write against us, as a black box: kubeconfig, CRUD, patch, watch, informer. */
import {
  AppsV1Api, CoreV1Api, KubeConfig, KubernetesObjectApi, PatchStrategy, VersionApi, type V1ConfigMap, Watch, makeInformer, setHeaderOptions,
} from '@kubernetes/client-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from '../../src/cluster/index.ts'

let cluster: Cluster
let config: KubeConfig
let core: CoreV1Api
const namespace = 'default'

async function eventually(satisfied: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + 15_000
  while (!(await satisfied())) {
    if (Date.now() > end) throw new Error('it did not happen within 15 s')
    await new Promise((done) => setTimeout(done, 20))
  }
}

beforeAll(async () => {
  cluster = await startCluster({ nodes: 2, listen: true })
  config = new KubeConfig()
  config.loadFromString(cluster.kubeconfig())
  core = config.makeApiClient(CoreV1Api)
})
afterAll(() => cluster.stop())

test('asks for the version and lists nodes', async () => {
  expect((await config.makeApiClient(VersionApi).getCode()).gitVersion).toMatch(/^v1\.36\./)
  expect((await core.listNode()).items.map((node) => node.metadata!.name)).toEqual(['node-0', 'node-1'])
})

test('creates, reads, patches, replaces and deletes', async () => {
  const body: V1ConfigMap = { metadata: { name: 'c' }, data: { a: '1' } }
  const created = await core.createNamespacedConfigMap({ namespace, body })
  expect(created.metadata!.uid).toBeDefined()
  const patched = await core.patchNamespacedConfigMap({ namespace, name: 'c', body: { data: { b: '2' } } }, setHeaderOptions('Content-Type', PatchStrategy.MergePatch))
  expect(patched.data).toEqual({ a: '1', b: '2' })
  await expect(core.replaceNamespacedConfigMap({ namespace, name: 'c', body: created })).rejects.toMatchObject({ code: 409 })
  await core.deleteNamespacedConfigMap({ namespace, name: 'c' })
  await expect(core.readNamespacedConfigMap({ namespace, name: 'c' })).rejects.toMatchObject({ code: 404 })
})

test('runs a deployment through the object API', async () => {
  const objects = KubernetesObjectApi.makeApiClient(config)
  await objects.create({
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace },
    spec: { replicas: 2, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } } },
  } as never)
  const apps = config.makeApiClient(AppsV1Api)
  await eventually(async () => (await apps.readNamespacedDeployment({ namespace, name: 'web' })).status?.availableReplicas === 2)
})

test('watches and keeps an informer up to date', async () => {
  const seen: string[] = []
  const request = await new Watch(config).watch(`/api/v1/namespaces/${namespace}/secrets`, {}, (type: string, object: { metadata: { name: string } }) => {
    seen.push(`${type} ${object.metadata.name}`)
  }, () => undefined)
  const informer = makeInformer(config, `/api/v1/namespaces/${namespace}/secrets`, () => core.listNamespacedSecret({ namespace }))
  const added: string[] = []
  informer.on('add', (secret) => void added.push(secret.metadata!.name!))
  await informer.start()
  await core.createNamespacedSecret({ namespace, body: { metadata: { name: 's' }, stringData: { k: 'v' } } })
  await core.deleteNamespacedSecret({ namespace, name: 's' })
  await eventually(() => seen.includes('DELETED s') && added.includes('s'))
  expect(seen.filter((line) => line.endsWith(' s'))).toEqual(['ADDED s', 'DELETED s'])
  await informer.stop()
  request.abort()
})
