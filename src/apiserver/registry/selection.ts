/** Which objects a list or a watch wants. Upstream: apiserver/pkg/storage SelectionPredicate. */
import type { KubeObject } from '../../api/meta/object.ts'
import type { LabelValues } from './label-index.ts'

export interface Selection {
  /** '' for all namespaces and for cluster-scoped resources. */
  readonly namespace: string
  /** When exactly one name can match. */
  readonly name?: string
  /** Labels and fields; undefined when everything matches. Namespace and name are not part of it. */
  readonly matches?: (object: KubeObject) => boolean
  /** What `matches` asks of one label, where it asks for values of one. */
  readonly labelled?: LabelValues
}

/** Whether the object at this relative key is selected. */
export function selects(selection: Selection, key: string, object: KubeObject): boolean {
  if (selection.namespace !== '' && !inNamespace(key, selection.namespace)) return false
  if (selection.name !== undefined && object.metadata.name !== selection.name) return false
  return selection.matches === undefined || selection.matches(object)
}

function inNamespace(key: string, namespace: string): boolean {
  return key.length > namespace.length && key.charCodeAt(namespace.length) === 47 && key.startsWith(namespace)
}
