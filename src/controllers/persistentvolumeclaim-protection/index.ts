/** Keeps claims that pods use from going (upstream: pkg/controller/volume/pvcprotection). */
import type { PersistentVolumeClaim, Pod } from '../../api/generated/types/core-v1.ts'
import { persistentVolumeClaims, pods } from '../../api/generated/resources.ts'
import { type KeyedContext, type KeyedController, watch } from '../../client/controller.ts'
import { defineIndex, type Index, splitKey } from '../../client/lister.ts'
import { ownKey } from '../shared/owners.ts'
import { claimNamesOf } from '../shared/pod-claims.ts'

const finalizer = 'kubernetes.io/pvc-protection'

/** The keys of the claims that a pod on a node uses; pods without a node use none yet. */
function claimKeysOf(pod: Pod): string[] {
  return (pod.spec?.nodeName ?? '') === '' ? [] : claimNamesOf(pod).map((name) => `${pod.metadata.namespace}/${name}`)
}

const podsByClaim: Index<Pod> = defineIndex('claim', claimKeysOf)

export const pvcProtectionController: KeyedController = {
  name: 'persistentvolumeclaim-protection-controller',
  workers: 5,
  watches: [watch(persistentVolumeClaims, ownKey, { deleted: false }), watch(pods, claimKeysOf)],
  sync: syncClaim,
}

async function syncClaim(key: string, { client, informers, signal }: KeyedContext): Promise<void> {
  const claim = informers.of(persistentVolumeClaims).get(key)
  if (claim === undefined) return
  const finalizers = claim.metadata.finalizers ?? []
  const protectedNow = finalizers.includes(finalizer)
  if (claim.metadata.deletionTimestamp === undefined) {
    if (!protectedNow) await write(claim, [...finalizers, finalizer])
    return
  }
  if (!protectedNow || informers.of(pods).by(podsByClaim, key).length > 0) return
  // The cache may not know of a pod yet that uses the claim.
  const { namespace } = splitKey(key)
  const live = await client.list(pods, { namespace, signal })
  if (live.items.some((pod) => claimKeysOf(pod).includes(key))) return
  await write(claim, finalizers.filter((one) => one !== finalizer))

  async function write(current: PersistentVolumeClaim, next: string[]): Promise<void> {
    await client.update(persistentVolumeClaims, { ...current, metadata: { ...current.metadata, finalizers: next } }, { signal })
  }
}
