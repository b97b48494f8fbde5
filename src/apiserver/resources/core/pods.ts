import type { Pod } from '../../../api/generated/types/core-v1.ts'
import { formatTime } from '../../../api/meta/time.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { AlikeSpecs } from '../validation/alike.ts'
import { hostnameWarnings, podWarnings } from '../validation/pod-warnings.ts'
import { podColumns } from './pod-columns.ts'
import { defaultPod } from './pod-defaults.ts'
import { dropDisabledPodFields } from './pod-gates.ts'
import {
  validateEphemeralContainersUpdate, validatePod, validatePodResize, validatePodStatus, validatePodUpdate,
} from './pod-validation.ts'
import {
  podDeletionGrace, prepareEphemeralContainers, preparePod, preparePodStatus, prepareResize,
} from './pod-strategy.ts'

const alike = new AlikeSpecs<string>()

/** Of new pods alone: updates come often, and seldom from people. */
function* newPodWarnings({ metadata, spec }: Pod, old: Pod | undefined): Generator<string> {
  if (old !== undefined) return
  yield* hostnameWarnings(metadata.name ?? '', "used in the Pod's hostname")
  if (spec !== undefined) yield* alike.of(spec, JSON.stringify(metadata.annotations ?? {}), () => podWarnings('', spec, metadata))
}

export const pods = builtin<Pod>({
  group: '', version: 'v1', resource: 'pods',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  default: defaultPod,
  prepareForCreate(pod, { now, feature }) {
    dropDisabledPodFields(pod.spec, undefined, feature)
    preparePod(pod, formatTime(now))
  },
  prepareForUpdate: (pod, old, { feature }) => dropDisabledPodFields(pod.spec, old.spec, feature),
  gracefulDeletion: podDeletionGrace,
  validate: validatePod,
  validateUpdate: validatePodUpdate,
  subresources: {
    status: statusSubresource({ prepareForUpdate: preparePodStatus, validateUpdate: validatePodStatus }),
    ephemeralcontainers: { writes: ['spec'], keepsMetadata: true, prepareForUpdate: prepareEphemeralContainers, validateUpdate: validateEphemeralContainersUpdate },
    resize: { writes: ['spec'], keepsMetadata: true, prepareForUpdate: prepareResize, validateUpdate: validatePodResize },
  },
  selectableFields: {
    'spec.nodeName': (pod) => pod.spec?.nodeName ?? '',
    // The name it had before v1; old clients may still send it.
    'spec.host': (pod) => pod.spec?.nodeName ?? '',
    'spec.restartPolicy': (pod) => pod.spec?.restartPolicy ?? '',
    'spec.schedulerName': (pod) => pod.spec?.schedulerName ?? '',
    'spec.serviceAccountName': (pod) => pod.spec?.serviceAccountName ?? '',
    'spec.hostNetwork': (pod) => String(pod.spec?.hostNetwork ?? false),
    'status.phase': (pod) => pod.status?.phase ?? '',
    'status.podIP': (pod) => pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? '',
    'status.nominatedNodeName': (pod) => pod.status?.nominatedNodeName ?? '',
  },
  warnings: newPodWarnings,
  columns: podColumns,
})
