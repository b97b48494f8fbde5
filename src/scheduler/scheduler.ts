/** The scheduler as a component: informers feed cache and queue, cycles decide, bindings are written beside them. */
import { namespaces, pods } from '../api/generated/resources.ts'
import type { Pod } from '../api/generated/types/core-v1.ts'
import { podGroupOf } from '../api/helpers/pod-group.ts'
import type { Component, Env } from '../base/env.ts'
import type { Client } from '../client/client.ts'
import { InformerFactory, trimmed } from '../client/informer.ts'
import { type SeriesRecorder, createSeriesRecorder } from '../client/series-events.ts'
import { type Attempt, assumeAndBind } from './binding.ts'
import { SchedulerCache } from './cache.ts'
import { loadSchedulerConfiguration } from './config/load.ts'
import { createPlugins } from './config/profile.ts'
import type { SchedulerConfiguration, SchedulerProfile } from './config/types.ts'
import type { SchedulerContext } from './context.ts'
import { watchCluster } from './event-handlers.ts'
import { Evictions } from './evictions.ts'
import { type Explanation, explain } from './explain.ts'
import { scheduleWithExtenders } from './extended-cycle.ts'
import { Extender, type PostJson } from './extender.ts'
import { fail } from './failure.ts'
import { fitMessage } from './fit-message.ts'
import { membersOf, scheduleGroup } from './group-cycle.ts'
import type { CycleState, Diagnosis, Handle, PluginDefinition, PostFilterResult, QueueOrder } from './framework.ts'
import { SchedulerMetrics } from './metrics.ts'
import { knownPlugins } from './plugins/index.ts'
import { PodGroups } from './pod-groups.ts'
import { podReference } from './pod-status.ts'
import { type QueuedPod, SchedulingQueue } from './queue.ts'
import { Framework } from './runtime.ts'
import { type CycleOptions, type CycleResult, NodeRotation, schedule } from './schedule-one.ts'
import { type PodInfo, podInfo } from './snapshot.ts'
import { Patience } from './patience.ts'
import { WaitingPods } from './waiting-pods.ts'

export interface SchedulerOptions {
  /** As loadSchedulerConfiguration gives it; the default configuration when absent. */
  readonly configuration?: SchedulerConfiguration
  /** Plugins of others, which the configuration may name. */
  readonly plugins?: readonly PluginDefinition[]
  /** Informers shared with other components of the process; own ones when absent. */
  readonly informers?: InformerFactory
  /** How extenders are reached; needed where the configuration names any. */
  readonly post?: PostJson
  readonly features?: Readonly<Record<string, boolean>>
  /** How long a refused pod waits when nothing happens. Default 5 minutes. */
  readonly podMaxInUnschedulableMs?: number
  /** This machine's name, for events; "localhost" when absent. */
  readonly host?: string
  /** How often gauges are brought up to date. Default a second. */
  readonly metricsEveryMs?: number
}

/** How long cycles go on before others get their turn. */
const turnMs = 5
/** Gates that scheduling looks at, as v1.36 has them. */
const defaultFeatures: Readonly<Record<string, boolean>> = { NodeDeclaredFeatures: true, DynamicResourceAllocation: true }
const metricsEveryMs = 1_000
const pluginMetricsPercent = 10

export function createScheduler(env: Env, client: Client, options: SchedulerOptions = {}): Component {
  return new Scheduler(env, client, options)
}

/**
 * What this scheduler would decide about a pod, with the reasons; it writes nothing. The pod need not exist. Throws when no
 * profile is responsible for it.
 */
export async function explainPod(env: Env, client: Client, pod: Pod, options: SchedulerOptions = {}): Promise<Explanation> {
  const scheduler = new Scheduler(env, client, options)
  try {
    return await scheduler.explain(pod)
  } finally {
    await scheduler.stop()
  }
}

class Scheduler implements Component, SchedulerContext {
  readonly name = 'scheduler'
  readonly ready: Promise<void>
  readonly env: Env
  readonly client: Client
  readonly informers: InformerFactory
  readonly cache = new SchedulerCache()
  readonly groups = new PodGroups(this.cache)
  readonly queue: SchedulingQueue
  readonly waiting: WaitingPods
  readonly metrics: SchedulerMetrics
  readonly evictions: Evictions
  readonly profiles = new Map<string, Framework>()
  readonly #configuration: SchedulerConfiguration
  readonly #recorders = new Map<string, SeriesRecorder>()
  readonly extenders: readonly Extender[]
  readonly #features: Readonly<Record<string, boolean>>
  readonly #rotation = new NodeRotation()
  readonly #patience = new Patience()
  readonly #ownsInformers: boolean
  readonly #host: string
  readonly #metricsEveryMs: number
  #resolveReady!: () => void
  #stops: (() => Promise<void> | void)[] = []

  constructor(env: Env, client: Client, options: SchedulerOptions) {
    this.env = env
    this.client = client
    this.#metricsEveryMs = options.metricsEveryMs ?? metricsEveryMs
    this.#host = options.host ?? 'localhost'
    this.#ownsInformers = options.informers === undefined
    this.informers = options.informers ?? new InformerFactory(env, client, () => trimmed(client))
    this.ready = new Promise((resolve) => (this.#resolveReady = resolve))
    this.waiting = new WaitingPods(env.clock)
    const configuration = options.configuration ?? loadSchedulerConfiguration({ apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' })
    this.#configuration = configuration
    this.#features = { ...defaultFeatures, ...options.features }
    this.metrics = new SchedulerMetrics(env.metrics, this.#features['GenericWorkload'] === true)
    const unreachable: PostJson = () => Promise.reject(new Error('extenders cannot be reached from here'))
    this.extenders = (configuration.extenders ?? []).map((extender) => new Extender(extender, options.post ?? unreachable, env))
    this.queue = new SchedulingQueue(env.clock, (name) => this.profiles.get(name), {
      initialBackoffMs: configuration.podInitialBackoffSeconds! * 1000, maxBackoffMs: configuration.podMaxBackoffSeconds! * 1000,
      ...(options.podMaxInUnschedulableMs === undefined ? {} : { maxInUnschedulableMs: options.podMaxInUnschedulableMs }),
      less: (a, b) => this.#less(a, b),
      incoming: (queue, event) => this.metrics.incoming(queue, event),
      hinted: (plugin, event, hint, seconds) => this.metrics.hinted(plugin, event, hint, seconds),
    })
    this.evictions = new Evictions(this)
    const known = [...knownPlugins((name) => this.#features[name] === true), ...(options.plugins ?? []).map((definition) => ({ definition, weight: undefined }))]
    const handle = this.#handle()
    for (const profile of configuration.profiles!) {
      const lists = createPlugins(withIgnoredResources(profile, configuration), known, handle)
      this.profiles.set(profile.schedulerName!, new Framework(profile.schedulerName!, lists, handle, (node) => this.queue.nominatedOn(node), {
        metrics: this.metrics, ...(profile.percentageOfNodesToScore === undefined ? {} : { percentageOfNodesToScore: profile.percentageOfNodesToScore }),
      }))
    }
  }

  recorder(profile: string): SeriesRecorder {
    let recorder = this.#recorders.get(profile)
    if (recorder === undefined) this.#recorders.set(profile, (recorder = createSeriesRecorder(this.env, this.client, profile, `${profile}-${this.#host}`)))
    return recorder
  }

  async start(): Promise<void> {
    this.#stops.push(...watchCluster(this))
    const task = this.env.tasks.go('scheduler', async (signal) => {
      await this.informers.synced()
      this.#resolveReady()
      await this.#run(signal)
    })
    const gauges = this.env.tasks.go('scheduler metrics', (signal) => this.#keepGauges(signal))
    this.#stops.push(() => task.stop(), () => gauges.stop(), () => this.waiting.rejectAll('the scheduler is stopping'))
    await this.ready
  }

  /** Instead of start: looks at the cluster and tells. */
  async explain(pod: Pod): Promise<Explanation> {
    this.#stops.push(...watchCluster(this))
    await this.informers.synced()
    const framework = this.profiles.get(pod.spec?.schedulerName ?? '')
    if (framework === undefined) throw new Error(`no profile is named "${pod.spec?.schedulerName ?? ''}"; there are: ${[...this.profiles.keys()].join(', ')}`)
    const { nodeName: boundTo, ...spec } = pod.spec!
    const bound = this.cache.has(pod.metadata.uid ?? '')
    if (bound) this.cache.removePod(pod.metadata.uid!)
    const info = podInfo(bound ? { ...pod, spec } : pod)
    const { state, diagnosis, ...explanation } = explain(framework, info)
    const preemption = explanation.best.length > 0 || explanation.gate !== undefined ? undefined : await this.#wouldPreempt(framework, state, info, diagnosis)
    return { ...explanation, ...(bound ? { boundTo } : {}), ...(preemption === undefined ? {} : { preemption }) }
  }

  async #wouldPreempt(framework: Framework, state: CycleState, pod: PodInfo, diagnosis: Diagnosis): Promise<Explanation['preemption']> {
    let found: Explanation['preemption']
    this.evictions.instead = (node, victims) => {
      found = { node, victims: victims.map(({ namespace, pod: { metadata } }) => `${namespace}/${metadata.name}`) }
    }
    await framework.postFilter(state, pod, diagnosis)
    return found
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) await stop()
    if (this.#ownsInformers) await this.informers.stop()
  }

  /** Cycles one after the other; every few milliseconds what they began to write gets its turn. */
  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.env
    let turn = clock.monotonic()
    for (let next = await this.queue.pop(signal); next !== undefined; next = await this.queue.pop(signal)) {
      const waits = this.#scheduleOne(next)
      if (waits !== undefined) await waits
      await this.#patience.give()
      if (clock.monotonic() - turn < turnMs) continue
      await clock.sleep(0, signal).catch(() => undefined)
      turn = clock.monotonic()
    }
  }

  /** The queue's order is the same in every profile. */
  #less(a: QueueOrder, b: QueueOrder): boolean {
    return this.profiles.values().next().value!.lists.queueSort[0]!.less!(a, b)
  }

  #handle(): Handle {
    const { cache, informers, env, client, queue, waiting, evictions } = this
    const labels = informers.of(namespaces)
    return {
      env, client, counts: cache.counts,
      get nodes() {
        return cache.nodes
      },
      node: (name) => cache.node(name),
      nodesWithImage: (name) => cache.nodesWithImage(name),
      get slots() {
        return cache.slots
      },
      get imagesVersion() {
        return cache.imagesVersion
      },
      lister: (resource) => informers.of(resource),
      namespaceLabels: (name) => labels.get(name)?.metadata.labels ?? {},
      activate: (list) => queue.activate(list),
      waiting: () => waiting.list(),
      extenders: this.extenders,
      podGroup: (namespace, name) => this.groups.state(namespace, name),
      feature: (name) => this.#features[name] === true,
      preemptor: evictions,
    }
  }

  async #keepGauges(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { active, backoff, unschedulable, gated } = this.queue.sizes
      this.metrics.pending({ active, backoff, unschedulable, gated })
      this.metrics.cacheSize({ nodes: this.cache.nodes.length, pods: this.cache.podCount, assumed_pods: this.cache.assumedCount })
      this.metrics.inFlight(this.queue.inFlight())
      this.metrics.unschedulablePlugins(this.queue.refusedByPlugin())
      await this.env.clock.sleep(this.#metricsEveryMs, signal).catch(() => undefined)
    }
  }

  /** One cycle. Everything up to the assumption is synchronous, unless extenders are asked; what must be written goes on beside the next cycle. */
  #scheduleOne(queued: QueuedPod): Promise<void> | undefined {
    const started = this.env.clock.monotonic()
    const framework = this.#frameworkOf(queued)
    if (framework === undefined) {
      this.queue.done(queued.uid)
      return undefined
    }
    if (this.#features['GenericWorkload'] === true && podGroupOf(queued.pod) !== undefined) return this.#scheduleGroup(framework, queued)
    const attempt: Attempt = { framework, queued, started }
    this.metrics.sampling = this.env.random.int(100) < pluginMetricsPercent
    if (this.cache.nodes.length === 0) {
      fail(this, framework, queued, { message: 'no nodes available to schedule pods', reason: 'Unschedulable', nominate: '' }, started)
      return undefined
    }
    try {
      const options = this.#cycleOptions()
      if (this.extenders.length > 0) return this.#askExtenders(attempt, options)
      return this.#settle(attempt, schedule(framework, queued.info, options))
    } catch (error) {
      this.#failWith(attempt, error)
      return undefined
    }
  }

  #cycleOptions(): CycleOptions {
    const extenders = this.extenders.some(({ filters, prioritizes }) => filters || prioritizes)
    return { random: this.env.random, rotation: this.#rotation, percentageOfNodesToScore: this.#configuration.percentageOfNodesToScore ?? 0, extenders }
  }

  /** The pod's group with it (upstream: scheduleOnePodGroup). */
  async #scheduleGroup(framework: Framework, first: QueuedPod): Promise<void> {
    const wanted = (queued: QueuedPod) => this.#frameworkOf(queued) !== undefined
    const members = membersOf(this, first).filter((queued) => {
      if (wanted(queued)) return true
      this.queue.done(queued.uid)
      return false
    })
    const stranger = members.find(({ pod }) => pod.spec!.schedulerName !== framework.profile)
    if (stranger !== undefined) {
      const message = `all pods in a single pod group should have the same .spec.schedulerName set, got: "${framework.profile}" and "${stranger.pod.spec!.schedulerName}"`
      for (const queued of members) fail(this, this.#frameworkOf(queued)!, queued, { message, reason: 'SchedulerError', nominate: '' }, this.env.clock.monotonic())
      return
    }
    if (members.length === 0) return
    await scheduleGroup(this, {
      framework, members, wanted, namespace: first.pod.metadata.namespace!, name: podGroupOf(first.pod)!,
      find: ({ info }, placement) => {
        const options = placement === undefined ? this.#cycleOptions() : { ...this.#cycleOptions(), placement }
        return this.extenders.length > 0 ? scheduleWithExtenders(framework, info, options, this.extenders) : schedule(framework, info, options)
      },
    })
  }

  async #askExtenders(attempt: Attempt, options: CycleOptions): Promise<void> {
    const { framework, queued } = attempt
    try {
      const result = await scheduleWithExtenders(framework, queued.info, options, this.extenders)
      // The cluster may have changed meanwhile.
      if (this.#frameworkOf(queued) === undefined) return this.queue.done(queued.uid)
      if (result.node !== undefined && this.cache.node(result.node.name) === undefined) throw new Error(`node "${result.node.name}" is gone`)
      await this.#settle(attempt, result)
    } catch (error) {
      this.#failWith(attempt, error)
    }
  }

  #failWith({ framework, queued, started }: Attempt, error: unknown): void {
    this.env.log.error('error selecting node for pod', { pod: queued.pod.metadata.name, error })
    fail(this, framework, queued, { message: error instanceof Error ? error.message : String(error), reason: 'SchedulerError', nominate: '' }, started)
  }

  #settle(attempt: Attempt, result: CycleResult): Promise<void> | undefined {
    const { framework, queued, started } = attempt
    if (result.node !== undefined) {
      this.metrics.algorithm((this.env.clock.monotonic() - started) / 1000)
      this.#patience.expect(assumeAndBind(this, { ...attempt, state: result.state }, result.node))
      return undefined
    }
    const { diagnosis, state } = result
    if (diagnosis.absent?.code === 'Error') {
      fail(this, framework, queued, { message: diagnosis.absent.reasons.join(', '), reason: 'SchedulerError', nominate: '' }, started)
      return undefined
    }
    const outcome = framework.postFilter(state, queued.info, diagnosis)
    this.metrics.algorithm((this.env.clock.monotonic() - started) / 1000)
    if (outcome instanceof Promise) return outcome.then((settled) => this.#refuse(attempt, diagnosis, settled))
    this.#refuse(attempt, diagnosis, outcome)
    return undefined
  }

  #refuse({ framework, queued, started }: Attempt, diagnosis: Diagnosis, outcome: PostFilterResult | undefined): void {
    const { unschedulablePlugins, pendingPlugins } = diagnosis
    diagnosis.postFilterMessage = outcome?.message ?? ''
    // Without plugins that could clear a node nobody keeps the nomination up.
    const nominate = outcome === undefined ? '' : outcome.nominate
    fail(this, framework, queued, {
      message: fitMessage(this.cache.nodes.length, diagnosis), reason: 'Unschedulable', unschedulablePlugins, pendingPlugins, ...(nominate === undefined ? {} : { nominate }),
    }, started)
  }

  /** undefined: the pod needs no more. */
  #frameworkOf(queued: QueuedPod): Framework | undefined {
    const { pod, uid } = queued
    const current = this.informers.of(pods).get({ namespace: pod.metadata.namespace, name: pod.metadata.name! })
    if (current === undefined || current.metadata.uid !== uid) return undefined
    const profile = current.spec?.schedulerName ?? ''
    if (current.metadata.deletionTimestamp !== undefined) {
      const note = `skip schedule deleting pod: ${current.metadata.namespace}/${current.metadata.name}`
      this.recorder(profile).event(podReference(current), 'Warning', 'FailedScheduling', 'Scheduling', note)
      return undefined
    }
    if (this.cache.has(uid)) return undefined
    if (current !== pod) queued.info = podInfo(current)
    return this.profiles.get(profile)
  }
}

/** Resources that an extender manages alone are none of NodeResourcesFit's business. */
function withIgnoredResources(profile: SchedulerProfile, { extenders = [] }: SchedulerConfiguration): SchedulerProfile {
  const names = extenders.flatMap(({ managedResources = [] }) => managedResources.filter(({ ignoredByScheduler }) => ignoredByScheduler === true)).map(({ name }) => name)
  if (names.length === 0) return profile
  const entry = profile.pluginConfig?.find(({ name }) => name === 'NodeResourcesFit')
  const own = (entry?.args?.['ignoredResources'] ?? []) as readonly string[]
  const others = (profile.pluginConfig ?? []).filter((other) => other !== entry)
  return { ...profile, pluginConfig: [...others, { name: 'NodeResourcesFit', args: { ...entry?.args, ignoredResources: [...own, ...names] } }] }
}
