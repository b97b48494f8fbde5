import { afterEach, describe, expect, test } from 'vitest'
import { configMaps, namespaces, pods, secrets, serviceAccounts } from '../../api/generated/resources.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())
const names = ['namespace-controller', 'serviceaccount-controller', 'root-ca-certificate-publisher-controller']

const makeNamespace = () => cluster.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } })
const condition = async (type: string) => (await cluster.get(namespaces, 'team'))?.status?.conditions?.find((one) => one.type === type)

describe('namespaces over the real API', () => {
  test('a new namespace gets its default account and the CA; both come back when they are deleted', async () => {
    cluster = await createTestCluster({ controllers: names, rootCA: 'PEM' })
    await makeNamespace()
    await cluster.advance(1000)
    expect(await cluster.get(serviceAccounts, 'default', 'team')).toBeDefined()
    expect((await cluster.get(configMaps, 'kube-root-ca.crt', 'team'))?.data).toEqual({ 'ca.crt': 'PEM' })
    await cluster.client.delete(serviceAccounts, { namespace: 'team', name: 'default' })
    await cluster.client.patch(configMaps, { namespace: 'team', name: 'kube-root-ca.crt' }, 'merge', { data: { 'ca.crt': 'forged' } })
    await cluster.advance(1000)
    expect(await cluster.get(serviceAccounts, 'default', 'team')).toBeDefined()
    expect((await cluster.get(configMaps, 'kube-root-ca.crt', 'team'))?.data).toEqual({ 'ca.crt': 'PEM' })
  })

  test('deletion empties the namespace and then removes it', async () => {
    cluster = await createTestCluster({ controllers: names, rootCA: 'PEM' })
    await makeNamespace()
    await cluster.client.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'team' } })
    await cluster.advance(1000)
    await cluster.client.delete(namespaces, { name: 'team' })
    expect((await cluster.get(namespaces, 'team'))?.status?.phase).toBe('Terminating')
    await cluster.until('gone', async () => (await cluster.get(namespaces, 'team')) === undefined)
    expect(await cluster.list(secrets, 'team')).toEqual([])
    expect(await cluster.list(serviceAccounts, 'team')).toEqual([])
  })

  test('pods go before everything else', async () => {
    cluster = await createTestCluster({ controllers: names, kubelet: false })
    await makeNamespace()
    await cluster.client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'needed', namespace: 'team' } })
    await cluster.client.create(pods, {
      apiVersion: 'v1', kind: 'Pod', metadata: { name: 'slow', namespace: 'team', finalizers: ['example.com/hold'] },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    })
    await cluster.client.delete(namespaces, { name: 'team' })
    await cluster.advance(20_000)
    expect(await cluster.get(configMaps, 'needed', 'team')).toBeDefined()
    await cluster.client.patch(pods, { namespace: 'team', name: 'slow' }, 'merge', { metadata: { finalizers: [] } })
    await cluster.until('gone', async () => (await cluster.get(namespaces, 'team')) === undefined)
  })

  test('what holds the namespace up is said in its conditions', async () => {
    cluster = await createTestCluster({ controllers: names })
    await makeNamespace()
    await cluster.client.create(configMaps, {
      apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'held', namespace: 'team', finalizers: ['example.com/hold'] },
    })
    await cluster.client.delete(namespaces, { name: 'team' })
    await cluster.until('conditions', async () => (await condition('NamespaceContentRemaining'))?.status === 'True')
    expect(await condition('NamespaceContentRemaining')).toMatchObject({
      reason: 'SomeResourcesRemain', message: 'Some resources are remaining: configmaps. has 1 resource instances',
    })
    expect(await condition('NamespaceFinalizersRemaining')).toMatchObject({
      status: 'True', reason: 'SomeFinalizersRemain',
      message: 'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
    })
    expect(await condition('NamespaceDeletionDiscoveryFailure')).toMatchObject({ status: 'False', reason: 'ResourcesDiscovered' })
    await cluster.client.patch(configMaps, { namespace: 'team', name: 'held' }, 'merge', { metadata: { finalizers: [] } })
    await cluster.until('gone', async () => (await cluster.get(namespaces, 'team')) === undefined)
  })
})
