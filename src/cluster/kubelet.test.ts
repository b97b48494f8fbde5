/** The kubelet against our API server: pods through all their states, on a runtime in memory. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { configMaps, events, leases, nodes, pods } from '../api/generated/resources.ts'
import type { Pod, PodSpec } from '../api/generated/types/core-v1.ts'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import { type FakeCri, type Behaviour, createFakeCri } from '../kubelet/cri/fake.ts'
import { createKubelet } from '../kubelet/kubelet.ts'
import { createTestHost } from '../kubelet/testing/host.ts'
import type { Cluster } from './cluster.ts'
import { startCluster } from './start-cluster.ts'

async function eventually<T>(ask: () => Promise<T>, satisfied: (answer: T) => boolean, limitMs = 15_000): Promise<T> {
  const end = Date.now() + limitMs
  for (;;) {
    const answer = await ask()
    if (satisfied(answer)) return answer
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(answer).slice(0, 3000)}`)
    await new Promise((done) => setTimeout(done, 20))
  }
}

let cluster: Cluster
let cri: FakeCri
let dir: string
let node: { stop(): Promise<void> }
const namespace = 'default'
/** By container name. */
const behaviours: Record<string, Behaviour> = {
  fails: { exitAfterMs: 0, exitCode: 3 }, ends: { exitAfterMs: 0 }, slow: { stopAfterMs: 500 }, init: { exitAfterMs: 100 },
}

async function startNode(): Promise<{ stop(): Promise<void> }> {
  const env = createSystemEnv({ log: createLogger({ level: 'warn' }) })
  const kubelet = createKubelet(env, cluster.clientAs('system:node:n1', ['system:nodes', 'system:authenticated']), {
    nodeName: 'n1', nodeIps: ['192.168.0.1'], rootDir: `${dir}/root`, podLogsDir: `${dir}/logs`, cri, host: createTestHost(), cgroupsPerQOS: false,
    clusterDNS: ['10.96.0.10'], clusterDomain: 'cluster.local', relistPeriod: 100, housekeepingPeriod: 50, staticPodPath: `${dir}/static`,
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

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kubelet-'))
  cluster = await startCluster({ nodes: 0 })
  cri = createFakeCri(cluster.env.clock, { images: ['i:1'], registry: ['i:1'], behaviour: (config) => behaviours[config.metadata.name] ?? {} })
  node = await startNode()
})
afterAll(async () => {
  await node?.stop()
  await cluster?.stop()
  rmSync(dir, { recursive: true, force: true })
})

const make = (name: string, spec: Partial<PodSpec>): Promise<Pod> => cluster.client.create(pods, {
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace },
  spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i:1' }], automountServiceAccountToken: false, ...spec },
})
const until = (name: string, satisfied: (pod: Pod) => boolean) => eventually(() => cluster.client.get(pods, { namespace, name }), satisfied)
const gone = (name: string) => eventually(() => cluster.client.list(pods, { namespace }), ({ items }) => !items.some(({ metadata }) => metadata.name === name))
const reasons = async (name: string) => (await cluster.client.list(events, { namespace })).items.filter(({ involvedObject }) => involvedObject.name === name).map(({ reason }) => reason)
const isReady = (pod: Pod) => pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true

describe('the kubelet', () => {
  test('registers its node and renews its lease', async () => {
    const own = await cluster.client.get(nodes, { name: 'n1' })
    expect(own.status).toMatchObject({ capacity: { cpu: '4', pods: '110' }, nodeInfo: { containerRuntimeVersion: 'fake://1.0.0' }, addresses: [{ type: 'InternalIP', address: '192.168.0.1' }, { type: 'Hostname', address: 'n1' }] })
    const lease = await eventually(() => cluster.client.list(leases, { namespace: 'kube-node-lease' }), ({ items }) => items.length === 1)
    expect(lease.items[0]?.spec?.holderIdentity).toBe('n1')
  })

  test('a pod runs, is ready, and goes', async () => {
    await make('web', {})
    const pod = await until('web', isReady)
    expect(pod.status).toMatchObject({ phase: 'Running', hostIP: '192.168.0.1', containerStatuses: [{ name: 'c', ready: true, started: true, restartCount: 0 }] })
    expect(pod.status?.podIP).toMatch(/^10\.88\./)
    await eventually(() => reasons('web'), (list) => ['Pulled', 'Created', 'Started'].every((reason) => list.includes(reason)))
    await cluster.client.delete(pods, { namespace, name: 'web' })
    await gone('web')
    await eventually(async () => [...cri.containers.values()].filter(({ config }) => config.labels['io.kubernetes.pod.name'] === 'web').length, (left) => left === 0)
    expect(await reasons('web')).toContain('Killing')
  })

  test('a killed container is restarted, and counted', async () => {
    await make('restart', {})
    const before = await until('restart', isReady)
    const id = before.status!.containerStatuses![0]!.containerID!.slice('fake://'.length)
    cri.exit(id, 137)
    const after = await until('restart', (pod) => pod.status?.containerStatuses?.[0]?.restartCount === 1 && isReady(pod))
    expect(after.status?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({ exitCode: 137, reason: 'Error' })
  })

  test('a crash loop backs off in upstream\'s words', async () => {
    const pod = await make('loop', { containers: [{ name: 'fails', image: 'i:1' }] })
    const looping = await until('loop', ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff')
    expect(looping.status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 1, lastState: { terminated: { exitCode: 3 } },
      state: { waiting: { message: `back-off 10s restarting failed container=fails pod=loop_default(${pod.metadata.uid})` } },
    })
  })

  test('init containers come first; a pod that ends has succeeded', async () => {
    await make('job', { restartPolicy: 'Never', initContainers: [{ name: 'init', image: 'i:1' }], containers: [{ name: 'ends', image: 'i:1' }] })
    const done = await until('job', ({ status }) => status?.phase === 'Succeeded')
    expect(done.status?.initContainerStatuses?.[0]).toMatchObject({ ready: true, state: { terminated: { reason: 'Completed' } } })
    const order = cri.calls.filter((call) => /^StartContainer (init|ends)$/.test(call))
    expect(order).toEqual(['StartContainer init', 'StartContainer ends'])
  })

  test('an image that does not exist, a config map that does not, a pod that does not fit', async () => {
    await make('noimage', { containers: [{ name: 'c', image: 'none:1' }] })
    await make('nomap', { containers: [{ name: 'c', image: 'i:1', env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'later', key: 'k' } } }] }] })
    await make('big', { containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu: '100' } } }] })
    const waiting = (reason: string) => ({ status }: Pod) => status?.containerStatuses?.[0]?.state?.waiting?.reason === reason
    await until('noimage', waiting('ErrImagePull'))
    const config = await until('nomap', waiting('CreateContainerConfigError'))
    expect(config.status?.containerStatuses?.[0]?.state?.waiting?.message).toBe('configmap "later" not found')
    const refused = await until('big', ({ status }) => status?.phase === 'Failed')
    expect(refused.status).toMatchObject({ reason: 'OutOfcpu', message: "Pod was rejected: Node didn't have enough resource: cpu, requested: 100000, used: 0, capacity: 4000" })
    await cluster.client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'later', namespace }, data: { k: 'v' } })
    await until('nomap', isReady)
    const made = [...cri.containers.values()].find((c) => c.config.labels['io.kubernetes.pod.name'] === 'nomap')
    expect(made?.config.envs).toContainEqual({ key: 'A', value: 'v' })
    for (const name of ['noimage', 'big']) {
      await cluster.client.delete(pods, { namespace, name })
      await gone(name)
    }
  })

  test('a kubelet that comes back finds its pods and leaves them alone', async () => {
    await make('stay', {})
    await make('leave', { containers: [{ name: 'slow', image: 'i:1' }] })
    await Promise.all(['stay', 'leave'].map((name) => until(name, isReady)))
    await node.stop()
    const calls = cri.calls.length
    await cluster.client.delete(pods, { namespace, name: 'leave' })
    node = await startNode()
    await gone('leave')
    expect(isReady(await cluster.client.get(pods, { namespace, name: 'stay' }))).toBe(true)
    const touched = cri.calls.slice(calls).filter((call) => /^(RunPodSandbox|CreateContainer|StopContainer|StopPodSandbox) (c|stay|slow|leave)\b/.test(call))
    // The sandbox is stopped once more before it is removed.
    expect([...new Set(touched)]).toEqual(['StopContainer slow 30', 'StopPodSandbox leave'])
  })

  test('after a power cut everything comes again', async () => {
    await make('phoenix', {})
    await until('phoenix', isReady)
    cri.crash()
    const again = await until('phoenix', (pod) => isReady(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 1)
    expect(again.status?.phase).toBe('Running')
    expect(await eventually(() => reasons('phoenix'), (list) => list.includes('SandboxChanged'))).toContain('SandboxChanged')
  })

  test('a pod that nobody wants any more is ended, also when the kubelet never saw it go', async () => {
    await make('lost', {})
    await until('lost', isReady)
    await node.stop()
    await cluster.client.delete(pods, { namespace, name: 'lost' }, { gracePeriodSeconds: 0 })
    node = await startNode()
    await eventually(async () => [...cri.containers.values()].some(({ config }) => config.labels['io.kubernetes.pod.name'] === 'lost'), (there) => !there)
  })
})
