import type { Metrics } from '../base/env.ts'

/** start, start * factor, ... : `count` bucket bounds. */
function exponential(start: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => start * factor ** i)
}

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error'

/** The scheduler's instruments under upstream's names (pkg/scheduler/metrics). */
export class SchedulerMetrics {
  /** Plugin durations are taken in a tenth of the cycles, as upstream does. */
  sampling = false
  readonly #inFlightKinds = new Set<string>()
  readonly #metrics: Metrics
  readonly #instruments: ReturnType<typeof instruments>
  readonly #groups: ReturnType<typeof groupInstruments> | undefined

  /** `groups`: pod groups are scheduled too. */
  constructor(metrics: Metrics, groups = false) {
    this.#metrics = metrics
    this.#instruments = instruments(metrics)
    if (groups) this.#groups = groupInstruments(metrics)
  }

  attempt(result: AttemptResult, profile: string, seconds: number): void {
    this.#instruments.attempts.inc({ result, profile })
    this.#instruments.attemptDuration.observe(seconds, { result, profile })
  }

  algorithm(seconds: number): void {
    this.#instruments.algorithmDuration.observe(seconds)
  }

  /** A pod was bound, after so many attempts and so long after it was first tried. */
  scheduled(attempts: number, sinceFirstAttempt: number | undefined, afterFlush: boolean): void {
    this.#instruments.podAttempts.observe(attempts)
    if (sinceFirstAttempt !== undefined) this.#instruments.podDuration.observe(sinceFirstAttempt, { attempts: attempts >= 15 ? '15+' : String(attempts) })
    if (afterFlush) this.#instruments.afterFlush.inc()
  }

  groupAttempt(result: string, profile: string, seconds: number): void {
    this.#groups?.attempts.inc({ result, profile })
    this.#groups?.attemptDuration.observe(seconds, { result, profile })
  }

  groupAlgorithm(seconds: number): void {
    this.#groups?.algorithmDuration.observe(seconds)
  }

  /** Pods being tried and events kept for them; kinds that there are no more of become 0. */
  inFlight(counts: ReadonlyMap<string, number>): void {
    for (const event of this.#inFlightKinds) if (!counts.has(event)) this.#instruments.inFlight.set(0, { event })
    for (const [event, count] of counts) {
      this.#inFlightKinds.add(event)
      this.#instruments.inFlight.set(count, { event })
    }
  }

  hinted(plugin: string, event: string, hint: string, seconds: number): void {
    this.#instruments.hintDuration.observe(seconds, { plugin, event, hint })
  }

  pending(sizes: Readonly<Record<string, number>>): void {
    for (const [queue, size] of Object.entries(sizes)) this.#instruments.pending.set(size, { queue })
  }

  cacheSize(sizes: Readonly<Record<string, number>>): void {
    for (const [type, size] of Object.entries(sizes)) this.#instruments.cacheSize.set(size, { type })
  }

  incoming(queue: string, event: string): void {
    this.#instruments.incoming.inc({ queue, event })
  }

  unschedulablePlugins(counts: ReadonlyMap<string, number>): void {
    for (const [key, count] of counts) {
      const [plugin = '', profile = ''] = key.split('\n')
      this.#instruments.unschedulable.set(count, { plugin, profile })
    }
  }

  /** Observes how long all plugins of an extension point took. */
  pointObserver(point: string, status: string, profile: string): (seconds: number) => void {
    return this.#instruments.pointDuration.with({ extension_point: point, status, profile })
  }

  pluginDuration(point: string, plugin: string, seconds: number): void {
    this.#instruments.pluginDuration.observe(seconds, { plugin, extension_point: point, status: 'Success' })
  }

  eventHandled(event: string, seconds: number): void {
    this.#instruments.eventHandling.observe(seconds, { event })
  }

  preemptionAttempt(): void {
    this.#instruments.preemptionAttempts.inc()
  }

  preemptionVictims(count: number): void {
    this.#instruments.preemptionVictims.observe(count)
  }

  preempted(result: 'success' | 'error', seconds: number): void {
    this.#instruments.preemptionRuns.inc({ result })
    this.#instruments.preemptionDuration.observe(seconds, { result })
  }

  permitWait(result: string, seconds: number): void {
    this.#instruments.permitWait.observe(seconds, { result })
  }

  render(): string {
    return this.#metrics.render()
  }
}

function groupInstruments(metrics: Metrics) {
  const buckets = exponential(0.001, 2, 15)
  const labels = ['result', 'profile']
  return {
    attempts: metrics.counter('scheduler_podgroup_schedule_attempts_total', 'Attempts to schedule pod groups, by the result.', labels),
    attemptDuration: metrics.histogram('scheduler_podgroup_scheduling_attempt_duration_seconds', 'Seconds that an attempt to schedule a pod group took.', buckets, labels),
    algorithmDuration: metrics.histogram('scheduler_podgroup_scheduling_algorithm_duration_seconds', 'Seconds that the search for the nodes of a pod group took.', buckets),
  }
}

function instruments(metrics: Metrics) {
  const counter = (name: string, help: string, labels?: readonly string[]) => metrics.counter(`scheduler_${name}`, help, labels)
  const gauge = (name: string, help: string, labels?: readonly string[]) => metrics.gauge(`scheduler_${name}`, help, labels)
  const histogram = (name: string, help: string, buckets: readonly number[], labels?: readonly string[]) =>
    metrics.histogram(`scheduler_${name}`, help, buckets, labels)
  const attempts = exponential(0.001, 2, 15)
  return {
    attempts: counter('schedule_attempts_total', 'Attempts to schedule pods, by the result.', ['result', 'profile']),
    attemptDuration: histogram('scheduling_attempt_duration_seconds', 'Seconds from the start of an attempt to its end, binding included.', attempts, ['result', 'profile']),
    algorithmDuration: histogram('scheduling_algorithm_duration_seconds', 'Seconds that the search for a node took.', attempts),
    podAttempts: histogram('pod_scheduling_attempts', 'Attempts that it took to schedule a pod.', exponential(1, 2, 5)),
    podDuration: histogram('pod_scheduling_sli_duration_seconds', 'Seconds from a pod\'s arrival in the queue to its binding.', exponential(0.01, 2, 20), ['attempts']),
    afterFlush: counter('pod_scheduled_after_flush_total', 'Pods scheduled after they had waited too long for an event.'),
    pending: gauge('pending_pods', 'Pods that wait, by the queue they are in.', ['queue']),
    inFlight: gauge('inflight_events', 'Pods that are being tried (PodPopped) and events kept for them, by kind.', ['event']),
    hintDuration: histogram('queueing_hint_execution_duration_seconds', 'Seconds that a plugin took to say whether an event helps a pod.', exponential(0.00001, 1.5, 20), ['plugin', 'event', 'hint']),
    cacheSize: gauge('cache_size', 'Nodes, pods and assumed pods in the cache.', ['type']),
    incoming: counter('queue_incoming_pods_total', 'Pods added to a queue, by event and queue.', ['queue', 'event']),
    unschedulable: gauge('unschedulable_pods', 'Pods that wait because of a plugin.', ['plugin', 'profile']),
    pointDuration: histogram('framework_extension_point_duration_seconds', 'Seconds that all plugins of an extension point took.', exponential(0.0001, 2, 12), ['extension_point', 'status', 'profile']),
    pluginDuration: histogram('plugin_execution_duration_seconds', 'Seconds that a plugin took at an extension point.', exponential(0.00001, 1.5, 20), ['plugin', 'extension_point', 'status']),
    eventHandling: histogram('event_handling_duration_seconds', 'Seconds that handling an event took.', exponential(0.0001, 2, 12), ['event']),
    preemptionAttempts: counter('preemption_attempts_total', 'Attempts to preempt.'),
    preemptionVictims: histogram('preemption_victims', 'Pods chosen as victims.', exponential(1, 2, 7)),
    preemptionRuns: counter('preemption_goroutines_execution_total', 'Preemptions carried out in the background.', ['result']),
    preemptionDuration: histogram('preemption_goroutines_duration_seconds', 'Seconds that a preemption took in the background.', exponential(0.01, 2, 20), ['result']),
    permitWait: histogram('permit_wait_duration_seconds', 'Seconds that pods waited for permission.', attempts, ['result']),
  }
}
