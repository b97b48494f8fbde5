/** The real API in memory with the real controllers, and a node that runs pods in name only. For tests. */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { namespaces, nodes, pods } from '../../api/generated/resources.ts'
import { isStatus } from '../../api/meta/errors.ts'
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import type { ApiHandler, ApiRequest } from '../../api/meta/request.ts'
import { formatTime } from '../../api/meta/time.ts'
import { admitAll } from '../../apiserver/admission/contract.ts'
import { createDiscovery } from '../../apiserver/extend/discovery.ts'
import { createResourceHandler } from '../../apiserver/handlers/index.ts'
import { ResourceRegistry } from '../../apiserver/registry/resource-registry.ts'
import type { ResourceDefinition } from '../../apiserver/resources/define.ts'
import { builtinResources } from '../../apiserver/resources/index.ts'
import { createMemoryStore } from '../../apiserver/storage/memory/memory.ts'
import type { Component } from '../../base/env.ts'
import type { Client } from '../../client/client.ts'
import { createInProcessClient } from '../../client/in-process.ts'
import { SharedInformer } from '../../client/informer.ts'
import { createManualEnv, type ManualEnv, settle } from '../../client/testing/manual-env.ts'
import { createControllerManager } from '../manager.ts'
import type { ControllerManagerOptions } from '../options.ts'

export interface TestCluster {
  readonly env: ManualEnv
  readonly client: Client
  readonly handler: ApiHandler
  readonly manager: Component
  readonly registry: ResourceRegistry
  /** Moves time on in small steps until the condition holds; fails after `limitMs` of that time. */
  until(what: string, condition: () => Promise<boolean> | boolean, limitMs?: number): Promise<void>
  advance(ms: number): Promise<void>
  get<T>(resource: Resource<T>, name: string, namespace?: string): Promise<T | undefined>
  list<T>(resource: Resource<T>, namespace?: string): Promise<T[]>
  stop(): Promise<void>
}

export interface TestClusterOptions extends ControllerManagerOptions {
  /** Runs pods: binds them to "node-1", makes them ready, ends those that are deleted. Default true. */
  readonly kubelet?: boolean
  /** Whether a pod becomes ready; default all do. */
  readonly readiness?: (pod: Pod) => boolean
  /** How a running pod ends, and with which code; undefined: it goes on. */
  readonly finish?: (pod: Pod) => number | undefined
  /** More kinds than the built-in ones. */
  readonly definitions?: readonly ResourceDefinition[]
  /** Around the API, for failures on purpose. */
  readonly wrap?: (handler: ApiHandler) => ApiHandler
}

export async function createTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const env = createManualEnv()
  const store = createMemoryStore({ clock: env.clock })
  const registry = new ResourceRegistry({ env, store })
  registry.addAll([...builtinResources, ...(options.definitions ?? [])])
  const resources = createResourceHandler({ env, registry, admission: admitAll })
  const discovery = createDiscovery({ definitions: () => registry.definitions(), serverAddress: () => 'localhost:6443' })
  const plain: ApiHandler = async (request: ApiRequest) =>
    (request.info.isResourceRequest ? undefined : discovery.answer(request)) ?? resources(request)
  const handler = options.wrap === undefined ? plain : options.wrap(plain)
  const user = { name: 'system:kube-controller-manager', groups: ['system:masters', 'system:authenticated'] }
  const client = createInProcessClient(handler, user, { userAgent: 'kube-controller-manager/test' })
  for (const name of ['default', 'kube-system']) {
    await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  }
  const manager = createControllerManager(env, client, options)
  const kubelet = options.kubelet === false ? undefined : startKubelet(env, client, options)
  await manager.start()
  await settle()

  const cluster: TestCluster = {
    env, client, handler, manager, registry,
    advance: (ms) => env.clock.advance(ms),
    async until(what, condition, limitMs = 120_000) {
      const end = env.clock.now() + limitMs
      for (;;) {
        await settle(10)
        if (await condition()) return
        if (env.clock.now() >= end) throw new Error(`${what} did not come true; complaints: ${env.complaints.slice(-5).join('\n')}`)
        await env.clock.advance(250)
      }
    },
    async get(resource, name, namespace = 'default') {
      try {
        return await client.get(resource, { name, ...(resource.namespaced ? { namespace } : {}) })
      } catch (error) {
        if (isStatus(error, 'NotFound')) return undefined
        throw error
      }
    },
    list: async (resource, namespace) => (await client.list(resource, { namespace })).items,
    async stop() {
      await manager.stop()
      await kubelet?.stop()
      await env.tasks.stop()
    },
  }
  return cluster
}

/** Creates a ready node and plays its part. Failures are tried again: a status write may meet another one. */
function startKubelet(env: ManualEnv, client: Client, options: TestClusterOptions): { stop(): Promise<void> } {
  const informer = new SharedInformer(env, pods as Resource<KubeObject>)
  const handle = (object: KubeObject): void => {
    env.tasks.go('test kubelet', async () => {
      try {
        await runPod(env, client, object as unknown as Pod, options)
      } catch (error) {
        if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error
      }
    })
  }
  informer.addHandler({ add: handle, update: handle })
  const task = env.tasks.go('test kubelet informer', (signal) => informer.run(client, signal))
  env.tasks.go('test node', async () => {
    await client.create(nodes, {
      apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' },
      status: { conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }] },
    })
  })
  return task
}

let addresses = 0

async function runPod(env: ManualEnv, client: Client, pod: Pod, options: TestClusterOptions): Promise<void> {
  const { namespace, name = '', uid } = pod.metadata
  if (pod.metadata.deletionTimestamp !== undefined) {
    await client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } })
    return
  }
  if (pod.spec?.nodeName === undefined) {
    await client.createSubresource(pods as Resource, { namespace, name }, 'binding', {
      apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace }, target: { kind: 'Node', name: nodeFor(pod) },
    })
    return
  }
  if (pod.status?.phase === 'Running') {
    const code = options.finish?.(pod)
    if (code !== undefined) await endPod(env, client, pod, code)
    return
  }
  if (pod.status?.phase !== 'Pending') return
  const ready = options.readiness?.(pod) === false ? 'False' : 'True'
  addresses++
  const podIP = `10.244.${(addresses >> 8) & 255}.${addresses & 255}`
  await client.update(pods, {
    ...pod,
    status: {
      phase: 'Running', podIP, podIPs: [{ ip: podIP }], startTime: formatTime(env.clock.now()),
      conditions: [
        { type: 'Ready', status: ready, lastTransitionTime: formatTime(env.clock.now()) },
        { type: 'ContainersReady', status: ready, lastTransitionTime: formatTime(env.clock.now()) },
      ],
    },
  }, { subresource: 'status' })
}

async function endPod(env: ManualEnv, client: Client, pod: Pod, exitCode: number): Promise<void> {
  const finishedAt = formatTime(env.clock.now())
  await client.update(pods, {
    ...pod,
    status: {
      ...pod.status, phase: exitCode === 0 ? 'Succeeded' : 'Failed',
      conditions: pod.status!.conditions!.map((condition) => ({ ...condition, status: 'False', lastTransitionTime: finishedAt })),
      containerStatuses: pod.spec!.containers.map(({ name, image = '' }) => ({
        name, image, imageID: '', ready: false, restartCount: 0, state: { terminated: { exitCode, finishedAt } },
      })),
    },
  }, { subresource: 'status' })
}

/** The node that the pod is pinned to (daemon pods), or the only one. */
function nodeFor(pod: Pod): string {
  const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  return terms.flatMap(({ matchFields = [] }) => matchFields.flatMap(({ values = [] }) => values))[0] ?? 'node-1'
}

/** What is counted at this moment, by series ("name{label="x"}"); NaN for one that is not there. */
export function metricsOf(cluster: TestCluster): (series: string) => number {
  const text = cluster.env.metrics.render()
  return (series) => Number(text.split('\n').find((line) => line.startsWith(`${series} `))?.split(' ').at(-1))
}
