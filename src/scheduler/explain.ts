/** Why a pod goes where: what every plugin says of every node. Nothing is written and nothing is evicted. */
import type { PodInfo } from './snapshot.ts'
import { CycleState, type Diagnosis, type Verdict } from './framework.ts'
import type { Framework } from './runtime.ts'
import { fitMessage } from './fit-message.ts'

export interface Refusal {
  readonly plugin: string
  readonly code: Verdict['code']
  readonly reasons: readonly string[]
}

export interface NodeExplanation {
  readonly node: string
  readonly fits: boolean
  /** What each plugin's Filter says: "ok", or why not. Plugins that have nothing to say of this pod are absent. */
  readonly filters: Readonly<Record<string, 'ok' | Refusal>>
  /** Normalized and weighted, by plugin; only for nodes that fit. */
  readonly scores?: Readonly<Record<string, number>>
  readonly total?: number
}

export interface Explanation {
  readonly pod: { readonly namespace: string; readonly name: string; readonly priority: number }
  readonly profile: string
  /** The node that it is on already; the explanation is as if it were not. */
  readonly boundTo?: string
  /** The gate that keeps it out of the queue. */
  readonly gate?: Refusal
  /** The pod as a whole is refused. */
  readonly refused?: Refusal
  readonly nodes: readonly NodeExplanation[]
  /** Nodes with the highest total: one of them is taken. */
  readonly best: readonly string[]
  /** As the PodScheduled condition would say it. */
  readonly message: string
  /** What preemption would do. */
  readonly preemption?: { readonly node: string; readonly victims: readonly string[] }
}

const refusalOf = ({ plugin = '', code, reasons }: Verdict): Refusal => ({ plugin, code, reasons })

/** Looks at every node with every plugin, also with those that a cycle would not come to. */
export function explain(framework: Framework, pod: PodInfo): Omit<Explanation, 'boundTo' | 'preemption'> & { readonly state: CycleState; readonly diagnosis: Diagnosis } {
  const { handle } = framework
  const state = new CycleState()
  const diagnosis: Diagnosis = {
    verdicts: new Map(), absent: undefined, unschedulablePlugins: new Set(), pendingPlugins: new Set(), preFilterMessage: '', postFilterMessage: '',
  }
  const gate = framework.preEnqueue(pod.pod)
  const { refused, nodeNames, by } = framework.preFilter(state, pod)
  const about = {
    state, diagnosis, profile: framework.profile, pod: { namespace: pod.namespace, name: pod.pod.metadata.name ?? '', priority: pod.priority },
    ...(gate === undefined ? {} : { gate: refusalOf({ ...gate.verdict, plugin: gate.plugin }) }),
  }
  if (refused !== undefined) {
    diagnosis.absent = refused
    diagnosis.preFilterMessage = refused.reasons.join(', ')
    return { ...about, refused: refusalOf(refused), nodes: [], best: [], message: fitMessage(handle.nodes.length, diagnosis) }
  }
  const active = framework.activeFilters(state)
  const nodes: NodeExplanation[] = []
  for (const node of handle.nodes) {
    const filters: Record<string, 'ok' | Refusal> = {}
    if (nodeNames?.has(node.name) === false) {
      const plugin = by.join(', ')
      filters[plugin] = { plugin, code: 'UnschedulableAndUnresolvable', reasons: [`node(s) didn't satisfy plugin(s) [${by.join(' ')}]`] }
    }
    for (const plugin of active) {
      const verdict = framework.filterWithNominated(state, pod, node, [plugin])
      filters[plugin.name] = verdict === undefined ? 'ok' : refusalOf(verdict)
    }
    const first = Object.values(filters).find((said) => said !== 'ok')
    if (first !== undefined) diagnosis.verdicts.set(node.name, { code: first.code, reasons: first.reasons, plugin: first.plugin })
    nodes.push({ node: node.name, fits: first === undefined, filters })
  }
  const feasible = handle.nodes.filter((_, i) => nodes[i]!.fits)
  const scored = feasible.length === 0 ? [] : framework.scoresByPlugin(state, pod, feasible)
  const place = new Map(feasible.map((node, i) => [node.name, i]))
  const explained = nodes.map((node): NodeExplanation => {
    const i = place.get(node.node)
    if (i === undefined) return node
    const scores = Object.fromEntries(scored.map(({ plugin, scores: all }) => [plugin, all[i]!]))
    return { ...node, scores, total: Object.values(scores).reduce((sum, score) => sum + score, 0) }
  })
  const highest = Math.max(...explained.map(({ total }) => total ?? -1))
  const best = explained.filter(({ total }) => total !== undefined && total === highest).map(({ node }) => node)
  return { ...about, nodes: explained, best, message: feasible.length > 0 ? '' : fitMessage(handle.nodes.length, diagnosis) }
}

/** As a person reads it: the outcome, then a line a node, the best first. */
export function explanationText({ pod, profile, boundTo, gate, refused, nodes, best, message, preemption }: Explanation): string {
  const fitting = nodes.filter(({ fits }) => fits)
  const lines = [`Pod ${pod.namespace}/${pod.name}, scheduler ${profile}, priority ${pod.priority}`]
  if (boundTo !== undefined) lines.push(`It is on ${boundTo}; this is what would be decided now if it were not.`)
  if (gate !== undefined) lines.push(`It is held back by ${gate.plugin}: ${gate.reasons.join(', ')}`)
  if (refused !== undefined) lines.push(`${refused.plugin} refuses it as a whole: ${refused.reasons.join(', ')}`)
  if (message !== '') lines.push(message)
  if (fitting.length > 0) lines.push(`${fitting.length} of ${nodes.length} nodes fit; ${best.length === 1 ? `${best[0]} is best` : `one of these is taken: ${best.join(', ')}`}.`)
  if (preemption !== undefined) lines.push(`Preemption would take ${preemption.victims.join(', ')} off ${preemption.node}.`)
  if (nodes.length > 0) lines.push('', ...table(nodes))
  return `${lines.join('\n')}\n`
}

function table(nodes: readonly NodeExplanation[]): string[] {
  const plugins = [...new Set(nodes.flatMap(({ scores = {} }) => Object.keys(scores)))]
  const ordered = nodes.toSorted((a, b) => (b.total ?? -1) - (a.total ?? -1))
  const header = ['NODE', 'TOTAL', ...plugins.map((name) => name.toUpperCase()), 'VERDICT']
  const rows = ordered.map(({ node, total, scores, filters }) => {
    const refusals = Object.values(filters).filter((said) => said !== 'ok')
    const verdict = refusals.length === 0 ? 'fits' : refusals.map(({ plugin, reasons }) => `${plugin}: ${reasons.join(', ')}`).join('; ')
    return [node, total === undefined ? '-' : String(total), ...plugins.map((name) => (scores?.[name] === undefined ? '-' : String(scores[name]))), verdict]
  })
  const widths = header.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]!.length)))
  return [header, ...rows].map((row) => row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!))).join('  '))
}
