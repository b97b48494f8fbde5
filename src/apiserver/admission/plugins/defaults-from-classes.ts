/** Claims and ingresses without a class get the default one (upstream: DefaultStorageClass, DefaultIngressClass). */
import { ingressClasses, storageClasses } from '../../../api/generated/resources.ts'
import type { PersistentVolumeClaim } from '../../../api/generated/types/core-v1.ts'
import type { Ingress } from '../../../api/generated/types/networking-v1.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import { isDefaultClass } from '../../resources/storage/storageclasses.ts'
import type { AdmissionPlugin } from '../contract.ts'
import { isFor, objectOf, type PluginContext } from '../context.ts'

/** The newest; of equally new ones the first by name. */
function newest<T extends KubeObject>(classes: readonly T[]): T | undefined {
  return [...classes].sort((a, b) => {
    const [x, y] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '']
    if (x !== y) return x < y ? 1 : -1
    return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1
  })[0]
}

const oldClassAnnotation = 'volume.beta.kubernetes.io/storage-class'

export function defaultStorageClass({ lister }: PluginContext): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    handles: (a) => isFor(a, '', 'persistentvolumeclaims') && a.operation === 'CREATE',
    admit(a) {
      const claim = objectOf<PersistentVolumeClaim>(a)
      if (claim.metadata.annotations?.[oldClassAnnotation] !== undefined || claim.spec?.storageClassName !== undefined) return Promise.resolve()
      const name = newest(lister.list(storageClasses).filter((c) => isDefaultClass(c.metadata.annotations)))?.metadata.name
      if (name !== undefined) claim.spec!.storageClassName = name
      return Promise.resolve()
    },
  }
}

export function defaultIngressClass({ lister }: PluginContext): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    handles: (a) => isFor(a, 'networking.k8s.io', 'ingresses') && a.operation === 'CREATE',
    admit(a) {
      const ingress = objectOf<Ingress>(a)
      if (ingress.spec?.ingressClassName !== undefined || ingress.metadata.annotations?.['kubernetes.io/ingress.class'] !== undefined) {
        return Promise.resolve()
      }
      const defaults = lister.list(ingressClasses)
        .filter((c) => c.metadata.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true')
      const name = newest(defaults)?.metadata.name
      if (name !== undefined) (ingress.spec ??= {}).ingressClassName = name
      return Promise.resolve()
    },
  }
}
