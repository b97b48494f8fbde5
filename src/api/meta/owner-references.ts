/** Who owns an object (apimachinery pkg/apis/meta/v1 controller_ref). */
import type { KubeObject, ObjectMeta, OwnerReference } from './object.ts'

interface Owned {
  readonly metadata: ObjectMeta
}

/** The reference of the object's controller, if it has one. */
export function controllerOf(object: Owned): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((ref) => ref.controller === true)
}

export function isControlledBy(object: Owned, owner: Owned): boolean {
  const ref = controllerOf(object)
  return ref !== undefined && ref.uid === owner.metadata.uid
}

/** The reference a controller puts on what it makes: controller and blocking the owner's foreground deletion. */
export function newControllerRef(owner: Owned, kind: { apiVersion: string; kind: string }): OwnerReference {
  return {
    apiVersion: kind.apiVersion, kind: kind.kind, name: owner.metadata.name ?? '', uid: owner.metadata.uid ?? '',
    controller: true, blockOwnerDeletion: true,
  }
}

export function isOwnedBy(object: Owned, uid: string): boolean {
  return object.metadata.ownerReferences?.some((ref) => ref.uid === uid) ?? false
}

/** The owner's references without one uid, or undefined when none is left. */
export function withoutOwner(object: KubeObject, uid: string): OwnerReference[] | undefined {
  const rest = object.metadata.ownerReferences?.filter((ref) => ref.uid !== uid)
  return rest === undefined || rest.length === 0 ? undefined : rest
}
