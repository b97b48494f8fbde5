import { expect, test } from 'vitest'
import { pods, resourceQuotas } from '../../api/generated/resources.ts'
import { createTestCluster } from '../testing/cluster.ts'

test('a quota counts the pods of its scopes alone', async () => {
  const cluster = await createTestCluster({ controllers: ['resourcequota-controller'], kubelet: false })
  const quota = (name: string, scope: object) => cluster.client.create(resourceQuotas, {
    apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name, namespace: 'default' }, spec: { hard: { pods: '10' }, ...scope },
  })
  for (const scope of ['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating', 'CrossNamespacePodAffinity']) await quota(scope.toLowerCase(), { scopes: [scope] })
  const priority = (operator: string, values?: string[]) => ({ scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator, ...(values === undefined ? {} : { values }) }] } })
  await quota('high', priority('In', ['high']))
  await quota('not-high', priority('NotIn', ['high']))
  await quota('some-class', priority('Exists'))
  await quota('no-class', priority('DoesNotExist'))
  const pod = (name: string, spec: object, resources: object = {}) => cluster.client.create(pods, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' }, spec: { containers: [{ name: 'c', image: 'i', resources }], ...spec },
  })
  const requests = { requests: { cpu: '1' } }
  const across = (field: object) => ({
    affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', labelSelector: {}, ...field }] } },
  })
  await pod('plain', {})
  await pod('sized', {}, requests)
  await pod('brief', { activeDeadlineSeconds: 60 }, requests)
  await pod('high', { priorityClassName: 'high' }, requests)
  await pod('here', across({}), requests)
  await pod('elsewhere', across({ namespaces: ['other'] }), requests)
  await pod('anywhere', across({ namespaceSelector: {} }))
  await cluster.advance(10_000)
  const used = Object.fromEntries((await cluster.list(resourceQuotas)).map(({ metadata, status }) => [metadata.name, status?.used?.['pods']]))
  expect(used).toEqual({
    besteffort: '2', notbesteffort: '5', terminating: '1', notterminating: '6', crossnamespacepodaffinity: '2',
    high: '1', 'not-high': '6', 'some-class': '1', 'no-class': '6',
  })
  await cluster.stop()
})
