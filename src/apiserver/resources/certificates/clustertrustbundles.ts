import type { ClusterTrustBundle } from '../../../api/generated/types/certificates-v1beta1.ts'
import { builtin } from '../builtin.ts'
import { nameColumn, text } from '../columns.ts'
import { validateBundle, validateBundleUpdate } from './bundle-validation.ts'

export const clusterTrustBundles = builtin<ClusterTrustBundle>({
  group: 'certificates.k8s.io', version: 'v1beta1', resource: 'clustertrustbundles',
  featureGate: 'ClusterTrustBundle',
  nameFormat: () => [],
  generationFields: [],
  validate: validateBundle,
  validateUpdate: validateBundleUpdate,
  selectableFields: { 'spec.signerName': (o) => o.spec.signerName ?? '' },
  columns: [nameColumn(), text('SignerName', (o) => o.spec.signerName || '<none>')],
})
