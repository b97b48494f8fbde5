/** One scheduling cycle, pure over the cache: which nodes take the pod, which is best (upstream: schedule_one.go). */
import type { Random } from '../base/env.ts'
import { CycleState, type Handle, type SchedulerPlugin, type Verdict } from './framework.ts'
import type { WeightedPlugin } from './plugins/index.ts'
import type { NodeInfo, PodInfo } from './snapshot.ts'

export interface Diagnosis {
  /** Why each node refused; nodes that were not looked at are absent. */
  readonly verdicts: ReadonlyMap<string, Verdict>
  /** Plugins that refused anything. */
  readonly refusedBy: ReadonlySet<string>
  /** Set when a PreFilter refused the pod as a whole. */
  readonly preFilterMessage: string
}

export type CycleResult =
  | { readonly node: NodeInfo; readonly state: CycleState; readonly feasible: number; readonly evaluated: number }
  | { readonly node: undefined; readonly state: CycleState; readonly diagnosis: Diagnosis }

/** Pods nominated to a node by preemption, which higher-priority pods must leave room for. */
export type Nominations = (node: string) => readonly PodInfo[]

export class Framework {
  readonly plugins: readonly WeightedPlugin[]
  readonly handle: Handle
  readonly #filters: readonly SchedulerPlugin[]
  readonly #random: Random
  readonly #nominations: Nominations
  #nextStart = 0

  constructor(plugins: readonly WeightedPlugin[], handle: Handle, nominations: Nominations, random: Random) {
    this.plugins = plugins
    this.handle = handle
    this.#filters = plugins.map(({ plugin }) => plugin).filter((plugin) => plugin.filter !== undefined)
    this.#nominations = nominations
    this.#random = random
  }

  /** Finds the best node for the pod, or says why there is none. */
  schedule(pod: PodInfo): CycleResult {
    const state = new CycleState()
    const verdicts = new Map<string, Verdict>()
    const refusedBy = new Set<string>()
    const preFiltered = this.#preFilter(state, pod)
    if (preFiltered.refused !== undefined) {
      const { refused } = preFiltered
      for (const node of this.handle.nodes) verdicts.set(node.name, refused)
      return { node: undefined, state, diagnosis: { verdicts, refusedBy: new Set([refused.plugin!]), preFilterMessage: refused.reasons.join(', ') } }
    }
    const feasible = this.#feasibleNodes(state, pod, preFiltered.nodeNames, verdicts, refusedBy)
    if (preFiltered.nodeNames !== undefined && preFiltered.by !== undefined) {
      for (const node of this.handle.nodes) {
        if (!preFiltered.nodeNames.has(node.name) && !verdicts.has(node.name)) {
          verdicts.set(node.name, { code: 'UnschedulableAndUnresolvable', reasons: [`node(s) didn't satisfy plugin(s) [${preFiltered.by.join(' ')}]`] })
          for (const name of preFiltered.by) refusedBy.add(name)
        }
      }
    }
    if (feasible.length === 0) return { node: undefined, state, diagnosis: { verdicts, refusedBy, preFilterMessage: '' } }
    const node = feasible.length === 1 ? feasible[0]! : this.#best(state, pod, feasible)
    return { node, state, feasible: feasible.length, evaluated: feasible.length + verdicts.size }
  }

  #preFilter(state: CycleState, pod: PodInfo): { refused?: Verdict; nodeNames?: ReadonlySet<string>; by?: string[] } {
    let nodeNames: ReadonlySet<string> | undefined
    const by: string[] = []
    for (const { plugin } of this.plugins) {
      const result = plugin.preFilter?.(state, pod, this.handle)
      if (result === undefined) continue
      if (result.skip === true) state.skipFilter.add(plugin.name)
      if (result.refused !== undefined) return { refused: { ...result.refused, plugin: plugin.name } }
      if (result.nodeNames !== undefined) {
        nodeNames = nodeNames === undefined ? result.nodeNames : nodeNames.intersection(result.nodeNames)
        by.push(plugin.name)
        if (nodeNames.size === 0) {
          const reason = by.length === 1
            ? `node(s) didn't satisfy plugin ${by[0]}`
            : `node(s) didn't satisfy plugin(s) [${by.join(' ')}] simultaneously`
          return { refused: { code: 'UnschedulableAndUnresolvable', reasons: [reason], plugin: plugin.name } }
        }
      }
    }
    return { nodeNames, by: by.length === 0 ? undefined : by }
  }

  #feasibleNodes(state: CycleState, pod: PodInfo, only: ReadonlySet<string> | undefined, verdicts: Map<string, Verdict>, refusedBy: Set<string>): NodeInfo[] {
    const nominated = pod.pod.status?.nominatedNodeName
    if (nominated !== undefined && nominated !== '') {
      const node = this.handle.node(nominated)
      if (node !== undefined && (only === undefined || only.has(nominated)) && this.filterWithNominated(state, pod, node) === undefined) return [node]
    }
    const nodes = only === undefined ? this.handle.nodes : this.handle.nodes.filter((node) => only.has(node.name))
    const enough = feasibleNodesToFind(nodes.length)
    const feasible: NodeInfo[] = []
    let looked = 0
    for (; looked < nodes.length && feasible.length < enough; looked++) {
      const node = nodes[(this.#nextStart + looked) % nodes.length]!
      const verdict = this.filterWithNominated(state, pod, node)
      if (verdict === undefined) feasible.push(node)
      else {
        verdicts.set(node.name, verdict)
        refusedBy.add(verdict.plugin!)
      }
    }
    if (nodes.length > 0) this.#nextStart = (this.#nextStart + looked) % nodes.length
    return feasible
  }

  /** All filters on one node; with pods of equal or higher priority nominated there, it must fit with and without them. */
  filterWithNominated(state: CycleState, pod: PodInfo, node: NodeInfo): Verdict | undefined {
    const others = this.#nominations(node.name).filter((other) => other.uid !== pod.uid && other.priority >= pod.priority && !node.pods.has(other.uid))
    if (others.length > 0) {
      const withOthers = node.clone()
      const stateWithOthers = state.clone()
      for (const other of others) {
        withOthers.addPod(other)
        this.addPod(stateWithOthers, pod, other, withOthers)
      }
      const verdict = this.#filter(stateWithOthers, pod, withOthers)
      if (verdict !== undefined) return verdict
    }
    return this.#filter(state, pod, node)
  }

  #filter(state: CycleState, pod: PodInfo, node: NodeInfo): Verdict | undefined {
    for (const plugin of this.#filters) {
      if (state.skipFilter.has(plugin.name)) continue
      const verdict = plugin.filter!(state, pod, node)
      if (verdict !== undefined) return { code: verdict.code, reasons: verdict.reasons, plugin: plugin.name }
    }
    return undefined
  }

  addPod(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo): void {
    for (const { plugin } of this.plugins) if (!state.skipFilter.has(plugin.name)) plugin.addPod?.(state, pod, other, node)
  }

  removePod(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo): void {
    for (const { plugin } of this.plugins) if (!state.skipFilter.has(plugin.name)) plugin.removePod?.(state, pod, other, node)
  }

  /** Weighted sum of every plugin's normalized score, by node in the order of `feasible`. */
  scores(state: CycleState, pod: PodInfo, feasible: readonly NodeInfo[]): Float64Array {
    const totals = new Float64Array(feasible.length)
    const scores = new Float64Array(feasible.length)
    for (const { plugin, weight } of this.plugins) {
      if (plugin.score === undefined || plugin.preScore?.(state, pod, feasible, this.handle) === true) continue
      for (let i = 0; i < feasible.length; i++) scores[i] = plugin.score(state, pod, feasible[i]!, this.handle)
      plugin.normalize?.(state, pod, feasible, scores)
      for (let i = 0; i < feasible.length; i++) totals[i]! += weight * scores[i]!
    }
    return totals
  }

  /** The highest score; among equals one by chance, each as likely. */
  #best(state: CycleState, pod: PodInfo, feasible: readonly NodeInfo[]): NodeInfo {
    const totals = this.scores(state, pod, feasible)
    let best = 0
    let ties = 1
    for (let i = 1; i < feasible.length; i++) {
      if (totals[i]! > totals[best]!) {
        best = i
        ties = 1
      } else if (totals[i] === totals[best] && this.#random.int(++ties) === 0) {
        best = i
      }
    }
    return feasible[best]!
  }
}

/** How many feasible nodes are enough to choose from: all of 100, then from 50 % of 100 down to 5 % of many. */
function feasibleNodesToFind(all: number): number {
  if (all < 100) return all
  const percentage = Math.max(5, 50 - Math.trunc(all / 125))
  return Math.max(100, Math.trunc((all * percentage) / 100))
}

/** "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable." (framework/types.go FitError). */
export function fitMessage(nodeCount: number, diagnosis: Diagnosis, postFilterMessage = ''): string {
  let message = `0/${nodeCount} nodes are available:`
  if (diagnosis.preFilterMessage === '') {
    const counts = new Map<string, number>()
    for (const { reasons } of diagnosis.verdicts.values()) for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
    const sorted = [...counts].map(([reason, count]) => `${count} ${reason}`).sort()
    if (sorted.length > 0) message += ` ${sorted.join(', ')}.`
  } else {
    message += ` ${diagnosis.preFilterMessage}.`
  }
  return postFilterMessage === '' ? message : `${message} ${postFilterMessage}`
}
