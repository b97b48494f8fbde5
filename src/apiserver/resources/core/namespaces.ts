import type { Namespace } from '../../../api/generated/types/core-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { validateNamespace, validateNamespaceFinalize, validateNamespaceStatus } from './node-validation.ts'

function setDefaults(namespace: Namespace): void {
  const { metadata } = namespace
  if (metadata.name) metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name }
  const status = (namespace.status ??= {})
  status.phase ||= 'Active'
}

function prepareForCreate(namespace: Namespace): void {
  namespace.status = { phase: 'Active' }
  const spec = (namespace.spec ??= {})
  if (!spec.finalizers?.includes('kubernetes')) spec.finalizers = [...spec.finalizers ?? [], 'kubernetes']
  // The name may have been generated since the defaults were set.
  setDefaults(namespace)
}

/** Finalizers change through /finalize alone. */
function prepareForUpdate(namespace: Namespace, old: Namespace): void {
  namespace.spec = { ...namespace.spec, finalizers: old.spec?.finalizers ?? [] }
  if (namespace.spec.finalizers?.length === 0) delete namespace.spec.finalizers
}

export const namespaces = builtin<Namespace>({
  group: '', version: 'v1', resource: 'namespaces',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  nameFormat: 'dns-label',
  generationFields: [],
  default: setDefaults,
  prepareForCreate,
  prepareForUpdate,
  prepareForDelete: (namespace) => {
    namespace.status = { ...namespace.status, phase: 'Terminating' }
  },
  deletionFinalizers: (namespace) => namespace.spec?.finalizers ?? [],
  validate: validateNamespace,
  subresources: {
    status: statusSubresource({ validateUpdate: validateNamespaceStatus }),
    finalize: { verbs: ['update'], writes: ['spec'], validateUpdate: validateNamespaceFinalize },
  },
  selectableFields: { 'status.phase': (o) => o.status?.phase ?? '' },
  columns: [nameColumn(), text('Status', (o) => o.status?.phase), ageColumn()],
})
