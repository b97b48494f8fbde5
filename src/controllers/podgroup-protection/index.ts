import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { PodGroup } from '../../api/generated/types/scheduling-v1alpha2.ts'
import { podGroups, pods } from '../../api/generated/resources.ts'
import { watch } from '../../client/controller.ts'
import { defineIndex, type Index } from '../../client/lister.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { update } from '../../client/steps.ts'
import { ownKey } from '../shared/owners.ts'

interface Snapshot {
  readonly group: PodGroup
  readonly used: boolean
}

const finalizer = 'scheduling.k8s.io/podgroup-protection'

const groupOf = ({ metadata, spec }: Pod): string[] => {
  const name = spec?.schedulingGroup?.podGroupName
  return name === undefined ? [] : [`${metadata.namespace}/${name}`]
}
const hasEnded = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed'
const activeByGroup: Index<Pod> = defineIndex('group of active pods', (pod) => (hasEnded(pod) ? [] : groupOf(pod)))

/** Lets go pod groups that are deleted when their last pod has ended (upstream: scheduling/podgroupprotection). */
export const podGroupProtectionController: ControllerDefinition<Snapshot> = {
  name: 'podgroup-protection-controller',
  workers: 1,
  watches: [watch(podGroups, ownKey, { deleted: false }), watch(pods, groupOf, { added: hasEnded, changed: hasEnded })],
  snapshot(key, informers) {
    const group = informers.of(podGroups).get(key)
    return group === undefined ? undefined : { group, used: informers.of(pods).by(activeByGroup, key).length > 0 }
  },
  plan({ group, used }) {
    const finalizers = group.metadata.finalizers ?? []
    if (group.metadata.deletionTimestamp === undefined || used || !finalizers.includes(finalizer)) return { steps: [] }
    const metadata = { ...group.metadata, finalizers: finalizers.filter((one) => one !== finalizer) }
    return { steps: [update(podGroups, { ...group, metadata })] }
  },
}
