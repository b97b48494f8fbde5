/** Which claims a pod's volumes use (upstream: component-helpers/storage/ephemeral). */
import type { PersistentVolumeClaim, Pod, Volume } from '../../api/generated/types/core-v1.ts'
import { controllerOf } from '../../api/meta/owner-references.ts'

export interface PodClaim {
  readonly name: string
  /** The claim is made for this pod from a template in it. */
  readonly ephemeral: boolean
}

export function claimOf(pod: Pod, volume: Volume): PodClaim | undefined {
  if (volume.persistentVolumeClaim !== undefined) return { name: volume.persistentVolumeClaim.claimName, ephemeral: false }
  if (volume.ephemeral !== undefined) return { name: `${pod.metadata.name}-${volume.name}`, ephemeral: true }
  return undefined
}

export function podClaims(pod: Pod): PodClaim[] {
  return (pod.spec?.volumes ?? []).map((volume) => claimOf(pod, volume)).filter((claim) => claim !== undefined)
}

/** Whether a template of the pod would make this claim. */
export function usesClaim(pod: Pod, claim: PersistentVolumeClaim): boolean {
  return pod.metadata.namespace === claim.metadata.namespace && podClaims(pod).some(({ name }) => name === claim.metadata.name)
}

/** Why a claim with the name that a template gives is not this pod's. */
export function notMadeFor(pod: Pod, claim: PersistentVolumeClaim): string | undefined {
  if (pod.metadata.namespace === claim.metadata.namespace && controllerOf(claim)?.uid === pod.metadata.uid) return undefined
  const { namespace, name } = claim.metadata
  return `PVC ${namespace}/${name} was not created for pod ${pod.metadata.namespace}/${pod.metadata.name} (pod is not owner)`
}

export const notFound = {
  claim: (name: string) => `persistentvolumeclaim "${name}" not found`,
  volume: (name: string) => `persistentvolume "${name}" not found`,
  class: (name: string) => `storageclass.storage.k8s.io "${name}" not found`,
}
