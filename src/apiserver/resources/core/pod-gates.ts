/** Fields of features that are off are dropped from what is written, unless the old object uses them already. */
import type { Container, EphemeralContainer, PodSpec, PodTemplateSpec } from '../../../api/generated/types/core-v1.ts'

type Feature = (name: string) => boolean
type AnyContainer = Container | EphemeralContainer

const containers = (spec: PodSpec | undefined): AnyContainer[] =>
  [...spec?.initContainers ?? [], ...spec?.containers ?? [], ...spec?.ephemeralContainers ?? []]

function dropProjections(spec: PodSpec, old: PodSpec | undefined, source: 'clusterTrustBundle' | 'podCertificate'): void {
  const uses = (s: PodSpec | undefined): boolean =>
    (s?.volumes ?? []).some((v) => v.projected?.sources?.some((projection) => projection[source] !== undefined))
  if (uses(old)) return
  for (const { projected } of spec.volumes ?? []) for (const projection of projected?.sources ?? []) delete projection[source]
}

function dropStopSignals(spec: PodSpec, old: PodSpec | undefined): void {
  if (containers(old).some((c) => c.lifecycle?.stopSignal !== undefined)) return
  for (const { lifecycle } of containers(spec)) delete lifecycle?.stopSignal
}

/** Drops, in place, what the switched-off features added to pod specs. */
export function dropDisabledPodFields(spec: PodSpec | undefined, old: PodSpec | undefined, feature: Feature): void {
  if (spec === undefined) return
  if (!feature('ContainerStopSignals')) dropStopSignals(spec, old)
  if (!feature('ClusterTrustBundleProjection')) dropProjections(spec, old, 'clusterTrustBundle')
  if (!feature('PodCertificateRequest')) dropProjections(spec, old, 'podCertificate')
  if (!feature('GenericWorkload') && old?.schedulingGroup === undefined) delete spec.schedulingGroup
}

/** The same for the pod spec of a template. */
export function dropDisabledTemplateFields(template: PodTemplateSpec | undefined, old: PodTemplateSpec | undefined, feature: Feature): void {
  dropDisabledPodFields(template?.spec, old?.spec, feature)
}
