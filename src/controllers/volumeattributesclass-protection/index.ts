import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types/core-v1.ts'
import type { VolumeAttributesClass } from '../../api/generated/types/storage-v1.ts'
import { persistentVolumeClaims, persistentVolumes, volumeAttributesClasses } from '../../api/generated/resources.ts'
import { watch } from '../../client/controller.ts'
import { defineIndex, type Index } from '../../client/lister.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { update } from '../../client/steps.ts'
import { ownKey } from '../shared/owners.ts'

interface Snapshot {
  readonly object: VolumeAttributesClass
  readonly used: boolean
}

const finalizer = 'kubernetes.io/vac-protection'

const namesOfClaim = ({ spec, status }: PersistentVolumeClaim): string[] =>
  [...new Set([spec?.volumeAttributesClassName, status?.currentVolumeAttributesClassName, status?.modifyVolumeStatus?.targetVolumeAttributesClassName])]
    .filter((name) => name !== undefined && name !== null && name !== '') as string[]
const namesOfVolume = ({ spec }: PersistentVolume): string[] => ((spec?.volumeAttributesClassName ?? '') === '' ? [] : [spec!.volumeAttributesClassName!])
const claimsByClass: Index<PersistentVolumeClaim> = defineIndex('attributes class', namesOfClaim)
const volumesByClass: Index<PersistentVolume> = defineIndex('attributes class', namesOfVolume)

/** Keeps classes that volumes or claims name from going (upstream: pkg/controller/volume/vacprotection). */
export const vacProtectionController: ControllerDefinition<Snapshot> = {
  name: 'volumeattributesclass-protection-controller',
  workers: 1,
  watches: [
    watch(volumeAttributesClasses, ownKey, { deleted: false }),
    watch(persistentVolumeClaims, namesOfClaim, { added: () => false }),
    watch(persistentVolumes, namesOfVolume, { added: () => false }),
  ],
  snapshot(key, informers) {
    const object = informers.of(volumeAttributesClasses).get(key)
    if (object === undefined) return undefined
    const used = informers.of(persistentVolumes).by(volumesByClass, key).length > 0 || informers.of(persistentVolumeClaims).by(claimsByClass, key).length > 0
    return { object, used }
  },
  plan({ object, used }) {
    const finalizers = object.metadata.finalizers ?? []
    const deleting = object.metadata.deletionTimestamp !== undefined
    const has = finalizers.includes(finalizer)
    const write = (next: string[]) => ({ steps: [update(volumeAttributesClasses, { ...object, metadata: { ...object.metadata, finalizers: next } })] })
    if (deleting && has && !used) return write(finalizers.filter((one) => one !== finalizer))
    return deleting || has ? { steps: [] } : write([...finalizers, finalizer])
  },
}
