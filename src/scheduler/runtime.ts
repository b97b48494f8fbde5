/** How a profile's plugins are run until a node is chosen; node-chosen.ts has what follows (upstream: framework/runtime). */
import type { Pod } from '../api/generated/types/core-v1.ts'
import type { EventInterest } from './cluster-events.ts'
import type {
  CycleState, Diagnosis, FilterRunner, Handle, PostFilterResult, SchedulerPlugin, Verdict,
} from './framework.ts'
import { type KeptResults, ResultsByShape, keptScores } from './kept-results.ts'
import type { SchedulerMetrics } from './metrics.ts'
import { NodeChosen } from './node-chosen.ts'
import type { PluginLists, WeightedPlugin } from './plugin-lists.ts'
import { PointMetrics } from './point-metrics.ts'
import type { NodeInfo, PodInfo } from './snapshot.ts'

/** Pods nominated to a node by preemption, which lower-priority pods must leave room for. */
export type Nominations = (node: string) => readonly PodInfo[]

export interface PluginScore {
  readonly plugin: string
  readonly weight: number
  /** Normalized and weighted, by node in the order of the feasible nodes. */
  readonly scores: Float64Array
}

interface PostFilterOutcome {
  nominate: string | undefined
  readonly messages: string[]
}

interface PreFilterOutcome {
  readonly refused?: Verdict
  readonly nodeNames?: ReadonlySet<string>
  /** Plugins that named nodes. */
  readonly by: string[]
}

export class Framework extends NodeChosen implements FilterRunner {
  readonly profile: string
  readonly handle: Handle
  readonly percentageOfNodesToScore: number | undefined
  readonly metrics: SchedulerMetrics | undefined
  /** Every plugin once. */
  readonly plugins: readonly SchedulerPlugin[]
  readonly #events: ReadonlyMap<string, readonly EventInterest[] | undefined>
  readonly #nominations: Nominations
  readonly #withAddPod: readonly SchedulerPlugin[]
  readonly #results: ResultsByShape

  constructor(profile: string, lists: PluginLists, handle: Handle, nominations: Nominations, options: { percentageOfNodesToScore?: number; metrics?: SchedulerMetrics } = {}) {
    super(lists, new PointMetrics(options.metrics, handle.env.clock, profile))
    this.profile = profile
    this.handle = handle
    this.percentageOfNodesToScore = options.percentageOfNodesToScore
    this.metrics = options.metrics
    this.#nominations = nominations
    const { score, placementScore, ...others } = lists
    this.plugins = [...new Set([...Object.values(others).flat(), ...[...score, ...placementScore].map(({ plugin }) => plugin)])]
    this.#events = new Map(this.plugins.map(({ name, events }) => [name, events]))
    this.#results = new ResultsByShape(handle)
    this.#withAddPod = lists.preFilter.filter((plugin) => plugin.addPod !== undefined)
  }

  eventsOf(plugin: string): readonly EventInterest[] | undefined {
    return this.#events.get(plugin)
  }

  preFilter(state: CycleState, pod: PodInfo): PreFilterOutcome {
    const began = this.points.begin()
    const outcome = this.#preFilter(state, pod)
    this.points.end('PreFilter', outcome.refused?.code ?? 'Success', began)
    return outcome
  }

  #preFilter(state: CycleState, pod: PodInfo): PreFilterOutcome {
    let nodeNames: ReadonlySet<string> | undefined
    let refused: Verdict | undefined
    const by: string[] = []
    for (const plugin of this.lists.preFilter) {
      const result = this.#timed('PreFilter', plugin, () => plugin.preFilter!(state, pod))
      if (result === undefined) continue
      if (result.skip === true) state.skipFilter.add(plugin.name)
      if (result.refused !== undefined) {
        refused = { ...result.refused, plugin: plugin.name }
        if (refused.code === 'Error') return { refused: { ...refused, reasons: [`running PreFilter plugin "${plugin.name}": ${refused.reasons[0]}`] }, by }
        // Where preemption may help, the other plugins still prepare for it.
        if (refused.code !== 'Unschedulable') return { refused, by }
        continue
      }
      if (result.nodeNames === undefined) continue
      nodeNames = nodeNames === undefined ? result.nodeNames : nodeNames.intersection(result.nodeNames)
      by.push(plugin.name)
      by.sort()
      if (nodeNames.size === 0) {
        const reason = by.length === 1 ? `node(s) didn't satisfy plugin ${by[0]}` : `node(s) didn't satisfy plugin(s) [${by.join(' ')}] simultaneously`
        return { refused: { code: 'UnschedulableAndUnresolvable', reasons: [reason] }, by }
      }
    }
    return { refused, nodeNames, by }
  }

  /** Filters that have something to do in this cycle. */
  activeFilters(state: CycleState): readonly SchedulerPlugin[] {
    return state.skipFilter.size === 0 ? this.lists.filter : this.lists.filter.filter((plugin) => !state.skipFilter.has(plugin.name))
  }

  /** All filters of a cycle, ready to be asked about one node after the other. */
  nodeFilter(state: CycleState, pod: PodInfo): (node: NodeInfo) => Verdict | undefined {
    const filters = this.activeFilters(state)
    let locals = 0
    while (locals < filters.length && filters[locals]!.local === true) locals++
    const kept = locals === 0 ? undefined : this.#results.of(pod)
    state.kept = kept
    if (kept === undefined) return (node) => this.filterWithNominated(state, pod, node, filters)
    const first = filters.slice(0, locals)
    const rest = filters.slice(locals)
    return (node) => {
      if (this.#nominations(node.name).length > 0) return this.filterWithNominated(state, pod, node, filters)
      const { slot } = node
      if (kept.versions[slot] !== node.version) this.#look(kept, state, pod, node, first)
      const refusal = kept.refusals[slot]!
      if (refusal !== 0) return kept.verdicts[refusal]
      return rest.length === 0 ? undefined : this.#filter(state, pod, node, rest)
    }
  }

  #look(kept: KeptResults, state: CycleState, pod: PodInfo, node: NodeInfo, filters: readonly SchedulerPlugin[]): void {
    const verdict = this.#filter(state, pod, node, filters)
    if (verdict?.code === 'Error') throw new Error(verdict.reasons[0])
    kept.refusals[node.slot] = verdict === undefined ? 0 : kept.numberOf(verdict)
    kept.versions[node.slot] = node.version
  }

  /** All filters on one node; with pods of equal or higher priority nominated there, it must fit with and without them. */
  filterWithNominated(state: CycleState, pod: PodInfo, node: NodeInfo, filters = this.activeFilters(state)): Verdict | undefined {
    const nominated = this.#nominations(node.name)
    if (nominated.length > 0) {
      const others = nominated.filter((other) => other.uid !== pod.uid && other.priority >= pod.priority && !node.pods.has(other.uid))
      if (others.length > 0) {
        const withOthers = node.clone()
        const stateWithOthers = state.clone()
        for (const other of others) {
          withOthers.addPod(other)
          this.addPod(stateWithOthers, pod, other, withOthers)
        }
        const verdict = this.#filter(stateWithOthers, pod, withOthers, filters)
        if (verdict !== undefined) return verdict
      }
    }
    return this.#filter(state, pod, node, filters)
  }

  #filter(state: CycleState, pod: PodInfo, node: NodeInfo, filters: readonly SchedulerPlugin[]): Verdict | undefined {
    for (let i = 0; i < filters.length; i++) {
      const verdict = filters[i]!.filter!(state, pod, node)
      if (verdict !== undefined) return { code: verdict.code, reasons: verdict.code === 'Error' ? failing(filters[i]!, verdict) : verdict.reasons, plugin: filters[i]!.name }
    }
    return undefined
  }

  addPod(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo): void {
    for (const plugin of this.#withAddPod) if (!state.skipFilter.has(plugin.name)) plugin.addPod!(state, pod, other, node)
  }

  removePod(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo): void {
    for (const plugin of this.#withAddPod) if (!state.skipFilter.has(plugin.name)) plugin.removePod?.(state, pod, other, node)
  }

  /** Upstream's rule: the first success ends it; otherwise the reasons of all are told. Waits only when a plugin does. */
  postFilter(state: CycleState, pod: PodInfo, diagnosis: Diagnosis): PostFilterResult | Promise<PostFilterResult> | undefined {
    if (this.lists.postFilter.length === 0) return undefined
    const outcome: PostFilterOutcome = { nominate: undefined, messages: [] }
    const began = this.points.begin()
    const end = (result: PostFilterResult): PostFilterResult => {
      this.points.end('PostFilter', result.success ? 'Success' : 'Unschedulable', began)
      return result
    }
    const result = this.#postFilterFrom(0, outcome, state, pod, diagnosis)
    return result instanceof Promise ? result.then(end) : end(result)
  }

  #postFilterFrom(from: number, outcome: PostFilterOutcome, state: CycleState, pod: PodInfo, diagnosis: Diagnosis): PostFilterResult | Promise<PostFilterResult> {
    const plugin = this.lists.postFilter[from]
    if (plugin === undefined) return { success: false, ...(outcome.nominate === undefined ? {} : { nominate: outcome.nominate }), message: outcome.messages.join(', ') }
    const next = (result: PostFilterResult) => {
      if (result.success) return result
      if (result.nominate !== undefined) outcome.nominate = result.nominate
      if (result.message !== '') outcome.messages.push(result.message)
      return this.#postFilterFrom(from + 1, outcome, state, pod, diagnosis)
    }
    const result = this.#timed('PostFilter', plugin, () => plugin.postFilter!(state, pod, diagnosis, this))
    return result instanceof Promise ? result.then(next) : next(result)
  }

  /** Each plugin's normalized, weighted scores. */
  scoresByPlugin(state: CycleState, pod: PodInfo, feasible: readonly NodeInfo[]): PluginScore[] {
    const skipped = this.#preScore(state, pod, feasible)
    const all: PluginScore[] = []
    for (const entry of this.lists.score) {
      if (skipped.has(entry.plugin.name)) continue
      const scores = new Float64Array(feasible.length)
      this.#score(entry, state, pod, feasible, scores)
      for (let i = 0; i < scores.length; i++) scores[i]! *= entry.weight
      all.push({ plugin: entry.plugin.name, weight: entry.weight, scores })
    }
    return all
  }

  /** Weighted sum of every plugin's normalized score, by node in the order of `feasible`. */
  scores(state: CycleState, pod: PodInfo, feasible: readonly NodeInfo[]): Float64Array {
    const totals = new Float64Array(feasible.length)
    if (this.lists.score.length === 0) return totals.fill(1)
    const skipped = this.#preScore(state, pod, feasible)
    const scores = new Float64Array(feasible.length)
    const began = this.points.begin()
    for (const entry of this.lists.score) {
      if (skipped.has(entry.plugin.name)) continue
      this.#score(entry, state, pod, feasible, scores)
      for (let i = 0; i < totals.length; i++) totals[i]! += entry.weight * scores[i]!
    }
    this.points.end('Score', 'Success', began)
    return totals
  }

  #preScore(state: CycleState, pod: PodInfo, feasible: readonly NodeInfo[]): ReadonlySet<string> {
    const skipped = new Set<string>()
    const began = this.points.begin()
    for (const plugin of this.lists.preScore) {
      if (this.#timed('PreScore', plugin, () => plugin.preScore!(state, pod, feasible))) skipped.add(plugin.name)
    }
    this.points.end('PreScore', 'Success', began)
    return skipped
  }

  #score({ plugin }: WeightedPlugin, state: CycleState, pod: PodInfo, feasible: readonly NodeInfo[], scores: Float64Array): void {
    this.#timed('Score', plugin, () => {
      if (plugin.local === true && state.kept !== undefined) keptScores(state.kept, plugin, state, pod, feasible, this.handle.slots, scores)
      else for (let i = 0; i < feasible.length; i++) scores[i] = plugin.score!(state, pod, feasible[i]!)
      plugin.normalize?.(state, pod, feasible, scores)
    })
  }

  /** The first gate that holds the pod back. */
  preEnqueue(pod: Pod): { readonly plugin: string; readonly verdict: Verdict } | undefined {
    for (const plugin of this.lists.preEnqueue) {
      const verdict = plugin.preEnqueue!(pod)
      if (verdict !== undefined) return { plugin: plugin.name, verdict }
    }
    return undefined
  }

  #timed<T>(point: string, plugin: SchedulerPlugin, run: () => T): T {
    if (this.metrics === undefined || !this.metrics.sampling) return run()
    const started = this.handle.env.clock.monotonic()
    const result = run()
    this.metrics.pluginDuration(point, plugin.name, (this.handle.env.clock.monotonic() - started) / 1000)
    return result
  }
}

function failing({ name }: SchedulerPlugin, { reasons }: Verdict): string[] {
  return [`running "${name}" filter plugin: ${reasons[0]}`]
}
