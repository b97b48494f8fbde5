/** One scheduling cycle, pure over the cache: which nodes take the pod, which is best (upstream: schedule_one.go). */
import type { Random } from '../base/env.ts'
import { CycleState, type Diagnosis, type Placement, type Verdict } from './framework.ts'
import type { Framework } from './runtime.ts'
import type { NodeInfo, PodInfo } from './snapshot.ts'

export interface FilterResult {
  readonly feasible: readonly NodeInfo[]
  readonly diagnosis: Diagnosis
}

export type CycleResult =
  | { readonly node: NodeInfo; readonly state: CycleState; readonly feasible: number; readonly evaluated: number }
  | { readonly node: undefined; readonly state: CycleState; readonly diagnosis: Diagnosis }

const noMoreNodes: Verdict = { code: 'UnschedulableAndUnresolvable', reasons: [] }

/** Where the search for feasible nodes begins, so that all nodes have the same chance. Shared by all profiles. */
export class NodeRotation {
  next = 0
}

export interface CycleOptions {
  readonly random: Random
  readonly rotation: NodeRotation
  /** percentageOfNodesToScore of the whole scheduler; a profile's own goes first. 0: adaptive. */
  readonly percentageOfNodesToScore: number
  /** Extenders filter or score too: one feasible node is never enough. */
  readonly extenders?: boolean
  /** Only nodes of it are looked at; all when absent. */
  readonly placement?: Placement
}

/** Finds the best node for the pod, or says why there is none. */
export function schedule(framework: Framework, pod: PodInfo, options: CycleOptions): CycleResult {
  const state = new CycleState()
  const { feasible, diagnosis } = findFeasible(framework, state, pod, options)
  if (feasible.length === 0) return { node: undefined, state, diagnosis }
  const evaluated = feasible.length + diagnosis.verdicts.size
  const node = feasible.length === 1 ? feasible[0]! : pickBest(feasible, framework.scores(state, pod, feasible), options.random)
  return { node, state, feasible: feasible.length, evaluated }
}

export function findFeasible(framework: Framework, state: CycleState, pod: PodInfo, options: CycleOptions): FilterResult {
  const { handle } = framework
  const diagnosis: Diagnosis = {
    verdicts: new Map(), absent: undefined, unschedulablePlugins: new Set(), pendingPlugins: new Set(), preFilterMessage: '', postFilterMessage: '',
  }
  const { refused, nodeNames, by } = framework.preFilter(state, pod)
  for (const name of by) diagnosis.unschedulablePlugins.add(name)
  if (refused !== undefined) {
    diagnosis.absent = refused
    diagnosis.preFilterMessage = refused.reasons.join(', ')
    blame(diagnosis, refused)
    return { feasible: [], diagnosis }
  }
  const filter = framework.nodeFilter(state, pod)
  const all = options.placement?.nodes ?? handle.nodes
  const nodeNamed = (name: string) => {
    const node = handle.node(name)
    return node === undefined || options.placement === undefined || all.includes(node) ? node : undefined
  }
  const nominated = pod.pod.status?.nominatedNodeName
  if (nominated !== undefined && nominated !== '') {
    const node = nodeNamed(nominated)
    const verdict = node === undefined ? noMoreNodes : filter(node)
    if (node !== undefined && verdict === undefined) return { feasible: [node], diagnosis }
    if (node !== undefined) diagnosis.verdicts.set(nominated, verdict!)
    if (verdict?.plugin !== undefined) blame(diagnosis, verdict)
  }
  let nodes = all
  if (nodeNames !== undefined) {
    nodes = [...nodeNames].map(nodeNamed).filter((node) => node !== undefined)
    diagnosis.absent = { code: 'UnschedulableAndUnresolvable', reasons: [`node(s) didn't satisfy plugin(s) [${by.join(' ')}]`] }
  }
  const percentage = framework.percentageOfNodesToScore ?? options.percentageOfNodesToScore
  const scoring = framework.lists.score.length > 0 || options.extenders === true
  const enough = scoring ? feasibleNodesToFind(nodes.length, percentage) : 1
  const feasible: NodeInfo[] = []
  const count = nodes.length
  let at = count === 0 ? 0 : options.rotation.next % count
  const began = framework.points.begin()
  for (let looked = 0; looked < count && feasible.length < enough; looked++) {
    const node = nodes[at]!
    if (++at === count) at = 0
    const verdict = filter(node)
    if (verdict === undefined) feasible.push(node)
    else if (verdict.code === 'Error') {
      diagnosis.absent = verdict
      framework.points.end('Filter', 'Error', began)
      return { feasible: [], diagnosis }
    } else {
      diagnosis.verdicts.set(node.name, verdict)
      blame(diagnosis, verdict)
    }
  }
  framework.points.end('Filter', 'Success', began)
  if (all.length > 0) options.rotation.next = (options.rotation.next + feasible.length + diagnosis.verdicts.size) % all.length
  return { feasible, diagnosis }
}

function blame(diagnosis: Diagnosis, verdict: Verdict): void {
  if (verdict.plugin === undefined) return
  if (verdict.code === 'Pending') diagnosis.pendingPlugins.add(verdict.plugin)
  else diagnosis.unschedulablePlugins.add(verdict.plugin)
}

/** The highest score; among equals one by chance, each as likely. */
export function pickBest<T>(feasible: readonly T[], totals: Float64Array, random: Random): T {
  let highest = -Infinity
  let ties = 0
  for (const total of totals) {
    if (total === highest) ties++
    else if (total > highest) {
      highest = total
      ties = 1
    }
  }
  let left = ties === 1 ? 1 : ties - random.int(ties)
  let best = 0
  while (totals[best] !== highest || --left > 0) best++
  return feasible[best]!
}

/** How many feasible nodes are enough to choose from; 0 percent: from 50 % of 100 nodes down to 5 % of many. */
export function feasibleNodesToFind(all: number, percentage: number): number {
  if (all < 100) return all
  const percent = percentage === 0 ? Math.max(5, 50 - Math.trunc(all / 125)) : percentage
  return Math.max(100, Math.trunc((all * percent) / 100))
}
