import type { LeaseCandidate } from '../../../api/generated/types/coordination-v1beta1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { validateLeaseCandidate, validateLeaseCandidateUpdate } from './validation.ts'

export const leaseCandidates = builtin<LeaseCandidate>({
  group: 'coordination.k8s.io', version: 'v1beta1', resource: 'leasecandidates',
  createOnUpdate: true,
  generationFields: [],
  validate: validateLeaseCandidate,
  validateUpdate: validateLeaseCandidateUpdate,
  selectableFields: { 'spec.leaseName': (o) => o.spec?.leaseName ?? '' },
  columns: [
    nameColumn(),
    text('LeaseName', (o) => o.spec?.leaseName),
    text('BinaryVersion', (o) => o.spec?.binaryVersion),
    text('EmulationVersion', (o) => o.spec?.emulationVersion ?? ''),
    ageColumn(),
  ],
})
