import type { Container, Node, Pod } from '../../api/generated/types/core-v1.ts'
import { jsonEqual } from '../../api/meta/json-equal.ts'
import { type PluginDefinition, unresolvable } from '../framework.ts'

const name = 'NodeDeclaredFeatures'
const refusal = unresolvable('node(s) didn\'t match Pod\'s required features')

/** Features that a pod needs of its node, by the names that kubelets declare (component-helpers nodedeclaredfeatures). */
const needs: Readonly<Record<string, (pod: Pod) => boolean>> = {
  RestartAllContainersOnContainerExits({ spec }) {
    const restartsAll = (c: Container) => c.restartPolicyRules?.some((rule) => rule.action === 'RestartAllContainers') ?? false
    return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(restartsAll)
  },
  UserNamespacesHostNetworkSupport: ({ spec }) => spec?.hostNetwork === true && spec.hostUsers === false,
}

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

function featuresOf(pod: Pod): string[] {
  return Object.keys(needs).filter((feature) => needs[feature]!(pod))
}
