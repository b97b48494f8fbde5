/** Watches over everything that can be deleted, following discovery as kinds come and go. */
import type { Env } from '../../base/env.ts'
import { apiVersionOf, type KubeObject, type Resource } from '../../api/meta/object.ts'
import type { Client } from '../../client/client.ts'
import type { DiscoveredResource } from '../../client/discovery.ts'
import { type InformerHandler, type Informers, SharedInformer } from '../../client/informer.ts'
import type { Graph, Identity } from './graph.ts'

/** Nobody owns anything through them, and there are many. */
const ignored: ReadonlySet<string> = new Set(['/events', 'events.k8s.io/events'])
const monitorVerbs = ['delete', 'list', 'watch']

export const isMonitored = (resource: DiscoveredResource): boolean =>
  !ignored.has(`${resource.group}/${resource.resource}`) && monitorVerbs.every((verb) => resource.verbs.includes(verb))

const keyOf = (resource: Resource): string => `${resource.group}/${resource.version}/${resource.resource}`

interface Monitor {
  readonly synced: Promise<void>
  hasSynced(): boolean
  stop(): Promise<void>
}

export class Monitors {
  readonly #env: Env
  readonly #client: Client
  readonly #informers: Informers
  readonly #graph: Graph
  readonly #monitors = new Map<string, Monitor>()

  constructor(env: Env, client: Client, informers: Informers, graph: Graph) {
    this.#env = env
    this.#client = client
    this.#informers = informers
    this.#graph = graph
  }

  get synced(): boolean {
    return [...this.#monitors.values()].every((monitor) => monitor.hasSynced())
  }

  /** Resolves when every watch has its first full state. */
  async whenSynced(): Promise<void> {
    await Promise.all([...this.#monitors.values()].map((monitor) => monitor.synced))
  }

  /** Starts watches over what is new and stops those over what is no longer served. */
  async sync(resources: readonly DiscoveredResource[], keepUnknownGroups: ReadonlySet<string>): Promise<void> {
    const wanted = new Map(resources.filter(isMonitored).map((resource) => [keyOf(resource), resource]))
    const gone = [...this.#monitors].filter(([key]) => {
      const [group = '', version = ''] = key.split('/')
      // A group that could not be asked is not gone.
      return !wanted.has(key) && !keepUnknownGroups.has(apiVersionOf({ group, version }))
    })
    for (const [key] of gone) this.#monitors.delete(key)
    for (const [key, resource] of wanted) if (!this.#monitors.has(key)) this.#monitors.set(key, this.#start(key, resource))
    await Promise.all(gone.map(([, monitor]) => monitor.stop()))
  }

  async stop(): Promise<void> {
    const all = [...this.#monitors.values()]
    this.#monitors.clear()
    await Promise.all(all.map((monitor) => monitor.stop()))
  }

  #start(key: string, resource: DiscoveredResource): Monitor {
    const handler = this.#handler(resource)
    const shared = this.#informers.existing(resource)
    if (shared !== undefined) {
      // Another controller watches it already: its cache is ours too.
      const forget = shared.addHandler(handler)
      return { synced: shared.synced, hasSynced: () => shared.hasSynced, stop: async () => forget() }
    }
    const informer = new SharedInformer<KubeObject>(this.#env, resource, { transform: ownershipOnly })
    informer.addHandler(handler)
    const task = this.#env.tasks.go(`garbage collector watch ${key}`, (signal) => informer.run(this.#client, signal))
    return { synced: informer.synced, hasSynced: () => informer.hasSynced, stop: () => task.stop() }
  }

  #handler(resource: Resource): InformerHandler<KubeObject> {
    const apiVersion = apiVersionOf(resource)
    const identify = ({ metadata }: KubeObject): Identity => ({
      apiVersion, kind: resource.kind, namespace: metadata.namespace ?? '', name: metadata.name ?? '', uid: metadata.uid ?? '',
    })
    return {
      add: (object) => this.#graph.observe(identify(object), object, undefined),
      update: (object, old) => this.#graph.observe(identify(object), object, old),
      delete: (object) => this.#graph.remove(identify(object)),
    }
  }
}

/** All that the graph reads of an object. */
function ownershipOnly(object: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, deletionTimestamp, finalizers, ownerReferences } = object.metadata
  return { metadata: { name, namespace, uid, resourceVersion, deletionTimestamp, finalizers, ownerReferences } }
}
