/** Names, ordinals and storage of a stateful set's pods (upstream: stateful_set_utils.go). Pure. */
import type { StatefulSet } from '../../api/generated/types/apps-v1.ts'
import type { PersistentVolumeClaim, Pod, PodTemplateSpec, Volume } from '../../api/generated/types/core-v1.ts'
import { newControllerRef } from '../../api/meta/owner-references.ts'
import { podFromTemplate } from '../shared/pods.ts'

export const revisionLabel = 'controller-revision-hash'
const podNameLabel = 'statefulset.kubernetes.io/pod-name'
const indexLabel = 'apps.kubernetes.io/pod-index'
export const setKind = { apiVersion: 'apps/v1', kind: 'StatefulSet' }

/** The number at the end of the pod's name, when the rest is the set's name; else undefined. */
export function ordinalOf(set: StatefulSet, { metadata }: Pod): number | undefined {
  const match = /^(.*)-([0-9]+)$/.exec(metadata.name ?? '')
  return match === null || match[1] !== set.metadata.name || Number(match[2]) > 0x7fffffff ? undefined : Number(match[2])
}

export const firstOrdinal = (set: StatefulSet): number => set.spec?.ordinals?.start ?? 0
export const replicasOf = (set: StatefulSet): number => set.spec?.replicas ?? 1
export const inRange = (set: StatefulSet, ordinal: number): boolean =>
  ordinal >= firstOrdinal(set) && ordinal < firstOrdinal(set) + replicasOf(set)
export const revisionOf = ({ metadata }: Pod): string => metadata.labels?.[revisionLabel] ?? ''

export const claimName = (set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string =>
  `${template.metadata.name}-${set.metadata.name}-${ordinal}`

/** The claims that the pod of the ordinal has. */
export function claimsOf(set: StatefulSet, ordinal: number): PersistentVolumeClaim[] {
  return (set.spec?.volumeClaimTemplates ?? []).map((template) => ({
    ...template, apiVersion: 'v1', kind: 'PersistentVolumeClaim',
    metadata: {
      ...template.metadata, name: claimName(set, template, ordinal), namespace: set.metadata.namespace,
      labels: { ...template.metadata.labels, ...set.spec!.selector.matchLabels },
    },
  }))
}

/** Volumes with those of the claims in front; others of their names give way. */
function withClaims(set: StatefulSet, volumes: readonly Volume[] | undefined, ordinal: number): Volume[] {
  const templates = set.spec?.volumeClaimTemplates ?? []
  const own = templates.map((template): Volume => ({
    name: template.metadata.name ?? '', persistentVolumeClaim: { claimName: claimName(set, template, ordinal) },
  }))
  return [...own, ...(volumes ?? []).filter(({ name }) => !own.some((volume) => volume.name === name))]
}

export function newStatefulPod(set: StatefulSet, template: PodTemplateSpec, revision: string, ordinal: number): Pod {
  const plain = podFromTemplate(template, set, newControllerRef(set, setKind))
  const name = `${set.metadata.name}-${ordinal}`
  const { generateName: _, ...metadata } = plain.metadata
  const volumes = withClaims(set, plain.spec?.volumes, ordinal)
  return {
    ...plain,
    metadata: {
      ...metadata, name,
      labels: { ...metadata.labels, [podNameLabel]: name, [indexLabel]: String(ordinal), [revisionLabel]: revision },
    },
    spec: {
      ...plain.spec!, hostname: name, ...(set.spec?.serviceName === undefined ? {} : { subdomain: set.spec.serviceName }),
      ...(volumes.length === 0 ? {} : { volumes }),
    },
  }
}

/** The pod with the labels and volumes that belong to it; undefined when it has them. */
export function repairedPod(set: StatefulSet, pod: Pod, ordinal: number): Pod | undefined {
  const name = pod.metadata.name ?? ''
  const identity = pod.metadata.labels?.[podNameLabel] === name
  const storage = (set.spec?.volumeClaimTemplates ?? []).every((template) => {
    const volume = pod.spec?.volumes?.find((one) => one.name === template.metadata.name)
    return volume?.persistentVolumeClaim?.claimName === claimName(set, template, ordinal)
  })
  if (identity && storage) return undefined
  return {
    ...pod,
    metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, [podNameLabel]: name, [indexLabel]: String(ordinal) } },
    spec: storage ? pod.spec : { ...pod.spec!, volumes: withClaims(set, pod.spec?.volumes, ordinal) },
  }
}
