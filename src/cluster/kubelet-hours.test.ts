/** What takes hours on a node, in virtual time: an API server that is away, images that do not come, clocks that are set. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { leases, nodes, pods } from '../api/generated/resources.ts'
import type { Pod, PodSpec } from '../api/generated/types/core-v1.ts'
import type { Clock, Env } from '../base/env.ts'
import { createMetrics } from '../base/metrics.ts'
import { createLogger } from '../base/real/env.ts'
import { createTasks } from '../base/tasks.ts'
import { type FakeCri, createFakeCri } from '../kubelet/cri/fake.ts'
import type { HostFiles } from '../kubelet/host/contract.ts'
import { createKubelet } from '../kubelet/kubelet.ts'
import { type FaultGate, createFaultGate } from '../kubelet/testing/faults.ts'
import { createTestHost } from '../kubelet/testing/host.ts'
import { type Cluster, startCluster } from './start-cluster.ts'

const namespace = 'default'
const log = createLogger({ level: 'error', write: () => undefined })
let cluster: Cluster
let cri: FakeCri
let gate: FaultGate
let dir: string
let stop: () => Promise<void>
let registry: string[]
/** ms by which the node's clock is wrong. */
let wrongBy: number
/** "<pod>/<container>" that ran twice at one time. */
let twice: string[]

/** Files are work outside of virtual time, which waits for them. */
function holding(clock: Clock, files: HostFiles): HostFiles {
  return new Proxy(files, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>
      return async (...args: unknown[]) => {
        const release = clock.hold!()
        try {
          return await method.apply(target, args)
        } finally {
          release()
        }
      }
    },
  })
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kubelet-hours-'))
  registry = ['i:1']
  wrongBy = 0
  twice = []
  // Beside another that is well: of a cluster without any nobody is evicted.
  cluster = await startCluster({ time: 'virtual', nodes: 1 })
  const own = cluster.env.clock
  const clock: Clock = {
    now: () => own.now() + wrongBy, monotonic: () => own.monotonic(), setTimeout: (callback, ms) => own.setTimeout(callback, ms),
    sleep: (ms, signal) => own.sleep(ms, signal), hold: () => own.hold!(),
  }
  cri = createFakeCri(clock, { registry, behaviour: (config) => (config.metadata.name === 'crashes' ? { exitAfterMs: 1000, exitCode: 1 } : {}) })
  const { startContainer } = cri.runtime
  cri.runtime.startContainer = async (id) => {
    await startContainer(id)
    const key = keyOf(cri.containers.get(id)!)
    if (running().filter((one) => one === key).length > 1) twice.push(key)
  }
  gate = createFaultGate()
  const env: Env = { ...cluster.env, clock, log, tasks: createTasks(log), metrics: createMetrics() }
  const host = createTestHost()
  const kubelet = createKubelet(env, gate.client(cluster.clientAs('system:node:n1', ['system:nodes', 'system:authenticated'])), {
    nodeName: 'n1', nodeIps: ['192.168.0.1'], rootDir: `${dir}/root`, podLogsDir: `${dir}/logs`, cri: gate.cri(cri), host: gate.host({ ...host, files: holding(clock, host.files) }),
    cgroupsPerQOS: false, relistPeriod: 5000, housekeepingPeriod: 60_000,
  })
  await kubelet.start()
  await cluster.time.until(kubelet.ready)
  stop = async () => {
    await kubelet.stop()
    await env.tasks.stop()
  }
})
afterEach(async () => {
  await stop()
  await cluster.stop()
  rmSync(dir, { recursive: true, force: true })
  expect(twice).toEqual([])
})

type Started = Pick<FakeCri['containers'] extends ReadonlyMap<string, infer C> ? C : never, 'config'>
const keyOf = ({ config }: Started) => `${config.labels['io.kubernetes.pod.name']}/${config.metadata.name}`
const running = () => [...cri.containers.values()].filter(({ state }) => state === 'CONTAINER_RUNNING').map(keyOf).sort()
const get = (name: string) => cluster.client.get(pods, { namespace, name })
const ready = (pod: Pod) => pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status
const nodeReady = async () => (await cluster.client.get(nodes, { name: 'n1' })).status?.conditions?.find(({ type }) => type === 'Ready')?.status
const count = (call: string) => cri.calls.filter((one) => one === call).length
const make = (name: string, container: string, spec: Partial<PodSpec> = {}, image = 'i:1'): Promise<Pod> => cluster.client.create(pods, {
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec: { nodeName: 'n1', automountServiceAccountToken: false, containers: [{ name: container, image }], ...spec },
})

test('the API server is away for an hour: what runs goes on, what ends is started again, and all is told afterwards', async () => {
  await make('stay', 'c', { tolerations: [{ operator: 'Exists' }] })
  await make('restless', 'crashes', { tolerations: [{ operator: 'Exists' }] })
  await make('leave', 'c')
  await cluster.time.advance('10s')
  expect([ready(await get('stay')), await nodeReady()]).toEqual(['True', 'True'])
  gate.apiDown = new Error('connect ECONNREFUSED')
  const crashesBefore = count('StartContainer crashes')
  await cluster.time.advance('1h')
  // The cluster has given the node up, and wants the pod gone that does not put up with that; the node does not know.
  expect([await nodeReady(), (await get('leave')).metadata.deletionTimestamp !== undefined, (await get('stay')).metadata.deletionTimestamp]).toEqual(['Unknown', true, undefined])
  expect(running().filter((key) => key.endsWith('/c'))).toEqual(['leave/c', 'stay/c'])
  // 10 s, doubling to 5 min: 5 in the first six minutes, then one in five.
  expect(count('StartContainer crashes') - crashesBefore).toBeGreaterThanOrEqual(14)
  expect(count('StartContainer crashes') - crashesBefore).toBeLessThanOrEqual(17)
  expect(['RunPodSandbox stay', 'RunPodSandbox leave', 'RunPodSandbox restless'].map(count)).toEqual([1, 1, 1])
  gate.apiDown = undefined
  await cluster.time.advance('2m')
  expect([await nodeReady(), ready(await get('stay')), running().includes('leave/c')]).toEqual(['True', 'True', false])
  expect((await cluster.client.list(pods, { namespace })).items.map(({ metadata }) => metadata.name!).sort()).toEqual(['restless', 'stay'])
  expect((await get('stay')).status?.containerStatuses?.[0]?.restartCount).toBe(0)
  expect((await get('restless')).status?.containerStatuses?.[0]?.restartCount).toBe(count('StartContainer crashes') - 1)
})

test('an image that does not come is asked for less and less, keeps nobody up, and is used when it is there', async () => {
  await make('late', 'waits', {}, 'x:1')
  await make('other', 'c')
  await cluster.time.advance(500)
  const waiting = (await get('late')).status?.containerStatuses?.[0]?.state?.waiting
  expect([waiting?.reason, ready(await get('other'))]).toEqual(['ErrImagePull', 'True'])
  await cluster.time.advance('30m')
  expect((await get('late')).status?.containerStatuses?.[0]?.state?.waiting).toMatchObject({ reason: 'ImagePullBackOff', message: expect.stringContaining('Back-off pulling image "x:1"') as unknown })
  const pulls = count('PullImage x:1')
  // At 0, 10, 30, 70, 150 and 310 s, then every five minutes.
  expect(pulls).toBeGreaterThanOrEqual(9)
  expect(pulls).toBeLessThanOrEqual(11)
  expect(count('RunPodSandbox late')).toBe(1)
  registry.push('x:1')
  await cluster.time.advance('6m')
  expect([ready(await get('late')), count('StartContainer waits'), count('RunPodSandbox late')]).toEqual(['True', 1, 1])
})

test.each([['a day ahead', 86_400_000], ['a day back', -86_400_000]])('a clock that is set %s: nothing ends, nothing starts twice, delays are no longer than they were', async (_, by) => {
  await make('stay', 'c', { tolerations: [{ operator: 'Exists' }] })
  await make('restless', 'crashes', { tolerations: [{ operator: 'Exists' }] })
  await cluster.time.advance('15m')
  const before = count('StartContainer crashes')
  wrongBy = by
  await cluster.time.advance('12m')
  expect([ready(await get('stay')), running().includes('stay/c'), count('StartContainer c'), await nodeReady()]).toEqual(['True', true, 1, 'True'])
  expect((await get('stay')).status?.containerStatuses?.[0]?.restartCount).toBe(0)
  expect(count('StartContainer crashes')).toBeGreaterThanOrEqual(before + 2)
  const lease = await cluster.client.get(leases, { namespace: 'kube-node-lease', name: 'n1' })
  expect(Math.abs(Date.parse(lease.spec!.renewTime!) - (cluster.time.now() + by))).toBeLessThan(60_000)
})
