/** Who owns a claim, so that it goes when its set or its pod does (upstream: stateful_set_utils.go). Pure. */
import type { StatefulSet } from '../../api/generated/types/apps-v1.ts'
import type { PersistentVolumeClaim, Pod } from '../../api/generated/types/core-v1.ts'
import type { ObjectMeta, OwnerReference } from '../../api/meta/object.ts'
import { newControllerRef } from '../../api/meta/owner-references.ts'
import { inRange, setKind } from './identity.ts'

const podKind = { apiVersion: 'v1', kind: 'Pod' }
type Owner = { metadata: ObjectMeta }

const names = (reference: OwnerReference, owner: Owner, kind: typeof podKind): boolean =>
  reference.apiVersion === kind.apiVersion && reference.kind === kind.kind && reference.name === owner.metadata.name

/** The claim names an object of that name which is not this one any more: it is about to be collected. */
export function hasStaleOwner(claim: PersistentVolumeClaim, owner: Owner, kind: typeof podKind): boolean {
  const reference = claim.metadata.ownerReferences?.find((one) => names(one, owner, kind))
  return reference !== undefined && reference.uid !== owner.metadata.uid
}

export const hasStalePod = (claim: PersistentVolumeClaim, pod: Pod): boolean => hasStaleOwner(claim, pod, podKind)

const policyOf = (set: StatefulSet) => set.spec?.persistentVolumeClaimRetentionPolicy ?? {}

/** Another controller has the claim: the policy is not applied to it. */
export function hasForeignController(claim: PersistentVolumeClaim, set: StatefulSet, pod: Pod): boolean {
  const { whenScaled, whenDeleted } = policyOf(set)
  if (whenScaled !== 'Delete' && whenDeleted !== 'Delete') return false
  return (claim.metadata.ownerReferences ?? []).some((reference) => {
    if (names(reference, set, setKind)) return reference.uid !== set.metadata.uid
    if (names(reference, pod, podKind)) return reference.uid !== pod.metadata.uid
    return reference.controller === true
  })
}

/** Which of the two the claim is to be owned by. */
function wantedOwners(set: StatefulSet, ordinal: number): { bySet: boolean; byPod: boolean } {
  const { whenScaled, whenDeleted } = policyOf(set)
  const condemned = whenScaled === 'Delete' && !inRange(set, ordinal)
  return { bySet: whenDeleted === 'Delete' && !condemned, byPod: condemned }
}

/** The references that the claim is to have; undefined when they are right, or not ours to change. */
export function retainedReferences(claim: PersistentVolumeClaim, set: StatefulSet, pod: Pod, ordinal: number): OwnerReference[] | undefined {
  if (hasStaleOwner(claim, set, setKind) || hasStalePod(claim, pod)) return undefined
  const references = claim.metadata.ownerReferences ?? []
  const owns = (owner: Owner): OwnerReference | undefined => references.find(({ uid }) => uid === owner.metadata.uid)
  const [bySet, byPod] = [owns(set), owns(pod)]
  const others = references.filter((one) => !names(one, set, setKind) && !names(one, pod, podKind))
  if (hasForeignController(claim, set, pod)) return bySet === undefined && byPod === undefined ? undefined : others
  const wanted = wantedOwners(set, ordinal)
  const controls = [bySet, byPod].every((one) => one === undefined || one.controller === true)
  if (controls && wanted.bySet === (bySet !== undefined) && wanted.byPod === (byPod !== undefined)) return undefined
  return [
    ...others, ...(wanted.byPod ? [newControllerRef(pod, podKind)] : []), ...(wanted.bySet ? [newControllerRef(set, setKind)] : []),
  ]
}
