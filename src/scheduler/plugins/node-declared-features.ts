import type { Node, Pod } from '../../api/generated/types/core-v1.ts'
import { featuresToRun } from '../../api/helpers/declared-features.ts'
import { jsonEqual } from '../../api/meta/json-equal.ts'
import { type PluginDefinition, unresolvable } from '../framework.ts'

const name = 'NodeDeclaredFeatures'
const refusal = unresolvable('node(s) didn\'t match Pod\'s required features')

/** Pods that need a young feature go to nodes that declare it. */
export const nodeDeclaredFeatures: PluginDefinition = {
  name,
  create: () => ({
    name,
    local: true,
    events: [
      {
        resource: 'Node', actions: ['Add', 'UpdateNodeDeclaredFeature'],
        hint: (_pod, { object, old }) => old === undefined || !jsonEqual((object as Node).status?.declaredFeatures, (old as Node).status?.declaredFeatures),
      },
      {
        resource: 'Pod', actions: ['Update'],
        hint: (pod, { object, old }) => pod.metadata.uid === (object as Pod).metadata.uid && !jsonEqual(featuresOf(object as Pod), featuresOf(old as Pod)),
      },
    ],
    preFilter(state, { pod }) {
      const features = featuresOf(pod)
      if (features.length === 0) return { skip: true }
      state.data.set(name, features)
      return undefined
    },
    filter(state, _pod, node) {
      const declared = node.node!.status?.declaredFeatures
      for (const feature of state.read<readonly string[]>(name)!) if (declared?.includes(feature) !== true) return refusal
      return undefined
    },
  }),
}

const featuresOf = ({ spec }: Pod): string[] => (spec === undefined ? [] : featuresToRun(spec))
