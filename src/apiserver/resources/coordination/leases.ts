import type { Lease } from '../../../api/generated/types/coordination-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { validateLease } from './validation.ts'

/** The fields of coordinated leader election wait for their gate. */
function dropStrategy({ spec }: Lease, old: Lease | undefined, feature: (name: string) => boolean): void {
  if (spec === undefined || feature('CoordinatedLeaderElection')) return
  for (const name of ['strategy', 'preferredHolder'] as const) if (old?.spec?.[name] === undefined) delete spec[name]
}

export const leases = builtin<Lease>({
  group: 'coordination.k8s.io', version: 'v1', resource: 'leases',
  anyFinalizers: true,
  createOnUpdate: true,
  generationFields: [],
  prepareForCreate: (lease, { feature }) => dropStrategy(lease, undefined, feature),
  prepareForUpdate: (lease, old, { feature }) => dropStrategy(lease, old, feature),
  validate: validateLease,
  validateUpdate: validateLease,
  columns: [nameColumn(), text('Holder', (o) => o.spec?.holderIdentity ?? ''), ageColumn()],
})
