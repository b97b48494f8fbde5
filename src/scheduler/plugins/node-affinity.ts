import type { NodeSelectorTerm, Pod } from '../../api/generated/types/core-v1.ts'
import { compileNodeSelectorTerm, compileRequiredNodeAffinity } from '../../api/helpers/node-affinity.ts'
import { type SchedulerPlugin, defaultNormalize, unresolvable } from '../framework.ts'

type NodeMatcher = ReturnType<typeof compileRequiredNodeAffinity>

const name = 'NodeAffinity'
const refusal = unresolvable('node(s) didn\'t match Pod\'s node affinity/selector')
const conflict = unresolvable('pod affinity terms conflict')

/** spec.nodeSelector and node affinity, required and preferred. */
export const nodeAffinity: SchedulerPlugin = {
  name,
  events: [{ resource: 'Node', actions: ['Add', 'Update'] }],
  preFilter(state, { pod }) {
    const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
    if (required === undefined && pod.spec?.nodeSelector === undefined) return { skip: true }
    state.data.set(name, compileRequiredNodeAffinity(pod))
    const names = namesOf(required?.nodeSelectorTerms)
    if (names === undefined) return undefined
    return names.size === 0 ? { refused: conflict } : { nodeNames: names }
  },
  filter(state, _pod, node) {
    return state.read<NodeMatcher>(name)!(node.node!) ? undefined : refusal
  },
  preScore(state, { pod }) {
    const preferred = preferredTerms(pod)
    if (preferred.length === 0) return true
    state.data.set(`${name}/score`, preferred)
    return false
  },
  score(state, _pod, node) {
    let sum = 0
    for (const { weight, matches } of state.read<ReturnType<typeof preferredTerms>>(`${name}/score`)!) if (matches(node.node!)) sum += weight
    return sum
  },
  normalize(_state, _pod, _feasible, scores) {
    defaultNormalize(scores, false)
  },
}

function preferredTerms(pod: Pod): { weight: number; matches: NodeMatcher }[] {
  return (pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
    .filter(({ weight }) => weight !== 0)
    .map(({ weight, preference }) => ({ weight, matches: compileNodeSelectorTerm(preference) }))
}

/** The nodes that the terms name by metadata.name; undefined when some term names none, so that any node may do. */
function namesOf(terms: readonly NodeSelectorTerm[] | undefined): Set<string> | undefined {
  if (terms === undefined || terms.length === 0) return undefined
  const all = new Set<string>()
  for (const term of terms) {
    let names: Set<string> | undefined
    for (const field of term.matchFields ?? []) {
      if (field.key !== 'metadata.name' || field.operator !== 'In') continue
      const values = new Set(field.values)
      names = names === undefined ? values : names.intersection(values)
    }
    if (names === undefined) return undefined
    for (const value of names) all.add(value)
  }
  return all
}
