/** The kubelet on a runtime with CRI-O's ways. CRI-O itself cannot be had on the machines that these tests are made on. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { nodes, pods } from '../api/generated/resources.ts'
import type { Pod, PodSpec } from '../api/generated/types/core-v1.ts'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import type { FakeCri } from '../kubelet/cri/fake.ts'
import { createFakeCrio } from '../kubelet/cri/fake-crio.ts'
import { createKubelet } from '../kubelet/kubelet.ts'
import { createFaultGate } from '../kubelet/testing/faults.ts'
import { createTestHost } from '../kubelet/testing/host.ts'
import { type Cluster, startCluster } from './start-cluster.ts'

const namespace = 'default'
let cluster: Cluster
let dir: string
let stop: (() => Promise<void>) | undefined

async function startNode(cri: FakeCri, relistPeriod: number) {
  const gate = createFaultGate()
  const env = createSystemEnv({ log: createLogger({ level: 'error', write: () => undefined }) })
  const kubelet = createKubelet(env, gate.client(cluster.clientAs('system:node:n1', ['system:nodes', 'system:authenticated'])), {
    nodeName: 'n1', nodeIps: ['192.168.0.1'], rootDir: `${dir}/root`, podLogsDir: `${dir}/logs`, cri: gate.cri(cri), host: gate.host(createTestHost()), cgroupsPerQOS: false,
    relistPeriod, housekeepingPeriod: 30,
  })
  await kubelet.start()
  await kubelet.ready
  stop = async () => {
    await kubelet.stop().catch(() => undefined)
    await env.tasks.stop()
  }
  return gate
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kubelet-crio-'))
  cluster = await startCluster({ nodes: 0 })
})
afterEach(async () => {
  await stop?.()
  stop = undefined
})
afterAll(async () => {
  await cluster?.stop()
  rmSync(dir, { recursive: true, force: true })
})

async function until(name: string, satisfied: (pod: Pod) => boolean): Promise<Pod> {
  for (const end = Date.now() + 15_000; ;) {
    const pod = await cluster.client.get(pods, { namespace, name })
    if (satisfied(pod)) return pod
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(pod.status)}`)
    await new Promise((done) => setTimeout(done, 10))
  }
}
const isReady = (pod: Pod) => pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
const make = (name: string, spec: Partial<PodSpec> = {}) => cluster.client.create(pods, {
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace },
  spec: { nodeName: 'n1', automountServiceAccountToken: false, terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image: 'busybox:1' }], ...spec },
})
async function remove(name: string): Promise<void> {
  await cluster.client.delete(pods, { namespace, name })
  for (let tries = 0; (await cluster.client.list(pods, { namespace })).items.some(({ metadata }) => metadata.name === name); tries++) {
    if (tries > 1000) throw new Error(`${name} stays`)
    await new Promise((done) => setTimeout(done, 10))
  }
}

describe('on a runtime with CRI-O\'s ways', () => {
  test('ids, images and versions are told as it gives them', async () => {
    await startNode(createFakeCrio(cluster.env.clock, { registry: ['busybox:1'] }), 50)
    await make('web')
    const { status } = await until('web', isReady)
    expect(status!.containerStatuses![0]).toMatchObject({ containerID: expect.stringMatching(/^cri-o:\/\/[0-9a-f]{64}$/) as string, image: 'docker.io/library/busybox:1', restartCount: 0 })
    expect((await cluster.client.get(nodes, { name: 'n1' })).status?.nodeInfo?.containerRuntimeVersion).toBe('cri-o://1.36.0')
    await remove('web')
  })

  test('its events are enough: nothing waits for the next look', async () => {
    const cri = createFakeCrio(cluster.env.clock, { events: true })
    await startNode(cri, 60_000)
    await make('evented', { containers: [{ name: 'c', image: 'busybox:1' }] })
    await until('evented', isReady)
    const began = Date.now()
    cri.exit([...cri.containers.values()].find(({ state }) => state === 'CONTAINER_RUNNING')!.id, 1)
    await until('evented', (pod) => pod.status?.containerStatuses?.[0]?.restartCount === 1 && isReady(pod))
    expect(Date.now() - began).toBeLessThan(5000)
    await remove('evented')
  })

  test.each([1, 2, 3, 4].flatMap((n) => (['before', 'after'] as const).map((when) => [n, when] as const)))('names never come twice, also when the kubelet is killed at step %i, %s it', async (n, when) => {
    const name = `killed-${n}-${when}`
    const cri = createFakeCrio(cluster.env.clock, {})
    const gate = await startNode(cri, 30)
    gate.dieAt(n, when)
    await make(name)
    await gate.died
    await stop!()
    await startNode(cri, 30)
    await until(name, isReady)
    expect(cri.calls.filter((call) => call === 'StartContainer c')).toHaveLength(1)
    await remove(name)
  })

  test('what somebody else removed is no error', async () => {
    const cri = createFakeCrio(cluster.env.clock, {})
    await startNode(cri, 30)
    await make('stolen')
    await until('stolen', isReady)
    for (const { id, sandboxId } of cri.containers.values()) {
      await cri.runtime.removeContainer(id)
      await cri.runtime.removePodSandbox(sandboxId)
      await cri.runtime.removePodSandbox(sandboxId)
      await cri.runtime.stopContainer(id, 1)
    }
    await until('stolen', (pod) => isReady(pod) && (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0)
    await remove('stolen')
  })
})
