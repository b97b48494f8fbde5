import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types/core-v1.ts'
import { persistentVolumeClaims, persistentVolumes } from '../../api/generated/resources.ts'
import { volumeAnnotations } from '../../api/helpers/volumes.ts'
import { compareQuantity } from '../../api/meta/quantity.ts'
import { watch } from '../../client/controller.ts'
import { keyOf } from '../../client/lister.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { event } from '../../client/steps.ts'

interface Snapshot {
  readonly claim: PersistentVolumeClaim
  readonly volume: PersistentVolume | undefined
}

const asked = ({ spec }: PersistentVolumeClaim) => spec?.resources?.requests?.['storage'] ?? '0'
const has = ({ status }: PersistentVolumeClaim) => status?.capacity?.['storage'] ?? '0'

/**
 * Claims that ask for more than they have (upstream: pkg/controller/volume/expand). No volume that v1.36 knows itself can
 * be expanded by a controller (all of them are their CSI drivers' matter): what is left to do is to say who is waited for.
 */
export const pvExpanderController: ControllerDefinition<Snapshot> = {
  name: 'persistentvolume-expander-controller',
  component: 'volume_expand',
  workers: 10,
  watches: [watch(persistentVolumeClaims, (claim) => (claim.status?.phase === 'Bound' ? [keyOf(claim)] : []), {
    deleted: false,
    changed: (claim, old) => compareQuantity(asked(claim), asked(old)) > 0 || claim.status?.phase !== old.status?.phase,
  })],
  reads: [persistentVolumes as never],
  snapshot(key, informers) {
    const claim = informers.of(persistentVolumeClaims).get(key)
    if (claim?.status?.phase !== 'Bound') return undefined
    return { claim, volume: informers.of(persistentVolumes).get(claim.spec?.volumeName ?? '') }
  },
  plan({ claim, volume }) {
    if (volume === undefined) return { steps: [], error: new Error(`failed to get PV ${JSON.stringify(claim.spec?.volumeName)}: not found`) }
    if (volume.spec?.claimRef?.uid !== claim.metadata.uid) {
      return { steps: [], error: new Error(`persistent Volume is not bound to PVC being updated : ${keyOf(claim)}`) }
    }
    const resizing = volume.metadata.annotations?.[volumeAnnotations.preResizeCapacity] !== undefined
    if (compareQuantity(asked(claim), has(claim)) <= 0 && !resizing) return { steps: [] }
    return { steps: [event(claim, 'Normal', 'ExternalExpanding', 'waiting for an external controller to expand this PVC')] }
  },
}
