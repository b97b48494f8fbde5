/** What goes wrong on a node, and that pods go on: on a runtime in memory, at every step where it can go wrong. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { events, nodes, pods } from '../api/generated/resources.ts'
import type { Pod, PodSpec } from '../api/generated/types/core-v1.ts'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import { type FakeCri, createFakeCri } from '../kubelet/cri/fake.ts'
import type { Host } from '../kubelet/host/contract.ts'
import { createKubelet } from '../kubelet/kubelet.ts'
import { type FaultGate, createFaultGate } from '../kubelet/testing/faults.ts'
import { createTestHost } from '../kubelet/testing/host.ts'
import { type Cluster, startCluster } from './start-cluster.ts'

interface Kubelet {
  readonly gate: FaultGate
  stop(): Promise<void>
}

const namespace = 'default'
let cluster: Cluster
let cri: FakeCri
let dir: string
let kubelet: Kubelet | undefined
let latestGate: FaultGate
/** "<pod>/<container>" that ran twice at one time. */
const twice: string[] = []

async function eventually<T>(ask: () => Promise<T> | T, satisfied: (answer: T) => boolean, limitMs = 15_000): Promise<T> {
  const end = Date.now() + limitMs
  for (;;) {
    const answer = await ask()
    if (satisfied(answer)) return answer
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(answer).slice(0, 2000)}\n${cri.calls.slice(-30).join('\n')}`)
    await new Promise((done) => setTimeout(done, 10))
  }
}

async function startNode(change: (host: Host) => Host = (host) => host): Promise<Kubelet> {
  const gate = latestGate = createFaultGate()
  const env = createSystemEnv({ log: createLogger({ level: 'error', write: () => undefined }) })
  const client = gate.client(cluster.clientAs('system:node:n1', ['system:nodes', 'system:authenticated']))
  const own = createKubelet(env, client, {
    nodeName: 'n1', nodeIps: ['192.168.0.1'], rootDir: `${dir}/root`, podLogsDir: `${dir}/logs`, cri: gate.cri(cri), host: gate.host(change(createTestHost())),
    cgroupsPerQOS: false, relistPeriod: 30, housekeepingPeriod: 30, nodeStatusUpdateFrequency: 50,
  })
  await own.start()
  await own.ready
  return {
    gate,
    async stop() {
      await own.stop().catch(() => undefined)
      await env.tasks.stop()
    },
  }
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kubelet-faults-'))
  cluster = await startCluster({ nodes: 0 })
  const behaviours: Record<string, object> = { init: { exitAfterMs: 0 }, slow: { stopAfterMs: 30 } }
  cri = createFakeCri(cluster.env.clock, { registry: ['i:1'], behaviour: (config) => behaviours[config.metadata.name] ?? {} })
  const { startContainer } = cri.runtime
  cri.runtime.startContainer = async (id) => {
    await startContainer(id)
    const { config } = cri.containers.get(id)!
    const same = [...cri.containers.values()].filter((other) => other.state === 'CONTAINER_RUNNING' && keyOf(other) === keyOf({ config }))
    if (same.length > 1) twice.push(keyOf({ config }))
  }
})
afterEach(async () => {
  await kubelet?.stop()
  kubelet = undefined
  expect(twice).toEqual([])
})
afterAll(async () => {
  await cluster?.stop()
  rmSync(dir, { recursive: true, force: true })
})

const podOf = ({ config }: { config: { labels: Readonly<Record<string, string>> } }) => config.labels['io.kubernetes.pod.name']!
const keyOf = (container: { config: { labels: Readonly<Record<string, string>>; metadata: { name: string } } }) => `${podOf(container)}/${container.config.metadata.name}`
const living = (name: string) => [...cri.containers.values()].filter((c) => c.state === 'CONTAINER_RUNNING' && podOf(c) === name).map(keyOf).sort()
const isReady = (pod: Pod) => pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
const until = (name: string, satisfied: (pod: Pod) => boolean) => eventually(() => cluster.client.get(pods, { namespace, name }), satisfied)
const gone = (name: string) => eventually(() => cluster.client.list(pods, { namespace }), ({ items }) => !items.some(({ metadata }) => metadata.name === name))
const remove = (name: string, gracePeriodSeconds?: number) => cluster.client.delete(pods, { namespace, name }, gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds })
const make = (name: string, spec: Partial<PodSpec> = {}): Promise<Pod> => cluster.client.create(pods, {
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace },
  spec: {
    nodeName: 'n1', automountServiceAccountToken: false, initContainers: [{ name: 'init', image: 'i:1' }],
    containers: [{ name: 'c', image: 'i:1' }, { name: 'slow', image: 'i:1', volumeMounts: [{ name: 'v', mountPath: '/v' }] }], volumes: [{ name: 'v', emptyDir: {} }], ...spec,
  },
})
const both = (name: string) => [`${name}/c`, `${name}/slow`]

describe('a kubelet that is killed', () => {
  // Sandbox, then create and start of three containers; the image is pulled only by the first.
  const steps = [1, 2, 3, 4, 5, 6, 7].flatMap((n) => (['before', 'after'] as const).map((when) => [n, when] as const))
  test.each(steps)('while it starts a pod, at step %i, %s it', async (n, when) => {
    cri.images.listImages = async () => []
    const name = `start-${n}-${when}`
    kubelet = await startNode()
    kubelet.gate.dieAt(n, when)
    const from = cri.calls.length
    await make(name)
    await kubelet.gate.died
    await kubelet.stop()
    kubelet = await startNode()
    await until(name, isReady)
    expect(living(name)).toEqual(both(name))
    const calls = cri.calls.slice(from)
    for (const call of ['StartContainer init', 'StartContainer c', 'StartContainer slow', `RunPodSandbox ${name}`]) expect(calls.filter((one) => one === call)).toHaveLength(1)
    await remove(name, 0)
  })

  test.each([1, 2, 3, 4, 5].flatMap((n) => (['before', 'after'] as const).map((when) => [n, when] as const)))('while it ends a pod, at step %i, %s it', async (n, when) => {
    const name = `end-${n}-${when}`
    kubelet = await startNode()
    await make(name)
    await until(name, isReady)
    kubelet.gate.dieAt(n, when)
    await remove(name)
    await kubelet.gate.died
    await kubelet.stop()
    kubelet = await startNode()
    await gone(name)
    await eventually(() => [...cri.containers.values()].filter((c) => podOf(c) === name).length, (left) => left === 0)
    expect(cri.calls.filter((call) => call === `RunPodSandbox ${name}`)).toHaveLength(1)
  })
})

describe('a node whose surroundings fail', () => {
  const statusOf = async (name: string) => (await cluster.client.get(pods, { namespace, name })).status?.containerStatuses?.find((one) => one.name === 'c')
  const calls = (from: number, words: RegExp) => cri.calls.slice(from).filter((call) => words.test(call))
  const crash = (name: string) => cri.exit([...cri.containers.values()].find((c) => keyOf(c) === `${name}/c` && c.state === 'CONTAINER_RUNNING')!.id, 1)
  const nodeCondition = async () => (await cluster.client.get(nodes, { name: 'n1' })).status?.conditions?.find(({ type }) => type === 'Ready')

  test('the runtime is away: pods are left alone, the node stays ready; what was asked for meanwhile follows', async () => {
    kubelet = await startNode()
    await make('stay')
    await until('stay', isReady)
    const from = cri.calls.length
    kubelet.gate.runtimeDown = new Error('connect ENOENT /run/containerd/containerd.sock')
    await make('wanted')
    await make('unwanted')
    await remove('unwanted')
    await new Promise((done) => setTimeout(done, 200))
    expect([calls(from, /./), (await nodeCondition())?.status, isReady(await cluster.client.get(pods, { namespace, name: 'stay' }))]).toEqual([[], 'True', true])
    kubelet.gate.runtimeDown = undefined
    await gone('unwanted')
    await until('wanted', isReady)
    expect(calls(from, /stay|RunPodSandbox unwanted/)).toEqual([])
    expect((await statusOf('stay'))?.restartCount).toBe(0)
    await Promise.all(['stay', 'wanted'].map((name) => remove(name, 0)))
  })

  test('the API server is away: containers are started again all the same, and all is told later', async () => {
    kubelet = await startNode()
    await make('stay')
    await make('leave')
    await Promise.all(['stay', 'leave'].map((name) => until(name, isReady)))
    const from = cri.calls.length
    kubelet.gate.apiDown = new Error('connect ECONNREFUSED')
    crash('stay')
    await eventually(() => living('stay'), (list) => list.length === 2)
    await remove('leave')
    await new Promise((done) => setTimeout(done, 100))
    expect([living('leave'), (await statusOf('stay'))?.restartCount]).toEqual([both('leave'), 0])
    kubelet.gate.apiDown = undefined
    await until('stay', (pod) => isReady(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 1)
    await gone('leave')
    expect(calls(from, /^(StartContainer|RunPodSandbox)/)).toEqual(['StartContainer c'])
    await remove('stay', 0)
  })

  test('a kubelet that starts while the API server is away leaves what runs alone', async () => {
    kubelet = await startNode()
    await make('stay')
    await until('stay', isReady)
    await kubelet.stop()
    const from = cri.calls.length
    const starting = startNode()
    const gate = await eventually(() => latestGate, (found) => found !== kubelet!.gate)
    gate.apiDown = new Error('connect ECONNREFUSED')
    await new Promise((done) => setTimeout(done, 200))
    expect(calls(from, /./)).toEqual([])
    gate.apiDown = undefined
    kubelet = await starting
    await until('stay', isReady)
    expect(calls(from, /./)).toEqual([])
    await remove('stay', 0)
  })

  test('a full disk: the pod waits, and starts when there is room; others go on', async () => {
    let full = false
    kubelet = await startNode((host) => ({
      ...host,
      files: {
        ...host.files,
        makeDir: (path, mode) => (full ? Promise.reject(new Error(`ENOSPC: no space left on device, mkdir '${path}'`)) : host.files.makeDir(path, mode)),
        write: (path, content, mode) => (full ? Promise.reject(new Error(`ENOSPC: no space left on device, open '${path}'`)) : host.files.write(path, content, mode)),
      },
    }))
    await make('before')
    await until('before', isReady)
    full = true
    await make('during')
    await new Promise((done) => setTimeout(done, 100))
    expect([living('before'), living('during')]).toEqual([both('before'), []])
    full = false
    await cluster.client.patch(pods, { namespace, name: 'during' }, 'merge', { metadata: { annotations: { nudge: '1' } } })
    await until('during', isReady)
    await Promise.all(['before', 'during'].map((name) => remove(name, 0)))
  })

  test('the machine was started again: pods come back once each, and it is told', async () => {
    kubelet = await startNode()
    await make('phoenix')
    await until('phoenix', isReady)
    await kubelet.stop()
    cri.crash()
    const from = cri.calls.length
    kubelet = await startNode((host) => ({ ...host, machine: async () => ({ ...(await host.machine()), bootId: 'second' }) }))
    await until('phoenix', (pod) => isReady(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 1)
    expect(calls(from, /^(RunPodSandbox|StartContainer)/)).toEqual(['RunPodSandbox phoenix', 'StartContainer init', 'StartContainer c', 'StartContainer slow'])
    const told = await eventually(() => cluster.client.list(events, { namespace }), ({ items }) => items.some(({ reason }) => reason === 'Rebooted'))
    expect(told.items.find(({ reason }) => reason === 'Rebooted')).toMatchObject({ type: 'Warning', message: 'Node n1 has been rebooted, boot id: second' })
    await remove('phoenix', 0)
  })
})
