/** The scheduler as a component: informers feed cache and queue, cycles decide, bindings are written beside them. */
import type { Node, Pod, PodCondition } from '../api/generated/types/core-v1.ts'
import {
  namespaces, nodes, podDisruptionBudgets, pods, replicaSets, replicationControllers, services, statefulSets,
} from '../api/generated/resources.ts'
import { observedGeneration, podCondition } from '../api/helpers/pod-conditions.ts'
import { isStatus } from '../api/meta/errors.ts'
import type { KubeObject, Resource } from '../api/meta/object.ts'
import { formatTime } from '../api/meta/time.ts'
import type { Component, Env } from '../base/env.ts'
import type { Client } from '../client/client.ts'
import { type EventRecorder, createEventRecorder } from '../client/events.ts'
import { InformerFactory } from '../client/informer.ts'
import { SchedulerCache } from './cache.ts'
import { defaultSelector } from './default-selector.ts'
import type { Handle, SchedulerPlugin } from './framework.ts'
import { schedulerMetrics } from './metrics.ts'
import { type WeightedPlugin, defaultPlugins } from './plugins/index.ts'
import { type Candidate, preempt } from './preemption.ts'
import { type QueuedPod, SchedulingQueue } from './queue.ts'
import { Framework, fitMessage } from './schedule-one.ts'
import { podInfo } from './snapshot.ts'

export interface SchedulerOptions {
  /** Pods whose spec.schedulerName is this are ours. */
  readonly schedulerName?: string
  readonly plugins?: readonly WeightedPlugin[]
  /** Informers shared with other components of the process; own ones when absent. */
  readonly informers?: InformerFactory
}

const maxConditionMessage = 1024

export function createScheduler(env: Env, client: Client, options: SchedulerOptions = {}): Component {
  return new Scheduler(env, client, options)
}

class Scheduler implements Component {
  readonly name = 'scheduler'
  readonly ready: Promise<void>
  #resolveReady!: () => void
  readonly #env: Env
  readonly #client: Client
  readonly #schedulerName: string
  readonly #informers: InformerFactory
  readonly #ownsInformers: boolean
  readonly #cache = new SchedulerCache()
  readonly #queue: SchedulingQueue
  readonly #framework: Framework
  readonly #plugins: readonly SchedulerPlugin[]
  readonly #events: EventRecorder
  readonly #metrics: ReturnType<typeof schedulerMetrics>
  #stops: (() => Promise<void> | void)[] = []

  constructor(env: Env, client: Client, options: SchedulerOptions) {
    this.#env = env
    this.#client = client
    this.#schedulerName = options.schedulerName ?? 'default-scheduler'
    this.#ownsInformers = options.informers === undefined
    this.#informers = options.informers ?? new InformerFactory(env, client)
    const weighted = options.plugins ?? defaultPlugins
    this.#plugins = weighted.map(({ plugin }) => plugin)
    this.#queue = new SchedulingQueue(env.clock, this.#plugins)
    this.#framework = new Framework(weighted, this.#handle(), (node) => (this.#queue.hasNominated ? this.#queue.nominatedOn(node) : []), env.random)
    this.#events = createEventRecorder(env, client, { component: this.#schedulerName })
    this.#metrics = schedulerMetrics(env.metrics, () => this.#queue.sizes)
    this.ready = new Promise((resolve) => (this.#resolveReady = resolve))
  }

  async start(): Promise<void> {
    this.#watch()
    const task = this.#env.tasks.go('scheduler', async (signal) => {
      await this.#informers.synced()
      this.#resolveReady()
      for (let next = await this.#queue.pop(signal); next !== undefined; next = await this.#queue.pop(signal)) this.#scheduleOne(next)
    })
    this.#stops.push(() => task.stop())
    await this.ready
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) await stop()
    if (this.#ownsInformers) await this.#informers.stop()
  }

  #handle(): Handle {
    const cache = this.#cache
    const informers = this.#informers
    return {
      get nodes() {
        return cache.nodes
      },
      node: (name) => cache.node(name),
      namespaceLabels: (name) => informers.of(namespaces).get(name)?.metadata.labels ?? {},
      budgets: () => informers.of(podDisruptionBudgets).list(),
      defaultSelector: (pod) => defaultSelector(pod, {
        services: (namespace) => informers.of(services).list(namespace),
        replicationController: (key) => informers.of(replicationControllers).get(key),
        replicaSet: (key) => informers.of(replicaSets).get(key),
        statefulSet: (key) => informers.of(statefulSets).get(key),
      }),
    }
  }

  #watch(): void {
    const looked: readonly Resource<KubeObject>[] = [namespaces, podDisruptionBudgets, services, replicationControllers, replicaSets, statefulSets]
    for (const resource of looked) this.#informers.of(resource)
    this.#stops.push(
      this.#informers.of(nodes).addHandler({
        add: (node) => this.#nodeChanged(node, undefined),
        update: (node, old) => this.#nodeChanged(node, old),
        delete: (node) => {
          this.#cache.removeNode(node.metadata.name!)
          this.#queue.move({ resource: 'Node', action: 'Delete', old: node })
        },
      }),
      this.#informers.of(pods).addHandler({
        add: (pod) => this.#podChanged(pod, undefined),
        update: (pod, old) => this.#podChanged(pod, old),
        delete: (pod) => this.#podGone(pod),
      }),
    )
  }

  #nodeChanged(node: Node, old: Node | undefined): void {
    this.#cache.setNode(node)
    if (old === undefined) this.#queue.move({ resource: 'Node', action: 'Add', object: node })
    else if (nodeChangeMatters(node, old)) this.#queue.move({ resource: 'Node', action: 'Update', object: node, old })
  }

  #podChanged(pod: Pod, old: Pod | undefined): void {
    const uid = pod.metadata.uid!
    if (isFinished(pod)) return this.#podGone(pod)
    const nodeName = pod.spec?.nodeName ?? ''
    if (nodeName !== '') {
      const wasHere = this.#cache.has(uid) && !this.#cache.isAssumed(uid)
      this.#queue.delete(uid)
      this.#cache.setPod(pod)
      this.#queue.move({ resource: 'Pod/assigned', action: wasHere ? 'Update' : 'Add', object: pod, old })
      return
    }
    if (pod.spec?.schedulerName !== this.#schedulerName || this.#cache.isAssumed(uid)) return
    if (pod.metadata.deletionTimestamp !== undefined) return this.#queue.delete(uid)
    if (old === undefined) this.#queue.add(pod)
    else this.#queue.update(pod, old)
  }

  #podGone(pod: Pod): void {
    const uid = pod.metadata.uid!
    this.#queue.delete(uid)
    if (!this.#cache.has(uid)) return
    this.#cache.removePod(uid)
    this.#queue.move({ resource: 'Pod/assigned', action: 'Delete', object: pod })
  }

  /** One cycle. Everything up to the assumption is synchronous; what must be written goes on beside the next cycle. */
  #scheduleOne(queued: QueuedPod): void {
    const started = this.#env.clock.monotonic()
    const { pod } = queued.info
    const current = this.#informers.of(pods).get({ namespace: pod.metadata.namespace, name: pod.metadata.name! })
    if (current === undefined || current.metadata.uid !== queued.uid || current.metadata.deletionTimestamp !== undefined || this.#cache.has(queued.uid)) {
      return this.#queue.done(queued.uid)
    }
    if (current !== pod) queued.info = podInfo(current)
    if (this.#cache.nodes.length === 0) return this.#refuse(queued, current, 'no nodes available to schedule pods', new Set(this.#plugins.map(({ name }) => name)), started)
    const result = this.#framework.schedule(queued.info)
    if (result.node !== undefined) {
      for (const plugin of this.#plugins) plugin.reserve?.(result.state, queued.info, result.node)
      this.#cache.assume(current, result.node.name)
      this.#queue.nominate(current, '')
      this.#env.tasks.go('bind', (signal) => this.#bind(queued, current, result.node.name, started, signal))
      return
    }
    const outcome = preempt(this.#framework, result.state, queued.info, result.diagnosis, (below) => this.#env.random.int(below))
    const count = this.#cache.nodes.length
    if (outcome.candidate !== undefined) {
      this.#queue.nominate(current, outcome.candidate.node)
      this.#env.tasks.go('preempt', (signal) => this.#evict(current, outcome.candidate, signal))
      return this.#refuse(queued, current, fitMessage(count, result.diagnosis), result.diagnosis.refusedBy, started, outcome.candidate.node)
    }
    const message = fitMessage(count, result.diagnosis, outcome.message)
    this.#refuse(queued, current, message, result.diagnosis.refusedBy, started, outcome.clearNomination ? '' : undefined)
  }

  async #bind(queued: QueuedPod, pod: Pod, node: string, started: number, signal: AbortSignal): Promise<void> {
    const { namespace, name, uid } = pod.metadata
    try {
      await this.#client.createSubresource(pods, { namespace, name: name! }, 'binding', {
        apiVersion: 'v1', kind: 'Binding', metadata: { namespace, name, uid }, target: { kind: 'Node', name: node },
      }, { signal })
    } catch (error) {
      this.#cache.forget(queued.uid)
      this.#queue.move({ resource: 'Pod/assigned', action: 'Delete', object: pod })
      if (signal.aborted || isStatus(error, 'NotFound')) return this.#queue.done(queued.uid)
      const text = error instanceof Error ? error.message : String(error)
      return this.#refuse(queued, pod, `binding rejected: ${text}`, new Set(), started, undefined, 'SchedulerError')
    }
    this.#queue.done(queued.uid)
    this.#metrics.attempt('scheduled', this.#schedulerName, (this.#env.clock.monotonic() - started) / 1000)
    this.#events.event(reference(pod), 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${node}`)
  }

  /** `nominatedNode`: undefined leaves the pod's nomination as it is. */
  #refuse(queued: QueuedPod, pod: Pod, message: string, refusedBy: ReadonlySet<string>, started: number, nominatedNode?: string, reason = 'Unschedulable'): void {
    this.#queue.addUnschedulable(queued, pod, refusedBy)
    if (nominatedNode !== undefined) this.#queue.nominate(pod, nominatedNode)
    this.#metrics.attempt(reason === 'Unschedulable' ? 'unschedulable' : 'error', this.#schedulerName, (this.#env.clock.monotonic() - started) / 1000)
    const shown = message.length > maxConditionMessage ? `${message.slice(0, maxConditionMessage - 4)} ...` : message
    this.#events.event(reference(pod), 'Warning', 'FailedScheduling', shown)
    this.#env.tasks.go('pod condition', (signal) => this.#writeCondition(pod, reason, message, nominatedNode, signal))
  }

  async #writeCondition(pod: Pod, reason: string, message: string, nominatedNode: string | undefined, signal: AbortSignal): Promise<void> {
    const old = podCondition(pod, 'PodScheduled')
    const sameNomination = nominatedNode === undefined || nominatedNode === (pod.status?.nominatedNodeName ?? '')
    if (old?.status === 'False' && old.reason === reason && old.message === message && sameNomination) return
    const now = formatTime(this.#env.clock.now())
    const condition: PodCondition = {
      type: 'PodScheduled', status: 'False', reason, message, observedGeneration: observedGeneration(pod),
      lastTransitionTime: old?.status === 'False' ? old.lastTransitionTime : now,
    }
    const status = { conditions: [condition], ...(nominatedNode === undefined ? {} : { nominatedNodeName: nominatedNode === '' ? null : nominatedNode }) }
    await this.#patchStatus(pod, status, signal)
  }

  /** Deletes the victims, marked as disrupted first, and takes the node from pods of lower priority nominated to it. */
  async #evict(preemptor: Pod, { node, victims }: Candidate, signal: AbortSignal): Promise<void> {
    const now = formatTime(this.#env.clock.now())
    await Promise.all(victims.map(async ({ pod }) => {
      const { namespace, name, uid } = pod.metadata
      if (pod.metadata.deletionTimestamp === undefined) {
        const condition: PodCondition = {
          type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler', observedGeneration: observedGeneration(pod),
          message: `${this.#schedulerName}: preempting to accommodate a higher priority pod`, lastTransitionTime: now,
        }
        await this.#patchStatus(pod, { conditions: [condition] }, signal)
        await this.#client.delete(pods, { namespace, name: name! }, { preconditions: { uid }, signal }).catch(ignoreGone)
      }
      this.#events.event(reference(pod), 'Normal', 'Preempted', `Preempted by pod ${preemptor.metadata.uid} on node ${node}`)
    }))
    for (const lower of this.#queue.nominatedOn(node)) {
      if (lower.priority < (preemptor.spec?.priority ?? 0)) await this.#patchStatus(lower.pod, { nominatedNodeName: null }, signal)
    }
  }

  async #patchStatus(pod: Pod, status: object, signal: AbortSignal): Promise<void> {
    const { namespace, name, uid } = pod.metadata
    await this.#client.patch(pods, { namespace, name: name! }, 'strategic', { metadata: { uid }, status }, { subresource: 'status', signal }).catch(ignoreGone)
  }
}

/** The pod went away, or was made again under the name: nobody waits for this write. */
function ignoreGone(error: unknown): void {
  if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error
}

function reference(pod: Pod) {
  const { namespace, name, uid, resourceVersion } = pod.metadata
  return { apiVersion: 'v1', kind: 'Pod', namespace, name, uid, resourceVersion }
}

function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
}

/** Heartbeats change nothing that a plugin looks at. */
function nodeChangeMatters(node: Node, old: Node): boolean {
  const parts = (n: Node) => [n.spec, n.metadata.labels, n.metadata.annotations, n.status?.allocatable, n.status?.images?.length, n.status?.conditions?.map((c) => [c.type, c.status])]
  return JSON.stringify(parts(node)) !== JSON.stringify(parts(old))
}

