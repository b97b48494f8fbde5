/** What young features a pod needs of its node, by the names that kubelets declare (component-helpers/nodedeclaredfeatures). */
import type { Container, PodSpec } from '../generated/types/core-v1.ts'
import { jsonEqual } from '../meta/json-equal.ts'

interface DeclaredFeature {
  /** Whether a pod may run only where it is. */
  schedules?(spec: PodSpec): boolean
  /** Whether a running pod may be changed so only where it is. */
  updates?(spec: PodSpec, old: PodSpec): boolean
}

const isSidecar = ({ restartPolicy }: Container): boolean => restartPolicy === 'Always'
const restartsAll = ({ restartPolicyRules }: Container): boolean => restartPolicyRules?.some(({ action }) => action === 'RestartAllContainers') === true

const features: Readonly<Record<string, DeclaredFeature>> = {
  ExtendWebSocketsToKubelet: {},
  InPlacePodLevelResourcesVerticalScaling: { updates: (spec, old) => !jsonEqual(spec.resources ?? null, old.resources ?? null) },
  InPlacePodVerticalScalingInitContainers: {
    updates: (spec, old) => (old.initContainers ?? []).some((container, i) => !isSidecar(container) && !jsonEqual(container.resources ?? {}, spec.initContainers?.[i]?.resources ?? {})),
  },
  RestartAllContainersOnContainerExits: { schedules: (spec) => [...spec.containers, ...(spec.initContainers ?? [])].some(restartsAll) },
  UserNamespacesHostNetworkSupport: { schedules: (spec) => spec.hostNetwork === true && spec.hostUsers === false },
}

/** What is on by default in v1.36 and done by our nodes, in the order in which it is declared. */
export const ownFeatures: readonly string[] = [
  'ExtendWebSocketsToKubelet', 'InPlacePodLevelResourcesVerticalScaling', 'InPlacePodVerticalScalingInitContainers', 'RestartAllContainersOnContainerExits',
]

/** What a pod needs to run. */
export function featuresToRun(spec: PodSpec): string[] {
  return Object.keys(features).filter((name) => features[name]!.schedules?.(spec) === true)
}

/** What a change of a pod needs. */
export function featuresToUpdate(spec: PodSpec, old: PodSpec): string[] {
  return Object.keys(features).filter((name) => features[name]!.updates?.(spec, old) === true)
}
