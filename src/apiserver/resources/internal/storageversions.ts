import type { StorageVersion } from '../../../api/generated/types/internal-v1alpha1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const storageVersions = builtin<StorageVersion>({
  group: 'internal.apiserver.k8s.io', version: 'v1alpha1', resource: 'storageversions',
  subresources: { status: statusSubresource() },
})
