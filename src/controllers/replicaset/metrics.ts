/** Metrics under upstream's names (pkg/controller/replicaset/metrics). */
import { isPodActive, isPodReady } from '../../api/helpers/pod-conditions.ts'
import { parseTime } from '../../api/meta/time.ts'
import type { Metrics } from '../../base/env.ts'
import type { Measured } from '../../client/reconcile.ts'
import type { ReplicaSetSnapshot } from './plan.ts'

const buckets = Array.from({ length: 6 }, (_, at) => 0.25 * 2 ** at)

/** How old the ready pods were that a smaller count has cost, beside the youngest; nothing when all of them went. */
export function measureDeletions({ snapshot, steps, now }: Measured<ReplicaSetSnapshot>, metrics: Metrics): void {
  const gone = new Set(steps.flatMap((step) => (step.do === 'delete' ? [step.key.name] : [])))
  const active = snapshot.pods.filter(isPodActive)
  if (gone.size === 0 || gone.size >= active.length) return
  const ready = active.filter(isPodReady).map(({ metadata }) => ({ name: metadata.name ?? '', age: now - (parseTime(metadata.creationTimestamp ?? '') ?? now) }))
  const youngest = Math.min(...ready.map(({ age }) => age))
  const ratios = metrics.histogram('replicaset_controller_sorting_deletion_age_ratio',
    'The ratio of chosen deleted pod\'s ages to the current youngest pod\'s age (at the time). Should be <2. Only ready pods count.', buckets)
  for (const { name, age } of ready) if (gone.has(name)) ratios.observe(youngest === 0 ? 1 : Math.floor(age / youngest))
}
