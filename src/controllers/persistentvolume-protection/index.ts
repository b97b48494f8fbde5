import type { PersistentVolume } from '../../api/generated/types/core-v1.ts'
import { persistentVolumes } from '../../api/generated/resources.ts'
import { watch } from '../../client/controller.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { update } from '../../client/steps.ts'
import { ownKey } from '../shared/owners.ts'

const finalizer = 'kubernetes.io/pv-protection'

/** Keeps volumes that are bound from going (upstream: pkg/controller/volume/pvprotection). */
export const pvProtectionController: ControllerDefinition<PersistentVolume> = {
  name: 'persistentvolume-protection-controller',
  workers: 1,
  watches: [watch(persistentVolumes, ownKey, { deleted: false })],
  snapshot: (key, informers) => informers.of(persistentVolumes).get(key),
  plan(volume) {
    const finalizers = volume.metadata.finalizers ?? []
    const deleting = volume.metadata.deletionTimestamp !== undefined
    const has = finalizers.includes(finalizer)
    if (!deleting && !has) return { steps: [write(volume, [...finalizers, finalizer])] }
    if (deleting && has && volume.status?.phase !== 'Bound') return { steps: [write(volume, finalizers.filter((one) => one !== finalizer))] }
    return { steps: [] }
  },
}

const write = (volume: PersistentVolume, finalizers: string[]) =>
  update(persistentVolumes, { ...volume, metadata: { ...volume.metadata, finalizers } })
