import { afterEach, describe, expect, test } from 'vitest'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { csiDrivers, events, persistentVolumeClaims, persistentVolumes, pods } from '../../api/generated/resources.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'
import { labelsConflict } from './volumes.ts'

let cluster: TestCluster | undefined
afterEach(async () => {
  await cluster?.stop()
  cluster = undefined
})

describe('labels', () => {
  test.for<[string, string, boolean]>([
    ['', '', false], ['a:b:c:s0', 'a:b:c:s0', false], [':::s0:c1', ':::s0:c2', true], ['::t:s0', ':r::s0', false], ['::t:s0', '::u:s0', true], ['', ':::s0', true],
  ])('%s and %s', ([a, b, expected]) => {
    expect(labelsConflict(a, b)).toBe(expected)
    expect(labelsConflict(b, a)).toBe(expected)
  })
})

const pod = (name: string, level: string, policy?: string): Pod => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
  spec: {
    securityContext: { seLinuxOptions: { level }, ...(policy === undefined ? {} : { seLinuxChangePolicy: policy }) },
    containers: [{ name: 'c', image: 'i', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'c' } }],
  },
})

test('pods that cannot share a volume are warned, and the metric lasts as long as they do', async () => {
  cluster = await createTestCluster({ controllers: ['selinux-warning-controller'], kubelet: false })
  const { client, env } = cluster
  await client.create(csiDrivers, { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: { name: 'd.example.com' }, spec: { seLinuxMount: true } })
  const claim = await client.create(persistentVolumeClaims, {
    apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'c', namespace: 'default' },
    spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '1Gi' } }, volumeName: 'v' },
  })
  await client.create(persistentVolumes, {
    apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'v' },
    spec: {
      accessModes: ['ReadWriteMany'], capacity: { storage: '1Gi' }, csi: { driver: 'd.example.com', volumeHandle: 'h' },
      claimRef: { kind: 'PersistentVolumeClaim', namespace: 'default', name: 'c', uid: claim.metadata.uid },
    },
  })
  await client.create(pods, pod('a', 's0:c1'))
  await client.create(pods, pod('b', 's0:c2'))
  await cluster.advance(2000)
  // The claim is not bound yet: nothing is known.
  expect(await cluster.list(events)).toEqual([])
  await client.update(persistentVolumeClaims, { ...claim, status: { phase: 'Bound' } }, { subresource: 'status' })
  const told = async () => (await cluster!.list(events)).map(({ reason, message, involvedObject, source }) => [involvedObject.name, reason, message, source?.component].join(' | ')).toSorted()
  await cluster.until('warned', async () => (await told()).length === 2)
  expect(await told()).toEqual([
    'a | SELinuxLabelConflict | SELinuxLabel ":::s0:c1" conflicts with pod b that uses the same volume as this pod with SELinuxLabel ":::s0:c2". If both pods land on the same node, only one of them may access the volume. | selinux_warning',
    'b | SELinuxLabelConflict | SELinuxLabel ":::s0:c2" conflicts with pod a that uses the same volume as this pod with SELinuxLabel ":::s0:c1". If both pods land on the same node, only one of them may access the volume. | selinux_warning',
  ])
  const series = () => env.metrics.render().split('\n').filter((line) => line.startsWith('selinux_warning_controller_selinux_volume_conflict{'))
  expect(series()).toHaveLength(2)
  expect(series()).toContain('selinux_warning_controller_selinux_volume_conflict{property="SELinuxLabel",pod1_namespace="default",pod1_name="a",pod1_value=":::s0:c1",pod2_namespace="default",pod2_name="b",pod2_value=":::s0:c2"} 1')
  await client.delete(pods, { namespace: 'default', name: 'a' }, { gracePeriodSeconds: 0 })
  await client.create(pods, pod('c', 's0:c2', 'Recursive'))
  await cluster.until('warned of policies', async () => series().some((line) => line.includes('SELinuxChangePolicy')))
  expect(series().filter((line) => line.includes('"a"'))).toEqual([])
  expect((await told()).some((line) => line.startsWith('c | SELinuxChangePolicyConflict | '))).toBe(true)
})
