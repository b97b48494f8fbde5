/** The priority of a pod, or of a pod group, comes from its class (upstream: Priority plugin). */
import { priorityClasses } from '../../../api/generated/resources.ts'
import type { Pod } from '../../../api/generated/types/core-v1.ts'
import type { PriorityClass } from '../../../api/generated/types/scheduling-v1.ts'
import type { PodGroup } from '../../../api/generated/types/scheduling-v1alpha2.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import { isFor, isOperation, objectOf, oldObjectOf, refuse, type Lister, type PluginContext } from '../context.ts'

function defaultClass(lister: Lister): PriorityClass | undefined {
  return lister.list(priorityClasses).filter((c) => c.globalDefault)
    .reduce<PriorityClass | undefined>((best, c) => (best === undefined || (c.value ?? 0) < (best.value ?? 0) ? c : best), undefined)
}

function classOf(a: Attributes, lister: Lister, name: string | undefined): PriorityClass | undefined {
  if (!name) return defaultClass(lister)
  const found = lister.get(priorityClasses, '', name)
  if (found === undefined) throw refuse(a, `no PriorityClass with name ${name} was found`)
  return found
}

function admitNewPod(a: Attributes, lister: Lister): void {
  const spec = objectOf<Pod>(a).spec!
  const used = classOf(a, lister, spec.priorityClassName)
  const priority = used?.value ?? 0
  if (used !== undefined) spec.priorityClassName = used.metadata.name
  if (spec.priority !== undefined && spec.priority !== priority) {
    throw refuse(a, `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`)
  }
  spec.priority = priority
  const policy = used === undefined ? 'PreemptLowerPriority' : used.preemptionPolicy
  if (policy === undefined) return
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
    throw refuse(a, `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`)
  }
  spec.preemptionPolicy = policy
}

function admitNewGroup(a: Attributes, lister: Lister): void {
  const { spec } = objectOf<PodGroup>(a)
  const used = classOf(a, lister, spec.priorityClassName)
  const priority = used?.value ?? 0
  if (spec.priority !== undefined && spec.priority !== priority) {
    throw refuse(a, `priority set in the pod group (${spec.priority}) must match the priority computed (${priority}) based on the priority class set in the spec`)
  }
  spec.priority = priority
  if (used !== undefined) spec.priorityClassName = used.metadata.name
}

/** An update that leaves them out keeps them. */
function keepPriority(a: Attributes): void {
  const spec = objectOf<Pod>(a).spec!
  const old = oldObjectOf<Pod>(a).spec!
  if (spec.priority === undefined && old.priority !== undefined) spec.priority = old.priority
  if (spec.preemptionPolicy === undefined && old.preemptionPolicy !== undefined) spec.preemptionPolicy = old.preemptionPolicy
}

export function priority({ lister, feature }: PluginContext): AdmissionPlugin {
  const isGroup = (a: Attributes) => a.operation === 'CREATE' && isFor(a, 'scheduling.k8s.io', 'podgroups') && feature('WorkloadAwarePreemption')
  return {
    name: 'Priority',
    handles: (a) => isOperation(a, 'CREATE', 'UPDATE') && (isFor(a, '', 'pods') || isFor(a, 'scheduling.k8s.io', 'priorityclasses') || isGroup(a)),
    admit(a) {
      if (isGroup(a)) admitNewGroup(a, lister)
      if (a.resource.resource === 'pods') {
        if (a.operation === 'CREATE') admitNewPod(a, lister)
        else keepPriority(a)
      }
      return Promise.resolve()
    },
    validate(a) {
      if (a.resource.resource !== 'priorityclasses' || !objectOf<PriorityClass>(a).globalDefault) return Promise.resolve()
      const existing = defaultClass(lister)
      if (existing !== undefined && (a.operation === 'CREATE' || existing.metadata.name !== a.name)) {
        throw refuse(a, `PriorityClass ${existing.metadata.name} is already marked as default. Only one default can exist`)
      }
      return Promise.resolve()
    },
  }
}
