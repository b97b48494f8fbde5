/** PodGroups point to what exists, outlive their pods, and hold the jobs that they gang-schedule to their size. Behind GenericWorkload. */
import { podGroups, workloads } from '../../../api/generated/resources.ts'
import type { Job } from '../../../api/generated/types/batch-v1.ts'
import type { PodGroup, Workload } from '../../../api/generated/types/scheduling-v1alpha2.ts'
import { isStatus } from '../../../api/meta/errors.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import { isFor, isOperation, objectOf, oldObjectOf, refuse, type PluginContext } from '../context.ts'

const group = 'scheduling.k8s.io'
const finalizer = 'scheduling.k8s.io/podgroup-protection'

export function podGroupProtection({ feature }: PluginContext): AdmissionPlugin {
  return {
    name: 'PodGroupProtection',
    handles: (a) => a.operation === 'CREATE' && isFor(a, group, 'podgroups') && feature('GenericWorkload'),
    admit(a) {
      const { metadata } = a.object!
      if (!metadata.finalizers?.includes(finalizer)) metadata.finalizers = [...(metadata.finalizers ?? []), finalizer]
      return Promise.resolve()
    },
  }
}

export function podGroupWorkloadExists({ lister, client, feature }: PluginContext): AdmissionPlugin {
  const find = async (a: Attributes, name: string): Promise<Workload> => {
    const known = lister.get(workloads, a.namespace, name)
    if (known !== undefined) return known
    try {
      return await client.get(workloads, { namespace: a.namespace, name })
    } catch (error) {
      if (isStatus(error, 'NotFound')) throw refuse(a, `PodGroup rejected: Workload ${JSON.stringify(name)} not found`)
      throw error
    }
  }
  return {
    name: 'PodGroupWorkloadExists',
    handles: (a) => a.operation === 'CREATE' && isFor(a, group, 'podgroups') && feature('GenericWorkload'),
    async validate(a) {
      const ref = objectOf<PodGroup>(a).spec?.podGroupTemplateRef?.workload
      if (ref === undefined) return
      const workload = await find(a, ref.workloadName)
      const name = JSON.stringify(ref.workloadName)
      if (workload.metadata.deletionTimestamp !== undefined) throw refuse(a, `PodGroup rejected: Workload ${name} is being deleted`)
      if (workload.spec?.podGroupTemplates?.some((template) => template.name === ref.podGroupTemplateName)) return
      throw refuse(a, `PodGroup rejected: PodGroupTemplate ${JSON.stringify(ref.podGroupTemplateName)} not found in Workload ${name}`)
    },
  }
}

export function jobValidation({ lister, feature }: PluginContext): AdmissionPlugin {
  const groupsOf = (job: Job): readonly PodGroup[] => {
    const namespace = job.metadata.namespace ?? ''
    const named = job.spec?.template.spec?.schedulingGroup?.podGroupName
    if (named !== undefined) {
      const found = lister.get(podGroups, namespace, named)
      return found === undefined ? [] : [found]
    }
    return lister.list(podGroups, namespace).filter(({ metadata }) => metadata.ownerReferences?.some(({ uid, controller }) => controller === true && uid === job.metadata.uid))
  }
  return {
    name: 'JobValidation',
    handles: (a) => isOperation(a, 'UPDATE') && isFor(a, 'batch', 'jobs') && (feature('GenericWorkload') || feature('WorkloadWithJob')),
    validate(a) {
      const old = oldObjectOf<Job>(a)
      if (objectOf<Job>(a).spec?.parallelism === old.spec?.parallelism) return Promise.resolve()
      const gang = groupsOf(old).find(({ spec }) => spec?.schedulingPolicy?.gang !== undefined)
      if (gang !== undefined) throw refuse(a, `cannot change parallelism for a Job referencing gang-scheduled PodGroup ${JSON.stringify(gang.metadata.name)}`)
      return Promise.resolve()
    },
  }
}
