/**
 * Config maps and secrets that pods refer to: each is watched alone while a pod needs it, so that a change is seen at
 * once and nothing else is read. Upstream: pkg/kubelet/util/manager/watch_based_manager.go.
 */
import type { Env, Task } from '../base/env.ts'
import type { ConfigMap, Pod, Secret } from '../api/generated/types/core-v1.ts'
import { configMaps, secrets } from '../api/generated/resources.ts'
import type { KubeObject, Resource } from '../api/meta/object.ts'
import type { Client } from '../client/client.ts'
import { SharedInformer } from '../client/informer.ts'
import { allContainers, podUid } from './pod.ts'
import type { ObjectReader } from './runtime/environment.ts'

type Kind = 'configMap' | 'secret'

/** ms that a pod waits for an object; then its step fails and is tried again. */
const syncLimitMs = 1000

interface Watched {
  readonly informer: SharedInformer<KubeObject>
  readonly task: Task
  readonly users: Set<string>
}

export interface ObjectCache extends ObjectReader {
  /** Watches what the pod refers to and no longer what only its earlier state did. */
  register(pod: Pod): void
  unregister(podUid: string): void
}

/** `onChange` is told the pods that refer to an object that changed. */
export function createObjectCache(env: Env, client: Client, onChange: (podUid: string) => void): ObjectCache {
  const watched = new Map<string, Watched>()
  const resources: Record<Kind, Resource<KubeObject>> = {
    configMap: configMaps as unknown as Resource<KubeObject>, secret: secrets as unknown as Resource<KubeObject>,
  }

  function watch(key: string, user: string): Watched {
    const known = watched.get(key)
    if (known !== undefined) {
      known.users.add(user)
      return known
    }
    const [kind, namespace, name] = key.split('/') as [Kind, string, string]
    const informer = new SharedInformer<KubeObject>(env, resources[kind], { namespace, fieldSelector: `metadata.name=${name}` })
    const task = env.tasks.go(`watch ${key}`, (signal) => informer.run(client, signal))
    const entry: Watched = { informer, task, users: new Set([user]) }
    watched.set(key, entry)
    const tell = () => {
      for (const uid of entry.users) onChange(uid)
    }
    informer.addHandler({ add: (_, initial) => (initial ? undefined : tell()), update: tell, delete: tell })
    return entry
  }

  async function read(kind: Kind, namespace: string, name: string): Promise<KubeObject | undefined> {
    const entry = watched.get(`${kind}/${namespace}/${name}`)
    if (entry === undefined) throw new Error(`object ${JSON.stringify(`${namespace}/${name}`)} not registered`)
    const inTime = await Promise.race([entry.informer.synced.then(() => true), env.clock.sleep(syncLimitMs).then(() => false)])
    if (!inTime) throw new Error(`failed to sync ${kind === 'secret' ? 'secret' : 'configmap'} cache: timed out waiting for the condition`)
    return entry.informer.get({ namespace, name })
  }

  function release(user: string, keep: ReadonlySet<string>): void {
    for (const [key, entry] of watched) {
      if (keep.has(key) || !entry.users.delete(user) || entry.users.size > 0) continue
      watched.delete(key)
      void entry.task.stop()
    }
  }

  return {
    configMap: async (namespace, name) => (await read('configMap', namespace, name)) as unknown as ConfigMap | undefined,
    secret: async (namespace, name) => (await read('secret', namespace, name)) as unknown as Secret | undefined,
    register(pod) {
      const keys = references(pod)
      for (const key of keys) watch(key, podUid(pod))
      release(podUid(pod), keys)
    },
    unregister: (uid) => release(uid, new Set()),
  }
}

/** "configMap/<namespace>/<name>" and "secret/..." of all that a pod refers to. */
export function references(pod: Pod): Set<string> {
  const keys = new Set<string>()
  const add = (kind: Kind, name: string | undefined) => {
    if (name !== undefined && name !== '') keys.add(`${kind}/${pod.metadata.namespace}/${name}`)
  }
  for (const { container } of allContainers(pod)) {
    for (const source of container.envFrom ?? []) {
      add('configMap', source.configMapRef?.name)
      add('secret', source.secretRef?.name)
    }
    for (const { valueFrom } of container.env ?? []) {
      add('configMap', valueFrom?.configMapKeyRef?.name)
      add('secret', valueFrom?.secretKeyRef?.name)
    }
  }
  for (const volume of pod.spec!.volumes ?? []) {
    add('configMap', volume.configMap?.name)
    add('secret', volume.secret?.secretName)
    for (const source of volume.projected?.sources ?? []) {
      add('configMap', source.configMap?.name)
      add('secret', source.secret?.name)
    }
  }
  for (const { name } of pod.spec!.imagePullSecrets ?? []) add('secret', name)
  return keys
}
