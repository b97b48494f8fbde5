import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../../api/meta/object.ts'
import { fitMessage } from '../fit-message.ts'
import { podInfo } from '../snapshot.ts'
import { node, pod, world } from '../testing/worlds.ts'

const meta = (name: string, more: object = {}) => ({ name, ...more })

function claim(name: string, spec: object = {}, more: object = {}): KubeObject {
  return {
    apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '5', ...more },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName: 'late', ...spec },
  } as KubeObject
}

function bound(name: string, volume: string, spec: object = {}): KubeObject {
  return claim(name, { volumeName: volume, ...spec }, { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } })
}

function volume(name: string, spec: object = {}, more: object = {}): KubeObject {
  return {
    apiVersion: 'v1', kind: 'PersistentVolume', metadata: meta(name, { resourceVersion: '7', ...more }),
    spec: { capacity: { storage: '2Gi' }, accessModes: ['ReadWriteOnce'], storageClassName: 'late', ...spec }, status: { phase: 'Available' },
  } as KubeObject
}

const on = (name: string) => ({
  nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] }] } },
})

function storageClass(name: string, volumeBindingMode: string, more: object = {}): KubeObject {
  return { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: meta(name), provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode, ...more } as KubeObject
}

const late = storageClass('late', 'WaitForFirstConsumer')
const using = (name: string, ...claims: string[]) =>
  pod(name, { spec: { volumes: claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })) } })

function place(objects: KubeObject[], wanted = using('p', 'c'), nodes = [node('a'), node('b')], placed = [] as ReturnType<typeof pod>[]): string {
  const result = world(nodes, placed, { objects }).schedule(podInfo(wanted))
  if (result.node !== undefined) return result.node.name
  return result.diagnosis.absent?.code === 'Error' ? `error: ${result.diagnosis.absent.reasons[0]}` : fitMessage(nodes.length, result.diagnosis)
}

describe('VolumeBinding', () => {
  test.each<[string, KubeObject[], string]>([
    ['no claim', [late], '0/2 nodes are available: persistentvolumeclaim "c" not found.'],
    ['a claim that is bound late goes where a volume is', [late, claim('c'), volume('v', on('b'))], 'b'],
    ['too small a volume', [late, claim('c', { resources: { requests: { storage: '3Gi' } } }), volume('v', on('b'))],
      '0/2 nodes are available: 2 node(s) didn\'t find available persistent volumes to bind.'],
    ['a bound claim', [late, bound('c', 'v'), volume('v', on('b'))], 'b'],
    ['a bound claim out of reach', [late, bound('c', 'v'), volume('v', on('x'))], '0/2 nodes are available: 2 node(s) didn\'t match PersistentVolume\'s node affinity.'],
    ['a lost volume', [late, bound('c', 'v')], '0/2 nodes are available: persistentvolume "v" not found.'],
    ['a claim that the controller must bind', [storageClass('late', 'Immediate'), claim('c')], '0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.'],
    ['a claim in deletion', [late, claim('c', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' })], '0/2 nodes are available: persistentvolumeclaim "c" is being deleted.'],
    ['provisioning where the topology allows', [storageClass('late', 'WaitForFirstConsumer', {
      provisioner: 'disk.example.com', allowedTopologies: [{ matchLabelExpressions: [{ key: 'kubernetes.io/hostname', values: ['b'] }] }],
    }), claim('c')], 'b'],
    ['a node chosen before', [late, claim('c', {}, { annotations: { 'volume.kubernetes.io/selected-node': 'a' } })],
      '0/2 nodes are available: 2 node(s) didn\'t find available persistent volumes to bind.'],
    ['capacity', [storageClass('late', 'WaitForFirstConsumer', { provisioner: 'disk.example.com' }), claim('c'),
      { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: meta('disk.example.com'), spec: { storageCapacity: true } } as KubeObject,
      { apiVersion: 'storage.k8s.io/v1', kind: 'CSIStorageCapacity', metadata: { name: 'x', namespace: 'default' }, storageClassName: 'late', capacity: '5Gi',
        nodeTopology: { matchLabels: { 'kubernetes.io/hostname': 'b' } } } as KubeObject], 'b'],
  ])('%s', (_what, objects, expected) => expect(place(objects)).toBe(expected))

  test('two claims of a pod take two volumes, and an assumed volume is taken', () => {
    const objects = [late, ...['c', 'd', 'e', 'f'].map((name) => claim(name)), volume('v', on('a')), volume('w', on('b')), volume('x', on('b'))]
    const small = world([node('a'), node('b')], [], { objects })
    const first = podInfo(using('p', 'c', 'd'))
    const result = small.schedule(first)
    expect(result.node?.name).toBe('b')
    expect(small.framework.reserve(result.state, first, result.node!)).toBeUndefined()
    expect(small.framework.willPreBind(result.state, first, 'b')).toBe(true)
    const second = podInfo(using('q', 'e', 'f'))
    expect(small.schedule(second).node).toBeUndefined()
    small.framework.unreserve(result.state, first, 'b')
    expect(small.schedule(second).node?.name).toBe('b')
  })
})

describe('VolumeZone', () => {
  const zoned = [node('a', { labels: { 'topology.kubernetes.io/zone': 'one' } }), node('b', { labels: { 'topology.kubernetes.io/zone': 'two' } })]
  test('old names and several zones of a volume', () => {
    const labels = { 'failure-domain.beta.kubernetes.io/zone': 'two__three' }
    expect(place([late, bound('c', 'v'), volume('v', {}, { labels })], using('p', 'c'), zoned)).toBe('b')
    expect(place([late, bound('c', 'v'), volume('v', {}, { labels: { 'topology.kubernetes.io/zone': 'four' } })], using('p', 'c'), zoned))
      .toBe('0/2 nodes are available: 2 node(s) had no available volume zone.')
  })
})

describe('VolumeRestrictions', () => {
  test('a claim for one pod only', () => {
    const objects = [late, bound('c', 'v', { accessModes: ['ReadWriteOncePod'] }), volume('v')]
    const holder = { ...using('x', 'c'), spec: { ...using('x', 'c').spec!, nodeName: 'a' } }
    expect(place(objects, using('p', 'c'), [node('a')], [holder]))
      .toBe('0/1 nodes are available: 1 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod.')
  })
  test('a disk that only one node writes', () => {
    const disk = (name: string, readOnly: boolean, nodeName?: string) => pod(name, { on: nodeName, spec: { volumes: [{ name: 'd', gcePersistentDisk: { pdName: 'disk', readOnly } }] } })
    expect(place([], disk('p', false), [node('a')], [disk('x', true, 'a')])).toBe('0/1 nodes are available: 1 node(s) had no available disk.')
    expect(place([], disk('p', true), [node('a')], [disk('x', true, 'a')])).toBe('a')
  })
})

test('NodeVolumeLimits: volumes of a driver count once each, with those that are still attached', () => {
  const csi = (name: string) => volume(name, { csi: { driver: 'd', volumeHandle: name } })
  const csiNode = (name: string, count: number) =>
    ({ apiVersion: 'storage.k8s.io/v1', kind: 'CSINode', metadata: meta(name), spec: { drivers: [{ name: 'd', nodeID: name, allocatable: { count } }] } }) as KubeObject
  const objects = [late, bound('c', 'v'), bound('e', 'w'), csi('v'), csi('w'), csi('left'), csiNode('a', 1), csiNode('b', 2),
    { apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttachment', metadata: meta('at'), spec: { attacher: 'd', nodeName: 'b', source: { persistentVolumeName: 'left' } } } as KubeObject]
  const holder = (name: string) => ({ ...using('x', 'e'), spec: { ...using('x', 'e').spec!, nodeName: name } })
  expect(place(objects, using('p', 'c'), [node('a'), node('b')], [holder('a')])).toBe('b')
  expect(place(objects, using('p', 'e'), [node('a')], [holder('a')])).toBe('a')
  expect(place(objects, using('p', 'c'), [node('a'), node('b')], [holder('a'), holder('b')])).toBe('0/2 nodes are available: 2 node(s) exceed max volume count.')
})
