import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/types/core-v1.ts'
import { events, persistentVolumeClaims, persistentVolumes, pods, storageClasses } from '../../api/generated/resources.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'
import { createPureWorld } from '../testing/world.ts'
import { pvBinderController } from './index.ts'

let cluster: TestCluster | undefined
afterEach(async () => {
  await cluster?.stop()
  cluster = undefined
})

const volume = (name: string, spec: PersistentVolume['spec'] = {}): PersistentVolume => ({
  apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name },
  spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' }, ...spec },
})
const claim = (name: string, spec: PersistentVolumeClaim['spec'] = {}): PersistentVolumeClaim => ({
  apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace: 'default' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName: '', ...spec },
})
const user = (name: string, claimName: string): Pod => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
  spec: { containers: [{ name: 'c', image: 'i' }], volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }] },
})

describe('over the real API', () => {
  const start = async () => (cluster = await createTestCluster({
    controllers: ['persistentvolume-binder-controller', 'persistentvolume-protection-controller'], kubelet: false,
  }))
  const phase = async (name: string) => (await cluster!.get(persistentVolumes, name))?.status?.phase
  const claimOf = async (name: string) => (await cluster!.get(persistentVolumeClaims, name))!
  const reasons = async () => (await cluster!.list(events)).map(({ reason, message }) => `${reason}: ${message}`)

  test('the smallest volume that will do is bound, released when its claim goes, and kept', async () => {
    await start()
    await cluster!.client.create(persistentVolumes, volume('large', { capacity: { storage: '5Gi' } }))
    await cluster!.client.create(persistentVolumes, volume('small', { capacity: { storage: '2Gi' } }))
    await cluster!.client.create(persistentVolumes, volume('tiny', { capacity: { storage: '1Mi' } }))
    await cluster!.until('available', async () => (await phase('tiny')) === 'Available' && (await phase('small')) === 'Available')
    await cluster!.client.create(persistentVolumeClaims, claim('data'))
    await cluster!.until('bound', async () => (await claimOf('data')).status?.phase === 'Bound')
    const bound = await claimOf('data')
    expect(bound.spec?.volumeName).toBe('small')
    expect(bound.status).toEqual({ phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '2Gi' } })
    expect(bound.metadata.annotations).toEqual({ 'pv.kubernetes.io/bind-completed': 'yes', 'pv.kubernetes.io/bound-by-controller': 'yes' })
    const made = (await cluster!.get(persistentVolumes, 'small'))!
    expect(made.spec?.claimRef).toMatchObject({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'default', name: 'data', uid: bound.metadata.uid })
    expect(made.status?.phase).toBe('Bound')
    const counted = cluster!.env.metrics.render()
    for (const line of [
      'pv_collector_total_pv_count{plugin_name="kubernetes.io/host-path",volume_mode="Filesystem"} 3', 'pv_collector_bound_pv_count{storage_class=""} 1',
      'pv_collector_unbound_pv_count{storage_class=""} 2', 'pv_collector_bound_pvc_count{namespace="default",storage_class="",volume_attributes_class=""} 1',
    ]) expect(counted).toContain(`${line}\n`)
    await cluster!.client.delete(persistentVolumeClaims, { namespace: 'default', name: 'data' })
    await cluster!.until('released', async () => (await phase('small')) === 'Released')
    await cluster!.advance(60_000)
    expect(await phase('small')).toBe('Released')
    expect(cluster!.env.complaints).toEqual([])
  })

  test('claims wait for a consumer, for a provisioner, or for a class', async () => {
    await start()
    const make = (name: string, provisioner: string, volumeBindingMode: string) => cluster!.client.create(storageClasses, {
      apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name }, provisioner, volumeBindingMode,
    })
    await make('late', 'example.com/disk', 'WaitForFirstConsumer')
    await make('now', 'example.com/disk', 'Immediate')
    for (const [name, storageClassName] of [['a', 'late'], ['b', 'now'], ['c', ''], ['d', 'none']] as const) {
      await cluster!.client.create(persistentVolumeClaims, claim(name, { storageClassName }))
    }
    await cluster!.advance(2000)
    expect(await reasons()).toEqual(expect.arrayContaining([
      'WaitForFirstConsumer: waiting for first consumer to be created before binding',
      expect.stringMatching(/^ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'example.com\/disk' or manually/),
      'FailedBinding: no persistent volumes available for this claim and no storage class is set',
      'ProvisioningFailed: storageclass.storage.k8s.io "none" not found',
    ]))
    expect((await claimOf('b')).metadata.annotations).toEqual({
      'volume.beta.kubernetes.io/storage-provisioner': 'example.com/disk', 'volume.kubernetes.io/storage-provisioner': 'example.com/disk',
    })
    expect((await claimOf('a')).metadata.annotations).toBeUndefined()
    await cluster!.client.create(pods, user('p', 'a'))
    await cluster!.client.patch(persistentVolumeClaims, { namespace: 'default', name: 'a' }, 'merge', {
      metadata: { annotations: { 'volume.kubernetes.io/selected-node': 'node-1' } },
    })
    await cluster!.until('asked for', async () => (await claimOf('a')).metadata.annotations?.['volume.kubernetes.io/storage-provisioner'] !== undefined)
  })

  test('a volume is emptied by a pod and free again; one without a deleter fails', async () => {
    await start()
    await cluster!.client.create(persistentVolumes, volume('scrubbed', { persistentVolumeReclaimPolicy: 'Recycle' }))
    await cluster!.client.create(persistentVolumeClaims, claim('data'))
    await cluster!.until('bound', async () => (await claimOf('data')).status?.phase === 'Bound')
    await cluster!.client.delete(persistentVolumeClaims, { namespace: 'default', name: 'data' })
    await cluster!.until('recycler', async () => (await cluster!.get(pods, 'recycler-for-scrubbed')) !== undefined)
    const pod = (await cluster!.get(pods, 'recycler-for-scrubbed'))!
    await cluster!.client.update(pods, { ...pod, status: { ...pod.status, phase: 'Succeeded' } }, { subresource: 'status' })
    await cluster!.until('available', async () => (await phase('scrubbed')) === 'Available')
    expect((await cluster!.get(persistentVolumes, 'scrubbed'))!.spec?.claimRef).toBeUndefined()
    await cluster!.client.create(persistentVolumeClaims, claim('more', { volumeName: 'local' }))
    await cluster!.client.create(persistentVolumes, volume('local', { persistentVolumeReclaimPolicy: 'Delete' }))
    await cluster!.until('bound', async () => (await claimOf('more')).status?.phase === 'Bound')
    await cluster!.client.delete(persistentVolumeClaims, { namespace: 'default', name: 'more' })
    await cluster!.until('failed', async () => (await phase('local')) === 'Failed')
    expect((await cluster!.get(persistentVolumes, 'local'))!.status?.message).toBe('host_path deleter only supports /tmp/.+ but received provided /data')
  })

  test('a claim whose volume vanishes is lost', async () => {
    await start()
    await cluster!.client.create(persistentVolumes, volume('v'))
    await cluster!.client.create(persistentVolumeClaims, claim('data'))
    await cluster!.until('bound', async () => (await claimOf('data')).status?.phase === 'Bound')
    const key = { name: 'v' }
    await cluster!.client.delete(persistentVolumes, key)
    await cluster!.client.patch(persistentVolumes, key, 'merge', { metadata: { finalizers: null } })
    await cluster!.until('lost', async () => (await claimOf('data')).status?.phase === 'Lost')
    expect(await reasons()).toContain('ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!')
  })
})

test('random worlds settle; no volume has two claims and no claim a volume that is too small', () => {
  const size = fc.integer({ min: 1, max: 4 })
  const mode = fc.subarray(['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany'], { minLength: 1 })
  const className = fc.constantFrom('', 'x')
  fc.assert(fc.property(
    fc.array(fc.record({ size, mode, className, reserved: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }) }), { maxLength: 6 }),
    fc.array(fc.record({ size, mode, className, named: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }) }), { maxLength: 6 }),
    (volumes, claims) => {
      const world = createPureWorld()
      for (const [at, one] of volumes.entries()) {
        world.put(persistentVolumes, volume(`v${at}`, {
          capacity: { storage: `${one.size}Gi` }, accessModes: one.mode, storageClassName: one.className, persistentVolumeReclaimPolicy: 'Retain',
          ...(one.reserved === undefined ? {} : { claimRef: { namespace: 'default', name: `c${one.reserved}` } }),
        }))
      }
      for (const [at, one] of claims.entries()) {
        world.put(persistentVolumeClaims, claim(`c${at}`, {
          resources: { requests: { storage: `${one.size}Gi` } }, accessModes: one.mode, storageClassName: one.className,
          ...(one.named === undefined ? {} : { volumeName: `v${one.named}` }),
        }))
      }
      world.converge(pvBinderController(), 0, 40)
      const bound = world.list(persistentVolumeClaims).filter(({ status }) => status?.phase === 'Bound')
      const used = bound.map(({ spec }) => spec!.volumeName!)
      expect(new Set(used).size).toBe(used.length)
      for (const one of bound) {
        const its = world.list(persistentVolumes).find(({ metadata }) => metadata.name === one.spec!.volumeName)!
        expect(its.spec?.claimRef?.uid).toBe(one.metadata.uid)
        if (claims[Number(one.metadata.name!.slice(1))]!.named === undefined) {
          expect(parseInt(its.spec!.capacity!['storage'] as string, 10)).toBeGreaterThanOrEqual(parseInt(one.spec!.resources!.requests!['storage'] as string, 10))
        }
      }
      expect(world.writes.every((step) => step.do !== 'delete')).toBe(true)
    },
  ), { numRuns: 60 })
})
