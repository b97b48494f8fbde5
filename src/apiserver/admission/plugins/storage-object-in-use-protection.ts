/** Volumes and claims are not taken away under those that use them: a finalizer of theirs waits. */
import type { AdmissionPlugin } from '../contract.ts'
import { isFor } from '../context.ts'

const finalizers = [
  { group: '', resource: 'persistentvolumes', finalizer: 'kubernetes.io/pv-protection' },
  { group: '', resource: 'persistentvolumeclaims', finalizer: 'kubernetes.io/pvc-protection' },
  { group: 'storage.k8s.io', resource: 'volumeattributesclasses', finalizer: 'kubernetes.io/vac-protection' },
] as const

export function storageObjectInUseProtection(): AdmissionPlugin {
  return {
    name: 'StorageObjectInUseProtection',
    handles: (a) => a.operation === 'CREATE' && finalizers.some((f) => isFor(a, f.group, f.resource)),
    admit(a) {
      const { finalizer } = finalizers.find((f) => isFor(a, f.group, f.resource))!
      const { metadata } = a.object!
      if (!metadata.finalizers?.includes(finalizer)) metadata.finalizers = [...metadata.finalizers ?? [], finalizer]
      return Promise.resolve()
    },
  }
}
