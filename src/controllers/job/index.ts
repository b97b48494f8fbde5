import type { Job } from '../../api/generated/types/batch-v1.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { jobs, pods } from '../../api/generated/resources.ts'
import { controllerOf } from '../../api/meta/owner-references.ts'
import { watch } from '../../client/controller.ts'
import type { Informers } from '../../client/informer.ts'
import { defineIndex, type Index, splitKey } from '../../client/lister.ts'
import type { ControllerDefinition, Plan } from '../../client/reconcile.ts'
import { batch, event } from '../../client/steps.ts'
import { candidatePods } from '../replicaset/index.ts'
import { ownerKeys, ownKey } from '../shared/owners.ts'
import { compileSelector } from '../shared/selectors.ts'
import { type BackoffRecord, noFailures } from './backoff.ts'
import { measureJob, observeJobs } from './metrics.ts'
import { isFinished, type JobSnapshot, planJob } from './plan.ts'
import { isTracked, releaseFinalizer } from './pods.ts'

/** Pods with the tracking finalizer by the job that their reference names. */
const trackedByJob: Index<Pod> = defineIndex('tracked', (pod) => {
  const controller = controllerOf(pod)
  return isTracked(pod) && controller?.kind === 'Job' ? [`${pod.metadata.namespace}/${controller.name}`] : []
})

type Snapshot = JobSnapshot | { readonly left: readonly Pod[] } | { readonly unknownMode: Job }

const ofJob = ownerKeys('Job', 'batch', jobs, (job) => compileSelector(job.spec?.selector))

/** Orphans that keep a finalizer which nobody would take off get a key of their own: "namespace//name". */
function podKeys(pod: Pod, informers: Informers): string[] {
  const keys = ofJob(pod, informers)
  return isTracked(pod) && controllerOf(pod) === undefined ? [...keys, `${pod.metadata.namespace}//${pod.metadata.name}`] : keys
}

/** Runs pods to completion (upstream: pkg/controller/job). */
export function jobController(): ControllerDefinition<Snapshot> {
  const records = new Map<string, BackoffRecord>()
  return {
    name: 'job-controller',
    subsystem: 'job_controller',
    workers: 5,
    watches: [watch(jobs, ownKey), watch(pods, podKeys)],
    snapshot(key, informers) {
      const { namespace, name } = splitKey(key)
      if (name.startsWith('/')) {
        const orphan = informers.of(pods).get({ namespace, name: name.slice(1) })
        return orphan !== undefined && controllerOf(orphan) === undefined && isTracked(orphan) ? { left: [orphan] } : undefined
      }
      const job = informers.of(jobs).get(key)
      const managed = job?.spec?.managedBy === undefined || job.spec.managedBy === 'kubernetes.io/job-controller'
      if (!managed) return undefined
      if (job === undefined || isFinished(job)) {
        records.delete(key)
        return { left: informers.of(pods).by(trackedByJob, key) }
      }
      const mode = job.spec?.completionMode
      if (mode !== undefined && mode !== 'NonIndexed' && mode !== 'Indexed') return { unknownMode: job }
      return {
        job, pods: candidatePods(job, informers),
        foreign: informers.of(pods).by(trackedByJob, key).filter((pod) => controllerOf(pod)?.uid !== job.metadata.uid),
        backoff: records.get(key) ?? noFailures,
        remember: (record) => records.set(key, record),
      }
    },
    plan(snapshot, world): Plan {
      if ('job' in snapshot) return planJob(snapshot, world)
      if ('left' in snapshot) return { steps: snapshot.left.length === 0 ? [] : [batch(snapshot.left.map(releaseFinalizer))] }
      return { steps: [event(snapshot.unknownMode, 'Warning', 'UnknownCompletionMode', 'Skipped Job sync because completion mode is unknown')] }
    },
    observe: observeJobs,
    measure(look, metrics) {
      if ('job' in look.snapshot) measureJob({ ...look, snapshot: look.snapshot }, metrics)
    },
  }
}
