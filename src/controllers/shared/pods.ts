/** What controllers that make pods have in common (upstream: pkg/controller/controller_utils.go). */
import type { Pod, PodTemplateSpec } from '../../api/generated/types/core-v1.ts'
import { pods } from '../../api/generated/resources.ts'
import { nameIsDNSSubdomain } from '../../api/meta/names.ts'
import type { KubeObject, OwnerReference } from '../../api/meta/object.ts'
import { create, event, isNamespaceTerminating, remove, type Step } from '../../client/steps.ts'

/** A pod as the template says, owned by `owner`; the server makes up its name unless one is given. */
export function podFromTemplate(template: PodTemplateSpec, owner: KubeObject, reference: OwnerReference): Pod {
  const { namespace, name = '' } = owner.metadata
  const { labels, annotations, finalizers } = template.metadata ?? {}
  const prefix = `${name}-`
  return {
    apiVersion: 'v1', kind: 'Pod',
    metadata: {
      generateName: nameIsDNSSubdomain(prefix, true).length === 0 ? prefix : name,
      namespace,
      labels: { ...labels },
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ...(finalizers === undefined ? {} : { finalizers: [...finalizers] }),
      ownerReferences: [reference],
    },
    spec: template.spec!,
  }
}

/** Creates the pod with the events that upstream's pod control writes about its owner. */
export function createPod(pod: Pod, owner: KubeObject): Step {
  return create(pods, pod, {
    onDone: (made) => [event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${made.metadata.name}`)],
    onError: (error) => (isNamespaceTerminating(error) ? [] : [event(owner, 'Warning', 'FailedCreate', `Error creating: ${error.message}`)]),
  })
}

/** Deletes the pod; one that is gone already counts as success. */
export function deletePod(pod: Pod, owner: KubeObject): Step {
  const { namespace, name = '', uid } = pod.metadata
  return remove(pods, { namespace, name }, uid === undefined ? {} : { preconditions: { uid } }, {
    ignore: ['NotFound'],
    onDone: () => [event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`)],
    onError: (error) => [event(owner, 'Warning', 'FailedDelete', `Error deleting: ${error.message}`)],
  })
}
