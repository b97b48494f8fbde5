/** A claim grows only when it is bound and its class allows it. */
import { storageClasses } from '../../../api/generated/resources.ts'
import type { PersistentVolumeClaim } from '../../../api/generated/types/core-v1.ts'
import { compareQuantity } from '../../../api/meta/quantity.ts'
import { storageClassOf } from '../../resources/core/persistentvolumes.ts'
import type { AdmissionPlugin } from '../contract.ts'
import { isFor, objectOf, oldObjectOf, refuse, type PluginContext } from '../context.ts'

const sizeOf = (claim: PersistentVolumeClaim): string => claim.spec?.resources?.requests?.storage ?? '0'

export function persistentVolumeClaimResize({ lister }: PluginContext): AdmissionPlugin {
  return {
    name: 'PersistentVolumeClaimResize',
    handles: (a) => isFor(a, '', 'persistentvolumeclaims') && a.operation === 'UPDATE',
    validate(a) {
      const claim = objectOf<PersistentVolumeClaim>(a)
      const old = oldObjectOf<PersistentVolumeClaim>(a)
      if (compareQuantity(sizeOf(claim), sizeOf(old)) <= 0) return Promise.resolve()
      if (old.status?.phase !== 'Bound') throw refuse(a, 'Only bound persistent volume claims can be expanded')
      const name = storageClassOf(claim)
      const allowed = name !== '' && name === storageClassOf(old) && lister.get(storageClasses, '', name)?.allowVolumeExpansion === true
      if (!allowed) {
        throw refuse(a, 'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize')
      }
      return Promise.resolve()
    },
  }
}
