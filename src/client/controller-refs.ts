/** Adoption and release by selector (upstream: pkg/controller/controller_ref_manager.go). */
import type { KubeObject, OwnerReference, Resource } from '../api/meta/object.ts'
import { controllerOf, newControllerRef } from '../api/meta/owner-references.ts'
import { check, patch, type Step } from './steps.ts'

export interface Claim<T> {
  /** What the owner owns when the steps are done. */
  readonly owned: T[]
  readonly steps: Step[]
}

export interface ClaimOptions<T> {
  readonly owner: KubeObject
  readonly ownerResource: Resource<KubeObject>
  readonly ownerKind: { readonly apiVersion: string; readonly kind: string }
  readonly resource: Resource<T>
  readonly objects: readonly T[]
  readonly matches: (object: T) => boolean
  /** Further reasons not to adopt (a pod that has ended its life). */
  readonly adoptable?: (object: T) => boolean
}

type Owned = { metadata: KubeObject['metadata'] }

/** Sorts out whose each object is: keeps, adopts orphans that match, lets go what no longer does. Pure. */
export function claim<T extends Owned>(options: ClaimOptions<T>): Claim<T> {
  const { owner, objects, matches, adoptable = () => true } = options
  const deleting = owner.metadata.deletionTimestamp !== undefined
  const owned: T[] = []
  const adopt: T[] = []
  const release: T[] = []
  for (const object of objects) {
    const controller = controllerOf(object)
    if (controller !== undefined) {
      if (controller.uid !== owner.metadata.uid) continue
      if (matches(object)) owned.push(object)
      else if (!deleting) release.push(object)
      continue
    }
    if (deleting || !matches(object) || object.metadata.deletionTimestamp !== undefined || !adoptable(object)) continue
    if (object.metadata.namespace !== owner.metadata.namespace) continue
    adopt.push(object)
    owned.push(object)
  }
  const steps: Step[] = release.map((object) => releaseStep(options, object))
  if (adopt.length > 0) {
    const { namespace, name = '', uid = '' } = owner.metadata
    // The cache may show an owner that is gone: what it adopted would be collected as garbage.
    steps.push(check(options.ownerResource, { namespace, name }, uid))
    steps.push(...adopt.map((object) => adoptStep(options, object)))
  }
  return { owned, steps }
}

function adoptStep<T extends Owned>({ owner, ownerKind, resource }: ClaimOptions<T>, object: T): Step {
  const reference: OwnerReference = newControllerRef(owner, ownerKind)
  return patch(resource, keyOfMeta(object), 'strategic', {
    metadata: { ownerReferences: [reference], uid: object.metadata.uid },
  }, { ignore: ['NotFound'] })
}

/** An object that is gone, or no longer ours, needs no letting go. */
function releaseStep<T extends Owned>({ owner, resource }: ClaimOptions<T>, object: T): Step {
  return patch(resource, keyOfMeta(object), 'strategic', {
    metadata: { ownerReferences: [{ $patch: 'delete', uid: owner.metadata.uid }], uid: object.metadata.uid },
  }, { ignore: ['NotFound', 'Invalid'] })
}

function keyOfMeta(object: Owned): { namespace?: string; name: string } {
  return { namespace: object.metadata.namespace, name: object.metadata.name ?? '' }
}
