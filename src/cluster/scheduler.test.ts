/** The scheduler against an API server of this process: what it writes, and what it makes wait. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Clock, Metrics } from '../base/env.ts'
import { createSystemEnv, createLogger } from '../base/real/env.ts'
import { deviceClasses, events, nodes, persistentVolumeClaims, persistentVolumes, pods, resourceClaims, resourceSlices, storageClasses } from '../api/generated/resources.ts'
import type { Node, Pod, PodSpec } from '../api/generated/types/core-v1.ts'
import { loadSchedulerConfiguration } from '../scheduler/config/load.ts'
import type { Handle, PluginDefinition } from '../scheduler/framework.ts'
import { createScheduler } from '../scheduler/scheduler.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'

let plane: ControlPlane
let handle: Handle
let metrics: Metrics
const asked: { url: string; body: Record<string, unknown> }[] = []

/** Lets pods with a label wait until a test allows them. */
const gatekeeper: PluginDefinition = {
  name: 'Gatekeeper',
  create(_args, given) {
    handle = given
    return { name: 'Gatekeeper', permit: (_state, pod) => (pod.labels['wait'] === undefined ? undefined : { code: 'Wait', timeoutMs: 60_000 }) }
  },
}

const node = (name: string, cpu = '2'): Node => ({
  apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'kubernetes.io/hostname': name } },
  status: { allocatable: { cpu, memory: '4Gi', pods: '20' }, capacity: { cpu, memory: '4Gi', pods: '20' } },
})

const pod = (name: string, spec: Partial<PodSpec> = {}, labels?: Record<string, string>): Pod => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', ...(labels === undefined ? {} : { labels }) },
  spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '1' } } }], ...spec },
})

beforeAll(async () => {
  const env = createSystemEnv({ log: createLogger({ level: 'error', write: () => undefined }) })
  metrics = env.metrics
  plane = await startControlPlane(env, { apiserver: {}, scheduler: false })
  const configuration = loadSchedulerConfiguration({
    apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration',
    profiles: [{ schedulerName: 'default-scheduler', plugins: { multiPoint: { enabled: [{ name: 'Gatekeeper' }] } } }],
    extenders: [{ urlPrefix: 'http://extender', filterVerb: 'filter', nodeCacheCapable: true, managedResources: [{ name: 'example.com/thing', ignoredByScheduler: true }] }],
  })
  await plane.add(createScheduler({ ...env, clock: faster(env.clock, 20) }, plane.client('system:kube-scheduler'), {
    configuration, plugins: [gatekeeper],
    post: (url, body) => {
      asked.push({ url, body: body as Record<string, unknown> })
      return Promise.resolve({ code: 200, body: { NodeNames: ['node-b'], FailedNodes: { 'node-a': 'not this one' } } })
    },
  }))
})
afterAll(() => plane.stop())

async function until(name: string, holds: (pod: Pod) => boolean): Promise<Pod> {
  const lister = plane.informers.of(pods)
  for (let i = 0; i < 400; i++) {
    const found = lister.get({ namespace: 'default', name })
    if (found !== undefined && holds(found)) return found
    await new Promise((done) => setTimeout(done, 10))
  }
  throw new Error(`pod ${name} is still ${JSON.stringify(lister.get({ namespace: 'default', name })?.status)}`)
}

/** A clock that runs so many times as fast, so that no test waits for a back-off. */
function faster(clock: Clock, factor: number): Clock {
  const start = clock.now()
  return {
    now: () => start + (clock.now() - start) * factor, monotonic: () => clock.monotonic() * factor,
    setTimeout: (callback, ms) => clock.setTimeout(callback, ms / factor), sleep: (ms, signal) => clock.sleep(ms / factor, signal),
  }
}

const bound = (name: string) => until(name, (p) => p.spec?.nodeName !== undefined)
const refused = (name: string) => until(name, (p) => p.status?.conditions?.some((c) => c.type === 'PodScheduled' && c.status === 'False') ?? false)
const remove = (...names: string[]) => Promise.all(names.map((name) => plane.server.client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 })))

test('no nodes, then one: the refused pod is woken, told in condition and event', async () => {
  const { client } = plane.server
  await client.create(pods, pod('first'))
  const waiting = await refused('first')
  expect(waiting.status!.conditions![0]).toMatchObject({ reason: 'Unschedulable', message: 'no nodes available to schedule pods' })
  await client.create(nodes, node('node-a'))
  expect((await bound('first')).spec!.nodeName).toBe('node-a')
  const told = async () => (await client.list(events, { namespace: 'default' })).items.filter((e) => e.involvedObject.name === 'first').map((e) => e.reason)
  await expect.poll(told).toEqual(expect.arrayContaining(['FailedScheduling', 'Scheduled']))
  await remove('first')
})

test('a pod that Permit makes wait holds its place; allowed, it is bound; rejected, it is refused', async () => {
  const { client } = plane.server
  await client.create(pods, pod('waits', {}, { wait: 'yes' }))
  await until('waits', (p) => p.status?.nominatedNodeName === 'node-a')
  handle.waiting().find((w) => w.pod.metadata.name === 'waits')!.allow('Gatekeeper')
  expect((await bound('waits')).spec!.nodeName).toBe('node-a')
  await remove('waits')
  await client.create(pods, pod('rejected', {}, { wait: 'yes' }))
  await until('rejected', (p) => p.status?.nominatedNodeName === 'node-a')
  handle.waiting()[0]!.reject('Gatekeeper', 'go away')
  expect((await refused('rejected')).status!.conditions![0]!.message).toBe('0/1 nodes are available: 1 go away.')
  await remove('rejected')
})

test('less important pods make room', async () => {
  const { client } = plane.server
  await client.create(pods, pod('low', { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '2' } } }], terminationGracePeriodSeconds: 0 }))
  await bound('low')
  await client.create(pods, pod('high', { priorityClassName: 'system-node-critical' }))
  expect((await bound('high')).spec!.nodeName).toBe('node-a')
  expect(plane.informers.of(pods).get({ namespace: 'default', name: 'low' })).toBeUndefined()
  await remove('high')
})

test('an extender of a resource is asked about pods that want it, and its word counts', async () => {
  const { client } = plane.server
  await client.create(nodes, node('node-b'))
  await client.create(pods, pod('special', { containers: [{ name: 'c', image: 'i', resources: { requests: { 'example.com/thing': '1' }, limits: { 'example.com/thing': '1' } } }] }))
  expect((await bound('special')).spec!.nodeName).toBe('node-b')
  expect(asked.at(-1)).toMatchObject({ url: 'http://extender/filter', body: { NodeNames: expect.arrayContaining(['node-a', 'node-b']) as string[], Nodes: null } })
  await remove('special')
})

test('a claim that waits for its first pod is bound to a volume within reach of the node', async () => {
  const { client } = plane.server
  await client.create(storageClasses, { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'late' }, provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' })
  await client.create(persistentVolumeClaims, {
    apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data', namespace: 'default' },
    spec: { storageClassName: 'late', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  })
  await client.create(pods, pod('stateful', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] }))
  expect((await refused('stateful')).status!.conditions![0]!.message).toMatch(/^0\/2 nodes are available: 2 node\(s\) didn't find available persistent volumes to bind\./)
  await client.create(persistentVolumes, {
    apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'disk' },
    spec: {
      capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], storageClassName: 'late', local: { path: '/x' }, persistentVolumeReclaimPolicy: 'Retain',
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node-b'] }] }] } },
    },
  })
  expect((await bound('stateful')).spec!.nodeName).toBe('node-b')
  expect((await client.get(persistentVolumeClaims, { namespace: 'default', name: 'data' })).spec!.volumeName).toBe('disk')
})

test('a pod\'s claim of a device is allocated and reserved before the pod is bound; who comes too late waits until it is free', async () => {
  const client = plane.client('tester', ['system:masters'])
  await client.create(deviceClasses, { apiVersion: 'resource.k8s.io/v1', kind: 'DeviceClass', metadata: { name: 'gpu' }, spec: { selectors: [{ cel: { expression: 'device.driver == "gpu.example.com"' } }] } })
  await client.create(resourceSlices, {
    apiVersion: 'resource.k8s.io/v1', kind: 'ResourceSlice', metadata: { name: 'node-b-gpu' },
    spec: { driver: 'gpu.example.com', nodeName: 'node-b', pool: { name: 'node-b', generation: 1, resourceSliceCount: 1 }, devices: [{ name: 'gpu-0' }] },
  })
  const small = { containers: [{ name: 'c', image: 'i', resources: { claims: [{ name: 'gpu' }] } }] }
  for (const name of ['first', 'second']) {
    await client.create(resourceClaims, {
      apiVersion: 'resource.k8s.io/v1', kind: 'ResourceClaim', metadata: { name, namespace: 'default' }, spec: { devices: { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu' } }] } },
    })
    await client.create(pods, pod(`with-gpu-${name}`, { ...small, resourceClaims: [{ name: 'gpu', resourceClaimName: name }] }))
    if (name === 'first') await until('with-gpu-first', ({ spec }) => spec?.nodeName === 'node-b')
  }
  const { status } = await client.get(resourceClaims, { namespace: 'default', name: 'first' })
  expect(status).toMatchObject({
    allocation: { devices: { results: [{ request: 'gpu', driver: 'gpu.example.com', pool: 'node-b', device: 'gpu-0' }] }, nodeSelector: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', values: ['node-b'] }] }] } },
    reservedFor: [{ resource: 'pods', name: 'with-gpu-first' }],
  })
  const refused = await until('with-gpu-second', ({ status: now }) => now?.conditions?.some(({ reason }) => reason === 'Unschedulable') === true)
  expect(refused.status?.conditions?.[0]?.message).toContain('cannot allocate all claims')
  const { allocation: _, reservedFor: __, ...freed } = (await client.get(resourceClaims, { namespace: 'default', name: 'first' })).status!
  const claim = await client.get(resourceClaims, { namespace: 'default', name: 'first' })
  await client.update(resourceClaims, { ...claim, status: freed }, { subresource: 'status' })
  await until('with-gpu-second', ({ spec }) => spec?.nodeName === 'node-b')
})

test('every extension point says how long it took, by what came of it', async () => {
  await plane.server.client.create(pods, pod('anywhere', { containers: [{ name: 'c', image: 'i' }] }))
  await bound('anywhere')
  const text = metrics.render()
  const counted = [...text.matchAll(/^scheduler_framework_extension_point_duration_seconds_count\{extension_point="(\w+)",status="(\w+)",profile="default-scheduler"\} [1-9]/gm)].map(([, point, status]) => `${point} ${status}`)
  expect(counted).toEqual(expect.arrayContaining([
    'PreFilter Success', 'Filter Success', 'PostFilter Unschedulable', 'PreScore Success', 'Score Success', 'Reserve Success', 'Permit Success', 'Permit Wait', 'PreBind Success',
    'Bind Success', 'PostBind Success', 'Unreserve Success',
  ]))
})
