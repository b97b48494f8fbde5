import { afterEach, expect, test } from 'vitest'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { events, pods, resourceClaims, resourceClaimTemplates } from '../../api/generated/resources.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

const pod = (name: string, nodeName?: string): Pod => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
  spec: {
    ...(nodeName === undefined ? {} : { nodeName }), containers: [{ name: 'c', image: 'i' }],
    resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 'template' }],
  },
})
const template = {
  apiVersion: 'resource.k8s.io/v1', kind: 'ResourceClaimTemplate', metadata: { name: 'template', namespace: 'default' },
  spec: { metadata: { labels: { a: 'b' } }, spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu' } }] } } },
}
const start = async () => (cluster = await createTestCluster({ controllers: ['resourceclaim-controller'], kubelet: false }))
const claims = () => cluster.list(resourceClaims)
const setStatus = async (name: string, phase: string) => cluster.client.patch(pods, { namespace: 'default', name }, 'merge', { status: { phase } }, { subresource: 'status' })

test('a claim is made once, told to the pod, and removed when the pod is done', async () => {
  await start()
  await cluster.client.create(pods, pod('p'))
  await cluster.until('refused', async () => (await cluster.list(events)).some(({ reason }) => reason === 'FailedResourceClaimCreation'))
  expect((await cluster.list(events))[0]!.message).toBe('PodResourceClaim gpu: resource claim template "template": resourceclaimtemplate.resource.k8s.io "template" not found')
  await cluster.client.create(resourceClaimTemplates, template)
  await cluster.until('told', async () => (await cluster.get(pods, 'p'))?.status?.resourceClaimStatuses !== undefined)
  await cluster.advance(5000)
  const [claim, ...more] = await claims()
  expect(more).toEqual([])
  expect(claim!.metadata).toMatchObject({
    generateName: 'p-gpu-', labels: { a: 'b' }, annotations: { 'resource.kubernetes.io/pod-claim-name': 'gpu' },
    ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', controller: true }],
  })
  expect((await cluster.get(pods, 'p'))!.status!.resourceClaimStatuses).toEqual([{ name: 'gpu', resourceClaimName: claim!.metadata.name }])
  await setStatus('p', 'Succeeded')
  await cluster.until('removed', async () => (await claims()).length === 0)
})

test('an allocated claim is reserved for a pod that is placed already, and freed after it', async () => {
  await start()
  await cluster.client.create(resourceClaimTemplates, template)
  const made = await cluster.client.create(pods, pod('p', 'node-1'))
  await cluster.until('made', async () => (await claims()).length === 1)
  await cluster.advance(1000)
  const [claim] = await claims()
  const held = await cluster.client.update(resourceClaims, { ...claim!, metadata: { ...claim!.metadata, finalizers: ['resource.kubernetes.io/delete-protection'] } })
  const results = [{ request: 'r', driver: 'd', pool: 'p', device: 'x' }]
  await cluster.client.update(resourceClaims, { ...held, status: { allocation: { devices: { results } } } }, { subresource: 'status' })
  await cluster.until('reserved', async () => (await claims())[0]!.status?.reservedFor?.[0]?.uid === made.metadata.uid)
  await cluster.client.delete(pods, { namespace: 'default', name: 'p' }, { gracePeriodSeconds: 0 })
  await cluster.until('freed', async () => (await claims()).every(({ status, metadata }) => status?.allocation === undefined && metadata.finalizers === undefined))
})
