/** Brings claims and volumes together (upstream: pkg/controller/volume/persistentvolume). */
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/types/core-v1.ts'
import { persistentVolumeClaims, persistentVolumes, pods, storageClasses } from '../../api/generated/resources.ts'
import { isPodTerminal } from '../../api/helpers/pod-conditions.ts'
import { classOfClaim, defaultClass, namesClass } from '../../api/helpers/volumes.ts'
import { watch } from '../../client/controller.ts'
import type { Informers } from '../../client/informer.ts'
import { defineIndex, type Index, keyOf } from '../../client/lister.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import type { ControllerManagerOptions } from '../options.ts'
import { claimNamesOf } from '../shared/pod-claims.ts'
import { type ClaimSnapshot, planClaim } from './claim.ts'
import { countRetroactiveClass } from './metrics.ts'
import { planVolume, recyclerName, recyclerNamespace, type VolumeSnapshot } from './volume.ts'

type Snapshot = { claim: ClaimSnapshot } | { volume: VolumeSnapshot }

const claimKey = ({ spec }: PersistentVolume): string | undefined =>
  spec?.claimRef === undefined ? undefined : `${spec.claimRef.namespace}/${spec.claimRef.name}`
/** Volumes by the claim they are for. */
const byClaim: Index<PersistentVolume> = defineIndex('claim', (volume) => {
  const key = claimKey(volume)
  return key === undefined ? [] : [key]
})
/** Pods by the claims they use. */
const usersOf: Index<Pod> = defineIndex('used claims', (pod) => claimNamesOf(pod).map((name) => `${pod.metadata.namespace}/${name}`))
/** As often as claims that wait are looked at again: what they wait for need not make an event here. */
const resyncMs = 15_000

/** Keys with a slash are claims, those without volumes. */
export const pvBinderController = (options: Pick<ControllerManagerOptions, 'dynamicProvisioning' | 'recyclers'> = {}): ControllerDefinition<Snapshot> => ({
  name: 'persistentvolume-binder-controller',
  component: 'persistentvolume-controller',
  workers: 1,
  watches: [
    watch(persistentVolumeClaims, (claim, informers) => [
      keyOf(claim), ...informers.of(persistentVolumes).by(byClaim, keyOf(claim)).map(keyOf),
    ]),
    watch(persistentVolumes, (volume, informers) => [keyOf(volume), ...claimsFor(volume, informers)]),
    watch(pods, ({ metadata }) => {
      const prefix = recyclerName('')
      const isRecycler = metadata.namespace === recyclerNamespace && metadata.name?.startsWith(prefix) === true
      return isRecycler ? [metadata.name!.slice(prefix.length)] : []
    }),
    watch(storageClasses, (_, informers) => informers.of(persistentVolumeClaims).list().filter(isOpen).map(keyOf), { deleted: false }),
  ],
  snapshot: (key, informers) => (key.includes('/') ? claimSnapshot(key, informers) : volumeSnapshot(key, informers)),
  plan(snapshot) {
    if ('volume' in snapshot) return { steps: planVolume(snapshot.volume, options.recyclers) }
    return { steps: planClaim(snapshot.claim, options.dynamicProvisioning), ...(isOpen(snapshot.claim.claim) ? { requeueAfterMs: resyncMs } : {}) }
  },
  measure({ snapshot, steps, failed }, metrics) {
    if (!('claim' in snapshot) || namesClass(snapshot.claim.claim)) return
    const given = steps.some((step) => step.do === 'update' && step.resource.resource === 'persistentvolumeclaims' && namesClass(step.object as PersistentVolumeClaim))
    if (given) countRetroactiveClass(metrics, failed)
  },
})

const isOpen = ({ status }: PersistentVolumeClaim): boolean => status?.phase !== 'Bound' && status?.phase !== 'Lost'

/** The claims that a change of the volume may help: its own, those that name it, and, when it is free, all that wait. */
function claimsFor(volume: PersistentVolume, informers: Informers): string[] {
  const own = claimKey(volume)
  const lister = informers.of(persistentVolumeClaims)
  if (own !== undefined) return [own, ...lister.list().filter(({ spec }) => spec?.volumeName === volume.metadata.name).map(keyOf)]
  return lister.list().filter((claim) => isOpen(claim) || claim.spec?.volumeName === volume.metadata.name).map(keyOf)
}

function claimSnapshot(key: string, informers: Informers): Snapshot | undefined {
  const claim = informers.of(persistentVolumeClaims).get(key)
  if (claim === undefined) return undefined
  const volumes = informers.of(persistentVolumes)
  const classes = informers.of(storageClasses)
  return {
    claim: {
      claim, named: volumes.get(claim.spec?.volumeName ?? ''), volumes: () => volumes.list(),
      storageClass: classes.get(classOfClaim(claim)), defaultClass: defaultClass(classes.list()),
      waitingPods: () => informers.of(pods).by(usersOf, key)
        .filter((pod) => (pod.spec?.nodeName ?? '') === '' && !isPodTerminal(pod)).map(({ metadata }) => metadata.name ?? ''),
    },
  }
}

function volumeSnapshot(key: string, informers: Informers): Snapshot | undefined {
  const volume = informers.of(persistentVolumes).get(key)
  if (volume === undefined) return undefined
  const claim = claimKey(volume)
  return {
    volume: {
      volume, claim: claim === undefined ? undefined : informers.of(persistentVolumeClaims).get(claim),
      recycler: informers.of(pods).get({ namespace: recyclerNamespace, name: recyclerName(key) }),
      users: () => (claim === undefined ? [] : informers.of(pods).by(usersOf, claim).filter((pod) => !isPodTerminal(pod)).map(keyOf)),
    },
  }
}
