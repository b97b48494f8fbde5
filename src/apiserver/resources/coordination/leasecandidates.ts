import type { LeaseCandidate } from '../../../api/generated/types/coordination-v1beta1.ts'
import { isConfigMapKey } from '../../../api/meta/names.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { validateLeaseCandidate, validateLeaseCandidateUpdate } from './validation.ts'

export const leaseCandidates = builtin<LeaseCandidate>({
  group: 'coordination.k8s.io', version: 'v1beta1', resource: 'leasecandidates',
  anyFinalizers: true,
  nameFormat: (name) => isConfigMapKey(name),
  createOnUpdate: true,
  generationFields: [],
  validate: validateLeaseCandidate,
  validateUpdate: validateLeaseCandidateUpdate,
  unselectable: (field) => `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  selectableFields: { 'spec.leaseName': (o) => o.spec?.leaseName ?? '' },
  columns: [
    nameColumn(),
    text('LeaseName', (o) => o.spec?.leaseName),
    text('BinaryVersion', (o) => o.spec?.binaryVersion),
    text('EmulationVersion', (o) => o.spec?.emulationVersion ?? ''),
    ageColumn(),
  ],
})
