/** From owned objects to the keys of their owners. */
import type { ObjectMeta, Resource } from '../../api/meta/object.ts'
import { controllerOf } from '../../api/meta/owner-references.ts'
import type { LabelSelector } from '../../api/meta/selectors.ts'
import type { Informers } from '../../client/informer.ts'
import { keyOf } from '../../client/lister.ts'

/** The key of the owner when it is of that kind; orphans give the keys of all owners whose selector matches. */
export function ownerKeys<T extends { metadata: ObjectMeta }>(
  kind: string, group: string, owners: Resource<T>, selectorOf: (owner: T) => LabelSelector,
): (object: { metadata: ObjectMeta }, informers: Informers) => string[] {
  return (object, informers) => {
    const { namespace = '', deletionTimestamp, labels } = object.metadata
    const controller = controllerOf(object)
    if (controller !== undefined) {
      const sameKind = controller.kind === kind && groupOf(controller.apiVersion) === group
      return sameKind ? [`${namespace}/${controller.name}`] : []
    }
    if (deletionTimestamp !== undefined) return []
    const matching = informers.of(owners).list(namespace).filter((owner) => {
      const selector = selectorOf(owner)
      return !selector.empty && selector.matches(labels)
    })
    return matching.map(keyOf)
  }
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? '' : apiVersion.slice(0, slash)
}

/** The object's own key. */
export const ownKey = (object: { metadata: ObjectMeta }): string[] => [keyOf(object)]
