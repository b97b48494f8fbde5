import type { Node, NodeAffinity, NodeSelectorTerm, PreferredSchedulingTerm } from '../../api/generated/types/core-v1.ts'
import { type NodeMatcher, compileNodeSelector, compileNodeSelectorTerm, compileRequiredNodeAffinity } from '../../api/helpers/node-affinity.ts'
import { type PluginDefinition, defaultNormalize, unresolvable } from '../framework.ts'

const name = 'NodeAffinity'
const refusal = unresolvable('node(s) didn\'t match Pod\'s node affinity/selector')
const enforced = unresolvable('node(s) didn\'t match scheduler-enforced node affinity')
const conflict = unresolvable('pod affinity terms conflict')

interface Preference {
  readonly weight: number
  readonly matches: NodeMatcher
}

/** spec.nodeSelector and node affinity, required and preferred; addedAffinity counts for every pod. */
export const nodeAffinity: PluginDefinition = {
  name,
  create(args) {
    const added = args['addedAffinity'] as NodeAffinity | undefined
    const addedRequired = added?.requiredDuringSchedulingIgnoredDuringExecution === undefined
      ? undefined
      : compileNodeSelector(added.requiredDuringSchedulingIgnoredDuringExecution)
    const addedPreferred = preferences(added?.preferredDuringSchedulingIgnoredDuringExecution)
    return {
      name,
      local: true,
      events: [{
        resource: 'Node', actions: ['Add', 'UpdateNodeLabel'],
        hint(pod, { object, old }) {
          if (addedRequired !== undefined && !addedRequired(object as Node)) return false
          const matches = compileRequiredNodeAffinity(pod)
          return matches(object as Node) && (old === undefined || !matches(old as Node))
        },
      }],
      preFilter(state, { pod }) {
        const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
        if (required === undefined && addedRequired === undefined && pod.spec?.nodeSelector === undefined) return { skip: true }
        state.data.set(name, compileRequiredNodeAffinity(pod))
        const names = namesOf(required?.nodeSelectorTerms)
        if (names === undefined) return undefined
        return names.size === 0 ? { refused: conflict } : { nodeNames: names }
      },
      filter(state, _pod, node) {
        if (addedRequired !== undefined && !addedRequired(node.node!)) return enforced
        return state.read<NodeMatcher>(name)!(node.node!) ? undefined : refusal
      },
      preScore(state, { pod }) {
        const preferred = preferences(pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution)
        if (preferred.length === 0 && addedPreferred.length === 0) return true
        state.data.set(`${name}/score`, [...preferred, ...addedPreferred])
        return false
      },
      score(state, _pod, node) {
        let sum = 0
        for (const { weight, matches } of state.read<readonly Preference[]>(`${name}/score`)!) if (matches(node.node!)) sum += weight
        return sum
      },
      normalize: (_state, _pod, _feasible, scores) => defaultNormalize(scores, false),
    }
  },
}

function preferences(terms: readonly PreferredSchedulingTerm[] | undefined): Preference[] {
  return (terms ?? []).filter(({ weight }) => weight !== 0)
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
