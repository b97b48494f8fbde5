/** Defaults of pods and pod templates (upstream: pkg/apis/core/v1/defaults.go and its generated walk). */
import type {
  Container, EphemeralContainer, EnvVar, HTTPGetAction, Lifecycle, ObjectFieldSelector, PersistentVolumeClaimSpec, Pod,
  PodSpec, PodTemplateSpec, Probe, ProjectedVolumeSource, ResourceRequirements, Volume,
} from '../../../api/generated/types/core-v1.ts'
import { addQuantity, canonicalQuantity, compareQuantity, formatQuantity, roundUpQuantity } from '../../../api/meta/quantity.ts'

type Resources = Record<string, string>

/** Rounds up to thousandths; text that is no quantity stays for validation to refuse. */
export function defaultResourceList(list: Resources | undefined): void {
  for (const [key, value] of Object.entries(list ?? {})) {
    try {
      list![key] = canonicalQuantity(formatQuantity(roundUpQuantity(value, -3)))
    } catch {
      // Decoding has refused it already where the schema says quantity.
    }
  }
}

export function defaultResources(resources: ResourceRequirements | undefined): void {
  defaultResourceList(resources?.limits)
  defaultResourceList(resources?.requests)
}

/** The tag of an image reference: "latest" when neither tag nor digest is written, '' with a digest alone. */
export function imageTag(image: string): string {
  const at = image.indexOf('@')
  const named = at < 0 ? image : image.slice(0, at)
  const colon = named.lastIndexOf(':')
  if (colon > named.lastIndexOf('/')) return named.slice(colon + 1)
  return at < 0 && image !== '' ? 'latest' : ''
}

const pullPolicy = (image: string | undefined): string => (imageTag(image ?? '') === 'latest' ? 'Always' : 'IfNotPresent')

function defaultFieldRef(selector: ObjectFieldSelector | undefined): void {
  if (selector !== undefined && !selector.apiVersion) selector.apiVersion = 'v1'
}

function defaultHTTPGet(action: HTTPGetAction | undefined): void {
  if (action === undefined) return
  action.path ||= '/'
  action.scheme ||= 'HTTP'
}

function defaultProbe(probe: Probe | undefined): void {
  if (probe === undefined) return
  probe.timeoutSeconds ||= 1
  probe.periodSeconds ||= 10
  probe.successThreshold ||= 1
  probe.failureThreshold ||= 3
  defaultHTTPGet(probe.httpGet)
  if (probe.grpc !== undefined) probe.grpc.service ??= ''
}

function defaultLifecycle(lifecycle: Lifecycle | undefined): void {
  defaultHTTPGet(lifecycle?.postStart?.httpGet)
  defaultHTTPGet(lifecycle?.preStop?.httpGet)
}

function defaultEnv(env: EnvVar[] | undefined): void {
  for (const { valueFrom } of env ?? []) {
    defaultFieldRef(valueFrom?.fieldRef)
    if (valueFrom?.fileKeyRef !== undefined) valueFrom.fileKeyRef.optional ??= false
  }
}

function defaultContainer(container: Container | EphemeralContainer): void {
  container.imagePullPolicy ||= pullPolicy(container.image)
  container.terminationMessagePath ||= '/dev/termination-log'
  container.terminationMessagePolicy ||= 'File'
  container.resources ??= {}
  for (const port of container.ports ?? []) port.protocol ||= 'TCP'
  defaultEnv(container.env)
  defaultResources(container.resources)
  defaultProbe(container.livenessProbe)
  defaultProbe(container.readinessProbe)
  defaultProbe(container.startupProbe)
  defaultLifecycle(container.lifecycle)
}

export function defaultClaimSpec(spec: PersistentVolumeClaimSpec | undefined): void {
  if (spec === undefined) return
  spec.volumeMode ??= 'Filesystem'
  defaultResources(spec.resources)
}

function defaultProjected(projected: ProjectedVolumeSource): void {
  projected.defaultMode ??= 0o644
  for (const { downwardAPI, serviceAccountToken } of projected.sources ?? []) {
    for (const item of downwardAPI?.items ?? []) defaultFieldRef(item.fieldRef)
    if (serviceAccountToken !== undefined) serviceAccountToken.expirationSeconds ??= 3600
  }
}

function defaultVolume(volume: Volume): void {
  if (!Object.entries(volume).some(([key, source]) => key !== 'name' && source !== undefined && source !== null)) volume.emptyDir = {}
  if (volume.hostPath !== undefined) volume.hostPath.type ??= ''
  if (volume.secret !== undefined) volume.secret.defaultMode ??= 0o644
  if (volume.configMap !== undefined) volume.configMap.defaultMode ??= 0o644
  if (volume.downwardAPI !== undefined) {
    volume.downwardAPI.defaultMode ??= 0o644
    for (const item of volume.downwardAPI.items ?? []) defaultFieldRef(item.fieldRef)
  }
  if (volume.projected !== undefined) defaultProjected(volume.projected)
  if (volume.image !== undefined) volume.image.pullPolicy ||= pullPolicy(volume.image.reference)
  defaultClaimSpec(volume.ephemeral?.volumeClaimTemplate?.spec)
  defaultLegacyVolume(volume)
}

/** Sources of the old in-tree drivers. */
function defaultLegacyVolume({ iscsi, rbd, azureDisk, scaleIO }: Volume): void {
  if (iscsi !== undefined) iscsi.iscsiInterface ||= 'default'
  if (rbd !== undefined) {
    rbd.pool ||= 'rbd'
    rbd.user ||= 'admin'
    rbd.keyring ||= '/etc/ceph/keyring'
  }
  if (azureDisk !== undefined) {
    azureDisk.cachingMode ??= 'ReadWrite'
    azureDisk.fsType ??= 'ext4'
    azureDisk.readOnly ??= false
    azureDisk.kind ??= 'Shared'
  }
  if (scaleIO !== undefined) {
    scaleIO.storageMode ||= 'ThinProvisioned'
    scaleIO.fsType ||= 'xfs'
  }
}

/** What a pod spec gets wherever it stands: pods and templates. */
export function defaultPodSpec(spec: PodSpec): void {
  spec.dnsPolicy ||= 'ClusterFirst'
  spec.restartPolicy ||= 'Always'
  spec.securityContext ??= {}
  spec.terminationGracePeriodSeconds ??= 30
  spec.schedulerName ||= 'default-scheduler'
  defaultAccountName(spec)
  for (const volume of spec.volumes ?? []) defaultVolume(volume)
  for (const container of spec.initContainers ?? []) defaultContainer(container)
  for (const container of spec.containers ?? []) defaultContainer(container)
  for (const container of spec.ephemeralContainers ?? []) defaultContainer(container)
  defaultResourceList(spec.overhead)
  defaultResources(spec.resources)
}

/** The old field serviceAccount always mirrors serviceAccountName (upstream: conversion of PodSpec). */
function defaultAccountName(spec: PodSpec): void {
  const name = spec.serviceAccountName || spec.serviceAccount
  if (!name) return
  spec.serviceAccountName = name
  spec.serviceAccount = name
}

export function defaultPodTemplate(template: PodTemplateSpec | undefined): void {
  if (template === undefined) return
  const spec = template.spec as PodSpec | undefined
  if (spec !== undefined) defaultPodSpec(spec)
}

function requestsFromLimits(container: Container): void {
  const { resources } = container
  if (resources?.limits === undefined || resources.limits === null) return
  resources.requests = { ...resources.limits, ...resources.requests }
}

function hostPorts(containers: Container[] | undefined): void {
  for (const container of containers ?? []) {
    for (const port of container.ports ?? []) if (!port.hostPort) port.hostPort = port.containerPort
  }
}

const hugePage = (name: string): boolean => name.startsWith('hugepages-')
const podLevelResource = (name: string): boolean => name === 'cpu' || name === 'memory' || hugePage(name)

function addTo(total: Resources, list: Resources | undefined): void {
  for (const [key, value] of Object.entries(list ?? {})) {
    total[key] = total[key] === undefined ? value : formatQuantity(addQuantity(total[key], value))
  }
}

function atLeast(total: Resources, list: Resources): void {
  for (const [key, value] of Object.entries(list)) {
    if (total[key] === undefined || compareQuantity(value, total[key]) > 0) total[key] = value
  }
}

/** What the containers need together: sidecars run beside the rest, other init containers alone. */
function aggregate(spec: PodSpec, which: 'requests' | 'limits'): Resources {
  const total: Resources = {}
  for (const container of spec.containers ?? []) addTo(total, container.resources?.[which])
  const sidecars: Resources = {}
  const initial: Resources = {}
  for (const container of spec.initContainers ?? []) {
    const own = container.resources?.[which]
    if (container.restartPolicy === 'Always') {
      addTo(total, own)
      addTo(sidecars, own)
      atLeast(initial, sidecars)
    } else {
      const beside = { ...sidecars }
      addTo(beside, own)
      atLeast(initial, beside)
    }
  }
  atLeast(total, initial)
  return total
}

function defaultPodLevelResources(spec: PodSpec): void {
  const { resources } = spec
  if (resources === undefined) return
  const limits: Resources = { ...resources.limits }
  if (Object.keys(limits).length > 0 || Object.keys(resources.requests ?? {}).length > 0) {
    for (const [key, value] of Object.entries(aggregate(spec, 'limits'))) {
      if (hugePage(key) && resources.requests?.[key] === undefined) limits[key] ??= value
    }
    if (Object.keys(limits).length > 0) resources.limits = limits
  }
  if (Object.keys(resources.limits ?? {}).length === 0) return
  const requests: Resources = { ...resources.requests }
  for (const [key, value] of Object.entries(aggregate(spec, 'requests'))) {
    if (podLevelResource(key) && !hugePage(key)) requests[key] ??= value
  }
  for (const [key, value] of Object.entries(resources.limits ?? {})) if (podLevelResource(key)) requests[key] ??= value
  if (Object.keys(requests).length > 0) resources.requests = requests
}

/** Defaults of a Pod itself, beyond those of its spec anywhere. */
export function defaultPod(pod: Pod): void {
  const spec = (pod.spec ??= { containers: [] })
  defaultPodSpec(spec)
  // Old objects may have one that means nothing.
  if (spec.terminationGracePeriodSeconds! < 0) spec.terminationGracePeriodSeconds = 1
  for (const container of spec.containers ?? []) requestsFromLimits(container)
  for (const container of spec.initContainers ?? []) requestsFromLimits(container)
  defaultPodLevelResources(spec)
  spec.enableServiceLinks ??= true
  if (spec.hostNetwork) {
    hostPorts(spec.containers)
    hostPorts(spec.initContainers)
  }
  const status = (pod.status ??= {})
  if (status.podIP && !status.podIPs?.length) status.podIPs = [{ ip: status.podIP }]
  for (const container of [...status.containerStatuses ?? [], ...status.initContainerStatuses ?? []]) {
    defaultResourceList(container.allocatedResources)
    defaultResources(container.resources)
  }
}
