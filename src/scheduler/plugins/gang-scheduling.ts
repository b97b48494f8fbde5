/** Pods of a gang run together or not at all (upstream: plugins/gangscheduling). Behind GangScheduling. */
import { podGroups } from '../../api/generated/resources.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { PodGroup } from '../../api/generated/types/scheduling-v1alpha2.ts'
import { podGroupOf } from '../../api/helpers/pod-group.ts'
import { type PluginDefinition, failed, unresolvable } from '../framework.ts'

const name = 'GangScheduling'
const permitTimeoutMs = 5 * 60_000

export const gangScheduling: PluginDefinition = {
  name,
  create(_args, handle) {
    const groups = handle.lister(podGroups)
    const find = ({ metadata: { namespace } }: Pod, group: string): PodGroup | undefined => groups.get({ namespace, name: group })
    return {
      name,
      events: [
        // The pod that makes the gang complete.
        { resource: 'Pod', actions: ['Add'], hint: (pod, { object }) => sameGroup(pod, object as Pod) },
        {
          resource: 'PodGroup', actions: ['Add'],
          hint: (pod, { object }) => {
            const { metadata } = object as PodGroup
            return metadata.namespace === pod.metadata.namespace && metadata.name === podGroupOf(pod)
          },
        },
      ],
      preEnqueue(pod) {
        const group = podGroupOf(pod)
        if (group === undefined) return undefined
        const found = find(pod, group)
        // Upstream's own words.
        if (found === undefined) return unresolvable(`waiting for pods's pod group "${group}" to appear in scheduling queue`)
        const { gang } = found.spec.schedulingPolicy
        if (gang === undefined || handle.podGroup(pod.metadata.namespace!, group).count >= gang.minCount) return undefined
        return unresolvable('waiting for minCount pods from a gang to appear in scheduling queue')
      },
      permit(_state, { pod }) {
        const group = podGroupOf(pod)
        if (group === undefined) return undefined
        const found = find(pod, group)
        if (found === undefined) return failed(`failed to get podGroup ${pod.metadata.namespace}/${group}: podgroup.scheduling.k8s.io "${group}" not found`)
        const { gang } = found.spec.schedulingPolicy
        if (gang === undefined) return undefined
        const { scheduled, unscheduled, assumed } = handle.podGroup(pod.metadata.namespace!, group)
        if (scheduled < gang.minCount) {
          handle.activate(unscheduled)
          return { code: 'Wait', reason: 'waiting for minCount pods from a gang to be scheduled', timeoutMs: permitTimeoutMs }
        }
        for (const waiting of handle.waiting()) if (assumed.has(waiting.pod.metadata.uid!)) waiting.allow(name)
        return undefined
      },
    }
  },
}

function sameGroup(pod: Pod, other: Pod): boolean {
  return pod.metadata.namespace === other.metadata.namespace && podGroupOf(pod) !== undefined && podGroupOf(pod) === podGroupOf(other)
}
