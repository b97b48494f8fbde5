import type { ClusterTrustBundle } from '../../../api/generated/types/certificates-v1beta1.ts'
import { builtin } from '../builtin.ts'

export const clusterTrustBundles = builtin<ClusterTrustBundle>({
  group: 'certificates.k8s.io', version: 'v1beta1', resource: 'clustertrustbundles',
})
