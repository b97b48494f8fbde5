import { priorityClasses } from '../../../api/generated/resources.ts'
import { type PostStartHook, ensureObject } from './hooks.ts'

const classes = [
  {
    name: 'system-node-critical', value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    name: 'system-cluster-critical', value: 2_000_000_000,
    description: 'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
]

/** The two priority classes of the system itself. */
export const priorityClassesHook: PostStartHook = {
  name: 'scheduling/bootstrap-system-priority-classes',
  async run({ client }) {
    await Promise.all(classes.map(({ name, value, description }) => ensureObject(client, priorityClasses, {
      apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name }, value, description,
      globalDefault: false, preemptionPolicy: 'PreemptLowerPriority',
    })))
  },
}
