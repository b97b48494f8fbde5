/** Claims and storage drivers on a node: our API server, our kubelet, a driver on a real socket; mounts are only remembered. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import grpc from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { csiDrivers, csiNodes, events, nodes, persistentVolumeClaims, persistentVolumes, pods, volumeAttachments } from '../api/generated/resources.ts'
import type { PersistentVolumeSpec, Pod, PodSpec } from '../api/generated/types/core-v1.ts'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import { type FakeCri, createFakeCri } from '../kubelet/cri/fake.ts'
import { createKubelet } from '../kubelet/kubelet.ts'
import { type TestDriver, startTestDriver } from '../kubelet/testing/csi-driver.ts'
import { type TestHost, createTestHost } from '../kubelet/testing/host.ts'
import type { Cluster } from './cluster.ts'
import { startCluster } from './start-cluster.ts'

async function eventually<T>(ask: () => T | Promise<T>, satisfied: (answer: T) => boolean, limitMs = 15_000): Promise<T> {
  const end = Date.now() + limitMs
  for (;;) {
    const answer = await ask()
    if (satisfied(answer)) return answer
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(answer).slice(0, 3000)}`)
    await new Promise((done) => setTimeout(done, 20))
  }
}

const namespace = 'default'
let cluster: Cluster
let dir: string
let cri: FakeCri
let host: TestHost
let node: { stop(): Promise<void> }
let driver: TestDriver
let ended = false
let attacher: Promise<void>

async function startNode(): Promise<{ stop(): Promise<void> }> {
  const env = createSystemEnv({ log: createLogger({ level: 'error' }) })
  const kubelet = createKubelet(env, cluster.clientAs('system:node:n1', ['system:nodes', 'system:authenticated']), {
    nodeName: 'n1', nodeIps: ['192.168.0.1'], rootDir: dir, podLogsDir: `${dir}/logs`, cri, host, cgroupsPerQOS: false, relistPeriod: 100,
  })
  await kubelet.start()
  await kubelet.ready
  return {
    async stop() {
      await kubelet.stop()
      await env.tasks.stop()
    },
  }
}

const startDriver = (): Promise<TestDriver> => startTestDriver({
  name: 'd.test', socket: `${dir}/plugins_registry/d.sock`, nodeId: 'machine-1', maxVolumes: 7, topology: { 'd.test/zone': 'z' },
})

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kv-'))
  mkdirSync(`${dir}/plugins_registry`)
  mkdirSync(`${dir}/disk`)
  cluster = await startCluster({ nodes: 0 })
  cri = createFakeCri(cluster.env.clock, { images: ['i:1'] })
  host = createTestHost()
  await cluster.client.create(csiDrivers, {
    apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: { name: 'd.test' },
    spec: { attachRequired: true, podInfoOnMount: true, volumeLifecycleModes: ['Persistent', 'Ephemeral'] },
  })
  node = await startNode()
  driver = await startDriver()
  await eventually(() => driver.registrations, (list) => list.length > 0)
  attacher = attachLoop()
})
afterAll(async () => {
  ended = true
  await attacher
  await node?.stop()
  await driver?.stop()
  await cluster?.stop()
  rmSync(dir, { recursive: true, force: true })
})

/** A volume and a claim that are bound to each other, as the controllers leave them. */
async function bound(name: string, spec: Partial<PersistentVolumeSpec>): Promise<void> {
  const claim = await cluster.client.create(persistentVolumeClaims, {
    apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, volumeName: `pv-${name}`, storageClassName: '', volumeMode: spec.volumeMode },
  })
  await cluster.client.create(persistentVolumes, {
    apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: `pv-${name}` },
    spec: {
      accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, persistentVolumeReclaimPolicy: 'Retain',
      claimRef: { kind: 'PersistentVolumeClaim', namespace, name, uid: claim.metadata.uid }, ...spec,
    },
  })
  await eventually(() => cluster.client.get(persistentVolumeClaims, { namespace, name }), ({ status }) => status?.phase === 'Bound')
}
const csi = (handle: string): Partial<PersistentVolumeSpec> => ({ csi: { driver: 'd.test', volumeHandle: handle, fsType: 'ext4', volumeAttributes: { a: 'b' } } })
const make = (name: string, spec: Partial<PodSpec>): Promise<Pod> => cluster.client.create(pods, {
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace },
  spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i:1', volumeMounts: [{ name: 'v', mountPath: '/v' }] }], automountServiceAccountToken: false, ...spec },
})
const withClaim = (name: string, claim: string) => make(name, { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: claim } }] })
const running = (name: string) => eventually(() => cluster.client.get(pods, { namespace, name }), ({ status }) => status?.phase === 'Running')
async function remove(name: string): Promise<void> {
  await cluster.client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0 })
  await eventually(() => cluster.client.list(pods, { namespace }), ({ items }) => !items.some(({ metadata }) => metadata.name === name))
}
const methods = () => driver.calls.map(({ method }) => method)
const mountOf = (name: string) => [...cri.containers.values()].find(({ config }) => config.labels['io.kubernetes.pod.name'] === name)?.config.mounts.find(({ containerPath }) => containerPath === '/v')
const messages = async (name: string) => (await cluster.client.list(events, { namespace })).items.filter(({ involvedObject }) => involvedObject.name === name).map(({ message }) => message ?? '')

/** The driver's half of attaching; the rest is our controller's. */
let attaching = false
async function attachLoop(): Promise<void> {
  while (!ended) {
    const { items } = attaching ? await cluster.client.list(volumeAttachments) : { items: [] }
    for (const { metadata, status } of items) {
      if (status?.attached === true || metadata.deletionTimestamp !== undefined) continue
      await cluster.client.patch(volumeAttachments, { name: metadata.name! }, 'merge', { status: { attached: true, attachmentMetadata: { device: 'sdb' } } }, { subresource: 'status' }).catch(() => undefined)
    }
    await new Promise((done) => setTimeout(done, 20))
  }
}
const unstaged = () => eventually(methods, (list) => list.at(-1) === 'NodeUnstageVolume')

describe('volumes of claims', () => {
  test('a driver introduces itself: CSINode, the node\'s annotation and labels', async () => {
    expect(driver.registrations).toEqual([{ pluginRegistered: true, error: '' }])
    const { spec, metadata } = await cluster.client.get(csiNodes, { name: 'n1' })
    expect(spec.drivers).toEqual([{ name: 'd.test', nodeID: 'machine-1', topologyKeys: ['d.test/zone'], allocatable: { count: 7 } }])
    expect(metadata.ownerReferences?.[0]?.kind).toBe('Node')
    const own = await cluster.client.get(nodes, { name: 'n1' })
    expect(own.metadata.annotations?.['csi.volume.kubernetes.io/nodeid']).toBe('{"d.test":"machine-1"}')
    expect(own.metadata.labels?.['d.test/zone']).toBe('z')
  })

  test('a claim that is not bound holds its pod, in upstream\'s words', async () => {
    await make('unbound', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'none' } }] })
    await eventually(() => messages('unbound'), (list) => list.some((text) => text.includes('error processing PVC default/none: failed to fetch PVC from API server: persistentvolumeclaims "none"')))
    await remove('unbound')
  })

  test('a local volume is bound into its pod, and only on its own node', async () => {
    const affinity = (name: string) => ({ required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] }] } })
    await bound('local', { local: { path: `${dir}/disk` }, nodeAffinity: affinity('n1') })
    await bound('elsewhere', { local: { path: `${dir}/disk` }, nodeAffinity: affinity('n2') })
    const { metadata: { uid } } = await withClaim('uses-local', 'local')
    await running('uses-local')
    const target = `${dir}/pods/${uid}/volumes/kubernetes.io~local-volume/pv-local`
    expect(mountOf('uses-local')?.hostPath).toBe(target)
    expect(host.mounted.get(target)).toBe(`${dir}/disk`)
    await withClaim('far', 'elsewhere')
    await eventually(() => messages('far'), (list) => list.includes('MountVolume.NodeAffinity check failed for volume "pv-elsewhere" : no matching NodeSelectorTerms'))
    await Promise.all(['uses-local', 'far'].map(remove))
    await eventually(() => host.mounted.has(target), (is) => !is)
    expect(existsSync(`${dir}/disk`)).toBe(true)
  })

  test('a driver\'s volume waits until it is attached, is staged once for two pods, and unstaged with the last', async () => {
    await bound('data', csi('h1'))
    driver.calls.length = 0
    const { metadata: { uid } } = await withClaim('one', 'data')
    await eventually(() => cluster.client.get(nodes, { name: 'n1' }), ({ status }) => status?.volumesInUse?.includes('kubernetes.io/csi/d.test^h1') === true)
    expect(methods()).toEqual([])
    attaching = true
    await running('one')
    await withClaim('two', 'data')
    await running('two')
    expect(methods()).toEqual(['NodeStageVolume', 'NodePublishVolume', 'NodePublishVolume'])
    const [stage, publish] = driver.calls.map(({ request }) => request)
    expect(stage).toMatchObject({
      volumeId: 'h1', publishContext: { device: 'sdb' }, volumeContext: { a: 'b' }, volumeCapability: { mount: { fsType: 'ext4' }, accessMode: { mode: 'SINGLE_NODE_WRITER' } },
    })
    expect(stage!.stagingTargetPath).toMatch(/plugins\/kubernetes.io\/csi\/d.test\/[0-9a-f]{64}\/globalmount$/)
    expect(publish).toMatchObject({
      targetPath: `${dir}/pods/${uid}/volumes/kubernetes.io~csi/pv-data/mount`, stagingTargetPath: stage!.stagingTargetPath,
      volumeContext: { a: 'b', 'csi.storage.k8s.io/pod.name': 'one', 'csi.storage.k8s.io/ephemeral': 'false' },
    })
    expect(JSON.parse(readFileSync(`${dir}/pods/${uid}/volumes/kubernetes.io~csi/pv-data/vol_data.json`, 'utf8'))).toMatchObject({ driverName: 'd.test', volumeHandle: 'h1', specVolID: 'pv-data', volumeLifecycleMode: 'Persistent' })
    await remove('one')
    await eventually(methods, (list) => list.at(-1) === 'NodeUnpublishVolume')
    await remove('two')
    await eventually(methods, (list) => list.slice(3).join() === 'NodeUnpublishVolume,NodeUnpublishVolume,NodeUnstageVolume')
    await eventually(() => readdirSync(`${dir}/plugins/kubernetes.io/csi/d.test`), (left) => left.length === 0)
    await eventually(() => cluster.client.get(nodes, { name: 'n1' }), ({ status }) => (status?.volumesInUse ?? []).length === 0)
  })

  test('a driver that refuses is asked again; its words are an event', async () => {
    driver.calls.length = 0
    driver.failNext('NodeStageVolume', grpc.status.INTERNAL, 'no such disk')
    await withClaim('retry', 'data')
    await running('retry')
    expect(await messages('retry')).toContain('MountVolume.MountDevice failed for volume "pv-data" : rpc error: code = Internal desc = no such disk')
    expect(methods()).toEqual(['NodeStageVolume', 'NodeStageVolume', 'NodePublishVolume'])
    await remove('retry')
    await unstaged()
  })

  test('a kubelet that starts again takes away what another mounted; a driver that was away is waited for', async () => {
    const { metadata: { uid } } = await withClaim('again', 'data')
    await running('again')
    await node.stop()
    await driver.stop()
    node = await startNode()
    await eventually(() => cluster.client.get(csiNodes, { name: 'n1' }), ({ spec }) => spec.drivers.length <= 1)
    await cluster.client.delete(pods, { namespace, name: 'again' }, { gracePeriodSeconds: 0 })
    await eventually(() => [...cri.containers.values()].some(({ config, state }) => config.labels['io.kubernetes.pod.name'] === 'again' && state === 'CONTAINER_RUNNING'), (alive) => !alive)
    expect(existsSync(`${dir}/pods/${uid}/volumes/kubernetes.io~csi/pv-data/vol_data.json`)).toBe(true)
    driver = await startDriver()
    await eventually(methods, (list) => list.includes('NodeUnstageVolume'))
    expect(methods().filter((method) => method !== 'NodeGetInfo')).toEqual(['NodeUnpublishVolume', 'NodeUnstageVolume'])
  })

  test('a volume grows when its claim does', async () => {
    await withClaim('grows', 'data')
    await running('grows')
    await cluster.client.patch(persistentVolumes, { name: 'pv-data' }, 'merge', { spec: { capacity: { storage: '2Gi' } } })
    await cluster.client.patch(persistentVolumeClaims, { namespace, name: 'data' }, 'merge', {
      status: { capacity: { storage: '1Gi' }, allocatedResourceStatuses: { storage: 'NodeResizePending' }, conditions: [{ type: 'FileSystemResizePending', status: 'True' }] },
    }, { subresource: 'status' })
    await cluster.client.patch(pods, { namespace, name: 'grows' }, 'merge', { metadata: { annotations: { poke: '1' } } })
    const { status } = await eventually(() => cluster.client.get(persistentVolumeClaims, { namespace, name: 'data' }), (claim) => claim.status?.capacity?.storage === '2Gi')
    expect([status?.allocatedResourceStatuses, status?.conditions]).toEqual([undefined, undefined])
    expect(driver.calls.at(-1)).toMatchObject({ method: 'NodeExpandVolume', request: { volumeId: 'h1', capacityRange: { requiredBytes: 2 * 1024 ** 3 } } })
    await remove('grows')
    await unstaged()
  })

  test('a volume of the pod\'s own, and a block device', async () => {
    driver.calls.length = 0
    await make('inline', { volumes: [{ name: 'v', csi: { driver: 'd.test', volumeAttributes: { x: 'y' } } }] })
    await running('inline')
    expect(methods()).toEqual(['NodePublishVolume'])
    expect(driver.calls[0]!.request).toMatchObject({ stagingTargetPath: '', volumeContext: { x: 'y', 'csi.storage.k8s.io/ephemeral': 'true' } })
    expect(driver.calls[0]!.request.volumeId).toMatch(/^csi-[0-9a-f]{64}$/)
    await remove('inline')
    await eventually(methods, (list) => list.at(-1) === 'NodeUnpublishVolume')
    await bound('raw', { ...csi('h2'), volumeMode: 'Block' })
    driver.calls.length = 0
    await make('block', {
      containers: [{ name: 'c', image: 'i:1', volumeDevices: [{ name: 'v', devicePath: '/dev/x' }] }], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'raw' } }],
    })
    await running('block')
    const { config } = [...cri.containers.values()].find((container) => container.config.labels['io.kubernetes.pod.name'] === 'block')!
    expect(config.devices).toMatchObject([{ containerPath: '/dev/x', permissions: 'mrw' }])
    expect(config.devices![0]!.hostPath).toMatch(/volumeDevices\/kubernetes.io~csi\/pv-raw$/)
    await remove('block')
    await eventually(methods, (list) => list.at(-1) === 'NodeUnstageVolume')
    expect(methods()).toEqual(['NodeStageVolume', 'NodePublishVolume', 'NodeUnpublishVolume', 'NodeUnstageVolume'])
  })
})
