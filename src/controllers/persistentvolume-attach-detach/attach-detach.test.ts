import { afterEach, describe, expect, test } from 'vitest'
import type { Node, PersistentVolume, Pod } from '../../api/generated/types/core-v1.ts'
import type { VolumeAttachment } from '../../api/generated/types/storage-v1.ts'
import { csiDrivers, events, nodes, persistentVolumeClaims, persistentVolumes, pods, volumeAttachments } from '../../api/generated/resources.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'
import { attachmentName } from './plan.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

const volume: PersistentVolume = {
  apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'disk' },
  spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], csi: { driver: 'example.com', volumeHandle: 'h1' } },
}
const node = (name: string, annotations: Record<string, string> = { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' }): Node =>
  ({ apiVersion: 'v1', kind: 'Node', metadata: { name, annotations }, status: { conditions: [{ type: 'Ready', status: 'True' }] } })
const pod = (name: string, nodeName: string): Pod => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
  spec: { nodeName, containers: [{ name: 'c', image: 'i' }], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] },
})
const uniqueName = 'kubernetes.io/csi/example.com^h1'

const driver = (attachRequired: boolean) =>
  ({ apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: { name: 'example.com' }, spec: { attachRequired } }) as const

async function start(attachRequired = true): Promise<void> {
  cluster = await createTestCluster({
    controllers: ['persistentvolume-binder-controller', 'persistentvolume-attach-detach-controller', 'ephemeral-volume-controller', 'persistentvolume-expander-controller'],
    kubelet: false,
  })
  const { client } = cluster
  await client.create(csiDrivers, driver(attachRequired))
  for (const one of [node('a'), node('b'), node('c', {})]) {
    const made = await client.create(nodes, one)
    await client.update(nodes, { ...made, status: one.status }, { subresource: 'status' })
  }
  await client.create(persistentVolumes, volume)
  await client.create(persistentVolumeClaims, {
    apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data', namespace: 'default' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName: '' },
  })
  await cluster.until('bound', async () => (await cluster.get(persistentVolumeClaims, 'data'))?.status?.phase === 'Bound')
}
const attachment = (on: string) => cluster.get(volumeAttachments, attachmentName(volume, on))
const setAttached = async (on: string, status: VolumeAttachment['status']) =>
  cluster.client.update(volumeAttachments, { ...(await attachment(on))!, status }, { subresource: 'status' })
const attachedTo = async (on: string) => (await cluster.get(nodes, on))!.status?.volumesAttached?.map(({ name }) => name) ?? []
const setInUse = async (on: string, volumesInUse: string[], ready = 'True') => {
  await cluster.client.patch(nodes, { name: on }, 'merge', { status: { volumesInUse, conditions: [{ type: 'Ready', status: ready }] } }, { subresource: 'status' })
}
const messages = async () => (await cluster.list(events)).map(({ reason, message }) => `${reason}: ${message}`)
const deletePod = (name: string) => cluster.client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 })

describe('volumes of drivers', () => {
  test('are attached for pods, reported to the node, and let go when the node has', async () => {
    await start()
    await cluster.client.create(pods, pod('p', 'a'))
    await cluster.until('asked for', async () => (await attachment('a')) !== undefined)
    expect((await attachment('a'))!.spec).toEqual({ attacher: 'example.com', nodeName: 'a', source: { persistentVolumeName: 'disk' } })
    expect(await attachedTo('a')).toEqual([])
    await setAttached('a', { attached: true })
    await cluster.until('reported', async () => (await attachedTo('a')).includes(uniqueName))
    await cluster.advance(1000)
    expect(await messages()).toContain('SuccessfulAttachVolume: AttachVolume.Attach succeeded for volume "disk" ')
    await setInUse('a', [uniqueName])
    // A second pod elsewhere has to wait for it.
    await cluster.client.create(pods, pod('q', 'b'))
    await cluster.advance(1000)
    expect(await attachment('b')).toBeUndefined()
    expect(await messages()).toContain('FailedAttachVolume: Multi-Attach error for volume "disk" Volume is already used by pod(s) p')
    await deletePod('p')
    await cluster.advance(400_000)
    expect(await attachment('a')).toBeDefined()
    await setInUse('a', [])
    await cluster.until('moved', async () => (await attachment('a')) === undefined && (await attachment('b')) !== undefined)
    expect(await attachedTo('a')).toEqual([])
    expect(cluster.env.complaints).toEqual([])
  })

  test('are taken from a node that has been silent for six minutes', async () => {
    await start()
    await cluster.client.create(pods, pod('p', 'a'))
    await cluster.until('asked for', async () => (await attachment('a')) !== undefined)
    await setAttached('a', { attached: true })
    await setInUse('a', [uniqueName], 'Unknown')
    await deletePod('p')
    await cluster.advance(300_000)
    expect(await attachment('a')).toBeDefined()
    await cluster.advance(70_000)
    expect(await attachment('a')).toBeUndefined()
    expect(cluster.env.metrics.render()).toContain('attach_detach_controller_attachdetach_controller_forced_detaches{reason="timeout"} 1\n')
  })

  test('need no attaching when their driver says so, or when the node does it itself', async () => {
    await start(false)
    await cluster.client.create(pods, pod('p', 'a'))
    await cluster.advance(2000)
    expect(await cluster.list(volumeAttachments)).toEqual([])
    await cluster.client.delete(csiDrivers, { name: 'example.com' })
    await cluster.client.create(csiDrivers, driver(true))
    await deletePod('p')
    await cluster.client.create(pods, pod('q', 'c'))
    await cluster.advance(2000)
    expect(await cluster.list(volumeAttachments)).toEqual([])
  })

  test('attachments of others are left alone', async () => {
    await start()
    await cluster.client.create(volumeAttachments, {
      apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttachment', metadata: { name: 'mine' },
      spec: { attacher: 'example.com', nodeName: 'a', source: { persistentVolumeName: 'disk' } },
    })
    await cluster.advance(500_000)
    expect(await cluster.get(volumeAttachments, 'mine')).toBeDefined()
  })
})

test('a pod\'s own volume gets a claim; one of somebody else in its place is an error', async () => {
  await start()
  const own = (name: string): Pod => ({
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
    spec: {
      containers: [{ name: 'c', image: 'i' }],
      volumes: [{
        name: 'scratch',
        ephemeral: { volumeClaimTemplate: { metadata: { labels: { a: 'b' } }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } } },
      }],
    },
  })
  const made = await cluster.client.create(pods, own('p'))
  await cluster.until('made', async () => (await cluster.get(persistentVolumeClaims, 'p-scratch')) !== undefined)
  expect((await cluster.get(persistentVolumeClaims, 'p-scratch'))!.metadata).toMatchObject({
    labels: { a: 'b' }, ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: made.metadata.uid, controller: true, blockOwnerDeletion: true }],
  })
  await cluster.client.create(persistentVolumeClaims, {
    apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'q-scratch', namespace: 'default' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName: '' },
  })
  await cluster.client.create(pods, own('q'))
  await cluster.until('refused', async () => (await messages()).includes(
    'FailedBinding: ephemeral volume scratch: PVC default/q-scratch was not created for pod default/q (pod is not owner)'))
})
