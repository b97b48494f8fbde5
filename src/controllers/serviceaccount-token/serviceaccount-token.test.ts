import { afterEach, expect, test } from 'vitest'
import { secrets, serviceAccounts } from '../../api/generated/resources.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

test('a token secret is filled for its account and goes with it', async () => {
  cluster = await createTestCluster({
    controllers: ['serviceaccount-token-controller'], kubelet: false, rootCA: 'PEM',
    signServiceAccountToken: async ({ namespace, name, secretName }) => `token of ${namespace}/${name} in ${secretName}`,
  })
  const account = await cluster.client.create(serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'bot', namespace: 'default' } })
  await cluster.client.create(secrets, {
    apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/service-account-token',
    metadata: { name: 'bot-token', namespace: 'default', annotations: { 'kubernetes.io/service-account.name': 'bot' } },
  })
  await cluster.advance(1000)
  const secret = (await cluster.get(secrets, 'bot-token'))!
  const decoded = Object.fromEntries(Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]))
  expect(decoded).toEqual({ 'ca.crt': 'PEM', namespace: 'default', token: 'token of default/bot in bot-token' })
  expect(secret.metadata.annotations?.['kubernetes.io/service-account.uid']).toBe(account.metadata.uid)
  await cluster.client.delete(serviceAccounts, { namespace: 'default', name: 'bot' })
  await cluster.advance(1000)
  expect(await cluster.get(secrets, 'bot-token')).toBeUndefined()
})
