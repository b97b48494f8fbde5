/** Pod specs, of pods and of templates (upstream: ValidatePodSpec, ValidatePodTemplateSpec). */
import type { EnvVar, PodDNSConfig, PodResourceClaim, PodSpec, PodTemplateSpec, Volume } from '../../../api/generated/types/core-v1.ts'
import { addResources, isRestartableInit, maxResources, type ResourceList } from '../../../api/helpers/pod-resources.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldDuplicate, fieldForbidden, fieldInvalid, fieldNotFound, fieldNotSupported, fieldRequired, fieldTooLong, indexPath, keyPath } from '../../../api/meta/field-errors.ts'
import { validateAnnotations, validateLabels } from '../../../api/meta/metadata-validation.ts'
import { inclusiveRangeError, isDNS1123Subdomain, isDNS1123SubdomainWithUnderscore } from '../../../api/meta/names.ts'
import type { ObjectMeta } from '../../../api/meta/object.ts'
import { compareQuantity, formatQuantity } from '../../../api/meta/quantity.ts'
import { dnsLabel, dnsSubdomain, invalidAll, optionalOneOf, required } from './common.ts'
import { validateLegacyIP } from './ip.ts'
import { appArmorAnnotationErrors, podAnnotationErrors, seccompAnnotationErrors } from './pod-annotations.ts'
import { containerErrors, ephemeralContainerErrors, initContainerErrors } from './pod-containers.ts'
import { affinityErrors, gateErrors, spreadErrors, tolerationErrors } from './pod-scheduling.ts'
import { hostProcessErrors, osErrors, podSecurityErrors } from './pod-security-context.ts'
import { volumeErrors, type PodScope } from './pod-volumes.ts'
import { forEachContainer } from './pod-walk.ts'
import { containerResourceName, isHugePages, podResourceName, requirementErrors } from './resource-lists.ts'

const maxInt32 = 2147483647

function* claims(path: string, list: readonly PodResourceClaim[] | undefined): Generator<FieldError> {
  const names = new Set<string>()
  for (const [i, claim] of (list ?? []).entries()) {
    const at = indexPath(path, i)
    const { name, resourceClaimName, resourceClaimTemplateName } = claim
    if (!name) yield fieldRequired(`${at}.name`)
    else if (names.has(name)) yield fieldDuplicate(`${at}.name`, name)
    else yield* dnsLabel(`${at}.name`, name)
    names.add(name)
    const internal = { Name: name, ResourceClaimName: resourceClaimName ?? null, ResourceClaimTemplateName: resourceClaimTemplateName ?? null }
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      yield fieldInvalid(at, internal, 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified')
    }
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined) {
      yield fieldInvalid(at, internal, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`')
    }
    if (resourceClaimName !== undefined) yield* dnsSubdomain(`${at}.resourceClaimName`, resourceClaimName)
    if (resourceClaimTemplateName !== undefined) yield* dnsSubdomain(`${at}.resourceClaimTemplateName`, resourceClaimTemplateName)
  }
}

function* dns(path: string, config: PodDNSConfig | undefined, policy: string | undefined): Generator<FieldError> {
  if (policy === 'None' && config === undefined) yield fieldRequired(path, 'must provide `dnsConfig` when `dnsPolicy` is None')
  else if (policy === 'None' && !config?.nameservers?.length) yield fieldRequired(`${path}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None')
  else if (config !== undefined) yield* dnsConfig(path, config)
}

function* dnsConfig(path: string, { nameservers = [], searches = [], options = [] }: PodDNSConfig): Generator<FieldError> {
  if (nameservers.length > 3) yield fieldInvalid(`${path}.nameservers`, nameservers, 'must not have more than 3 nameservers')
  for (const [i, server] of nameservers.entries()) yield* validateLegacyIP(indexPath(`${path}.nameservers`, i), server)
  if (searches.length > 32) yield fieldInvalid(`${path}.searches`, searches, 'must not have more than 32 search paths')
  if (searches.join(' ').length > 2048) {
    yield fieldInvalid(`${path}.searches`, searches, 'must not have more than 2048 characters (including spaces) in the search list')
  }
  for (const [i, search] of searches.entries()) {
    const name = search.endsWith('.') ? search.slice(0, -1) : search
    if (search !== '.') yield* invalidAll(indexPath(`${path}.searches`, i), name, isDNS1123SubdomainWithUnderscore(name))
  }
  for (const [i, { name }] of options.entries()) if (!name) yield fieldRequired(indexPath(`${path}.options`, i), 'must not be empty')
}

function* hostNetworkPorts(path: string, spec: PodSpec, scope: PodScope): Generator<FieldError> {
  if (!spec.hostNetwork) return
  for (const [i, container] of (spec.containers ?? []).entries()) {
    for (const [j, { hostPort = 0, containerPort }] of (container.ports ?? []).entries()) {
      if ((scope.isPod || hostPort !== 0) && hostPort !== containerPort) {
        yield fieldInvalid(`${path}.containers[${i}].ports[${j}].hostPort`, hostPort, 'must match `containerPort` when `hostNetwork` is true')
      }
    }
  }
}

function* ownUsers(path: string, spec: PodSpec, { feature }: PodScope): Generator<FieldError> {
  if (spec.hostUsers !== false) return
  if (spec.hostNetwork && !feature('UserNamespacesHostNetworkSupport')) yield fieldForbidden(`${path}.hostNetwork`, 'when `hostUsers` is false')
  if (spec.hostPID) yield fieldForbidden(`${path}.HostPID`, 'when `hostUsers` is false')
  if (spec.hostIPC) yield fieldForbidden(`${path}.HostIPC`, 'when `hostUsers` is false')
  const errors: FieldError[] = []
  forEachContainer(path, spec, (container, at) => {
    if (container.volumeDevices?.length) errors.push(fieldForbidden(`${at}.volumeDevices`, 'when `hostUsers` is false'))
  })
  yield* errors
}

function* hostnameOverride(path: string, spec: PodSpec): Generator<FieldError> {
  const name = spec.hostnameOverride
  if (name === undefined) return
  if (spec.setHostnameAsFQDN) yield fieldForbidden(`${path}.hostnameOverride`, 'may not be specified when setHostnameAsFQDN is true')
  if (spec.hostNetwork) yield fieldForbidden(`${path}.hostnameOverride`, 'may not be specified when hostNetwork is true')
  if (name.length > 64) yield fieldTooLong(`${path}.hostnameOverride`, 64)
  yield* dnsSubdomain(`${path}.hostnameOverride`, name)
}

/** What containers need together, as upstream's AggregateContainer… */
function aggregate(spec: PodSpec, which: 'requests' | 'limits'): ResourceList {
  const total: ResourceList = {}
  for (const container of spec.containers ?? []) addResources(total, container.resources?.[which])
  const [initial, sidecars]: [ResourceList, ResourceList] = [{}, {}]
  for (const container of spec.initContainers ?? []) {
    const own = container.resources?.[which]
    if (isRestartableInit(container)) {
      addResources(total, own)
      addResources(sidecars, own)
      maxResources(initial, sidecars)
    } else {
      const beside = { ...sidecars }
      addResources(beside, own)
      maxResources(initial, beside)
    }
  }
  maxResources(total, initial)
  return total
}

function* podResources(path: string, spec: PodSpec, claimNames: ReadonlySet<string>): Generator<FieldError> {
  const { resources } = spec
  if (resources === undefined) return
  const at = `${path}.resources`
  if (spec.os?.name === 'windows') {
    yield fieldForbidden(at, 'may not be set for a windows pod')
    return
  }
  if (resources.claims !== undefined) yield fieldForbidden(`${at}.claims`, 'claims may not be set for Resources at pod-level')
  yield* requirementErrors(at, resources, claimNames, podResourceName)
  for (const [name, amount] of Object.entries(aggregate(spec, 'requests'))) {
    const own = resources.requests?.[name]
    if (own !== undefined && compareQuantity(amount, own) > 0) {
      yield fieldInvalid(keyPath(`${at}.requests`, name), own, `must be greater than or equal to aggregate container requests of ${formatQuantity(amount)}`)
    }
  }
  for (const [name, amount] of Object.entries(aggregate(spec, 'limits'))) {
    const own = resources.limits?.[name]
    if (isHugePages(name) && own !== undefined && compareQuantity(amount, own) > 0) {
      yield fieldInvalid(keyPath(`${at}.limits`, name), own, `must be greater than or equal to aggregate container limits of ${formatQuantity(amount)}`)
    }
  }
  for (const [i, container] of (spec.containers ?? []).entries()) {
    for (const [name, amount] of Object.entries(container.resources?.limits ?? {})) {
      const own = resources.limits?.[name]
      if (own === undefined || compareQuantity(amount, own) <= 0) continue
      yield fieldInvalid(`${keyPath(`${at}.containers[${i}]`, name)}.limits`, amount, `must be less than or equal to pod limits of ${own}`)
    }
  }
}

function* names(path: string, spec: PodSpec): Generator<FieldError> {
  if (spec.serviceAccountName) yield* dnsSubdomain(`${path}.serviceAccountName`, spec.serviceAccountName)
  if (spec.nodeName) yield* dnsSubdomain(`${path}.nodeName`, spec.nodeName)
  const deadline = spec.activeDeadlineSeconds
  if (deadline !== undefined && (deadline < 1 || deadline > maxInt32)) {
    yield fieldInvalid(`${path}.activeDeadlineSeconds`, deadline, inclusiveRangeError(1, maxInt32))
  }
  if (spec.hostname) yield* dnsLabel(`${path}.hostname`, spec.hostname)
  if (spec.subdomain) yield* dnsLabel(`${path}.subdomain`, spec.subdomain)
}

function* hostAliases(path: string, spec: PodSpec): Generator<FieldError> {
  for (const [i, { ip, hostnames }] of (spec.hostAliases ?? []).entries()) {
    yield* validateLegacyIP(`${indexPath(path, i)}.ip`, ip)
    for (const [j, name] of (hostnames ?? []).entries()) yield* dnsSubdomain(`${indexPath(path, i)}.hostnames[${j}]`, name)
  }
}

function* classes(path: string, spec: PodSpec): Generator<FieldError> {
  if (spec.priorityClassName) yield* dnsSubdomain(`${path}.priorityClassName`, spec.priorityClassName)
  if (spec.runtimeClassName !== undefined) yield* invalidAll(`${path}.runtimeClassName`, spec.runtimeClassName, isDNS1123Subdomain(spec.runtimeClassName))
  yield* choice(`${path}.preemptionPolicy`, spec.preemptionPolicy, ['PreemptLowerPriority', 'Never'])
  if (spec.overhead !== undefined) yield* requirementErrors(`${path}.overhead`, { limits: spec.overhead }, new Set(), containerResourceName)
  if (spec.os !== undefined) {
    if (!spec.os.name) yield fieldRequired(`${path}.os.name`)
    else yield* optionalOneOf(`${path}.os`, spec.os.name, ['linux', 'windows'])
  }
  yield* osErrors(path, spec)
}

/** A set value must be one of these, and not empty. */
function* choice(path: string, value: string | undefined, supported: readonly string[]): Generator<FieldError> {
  if (value === '') yield fieldRequired(path)
  else if (value !== undefined && !supported.includes(value)) yield fieldNotSupported(path, value, supported)
}

/** Keys of files must be of files in a volume that an init container fills. */
function* fileKeyVolumes(path: string, spec: PodSpec): Generator<FieldError> {
  const byName = new Map((spec.volumes ?? []).map((v) => [v.name, v]))
  const errors: FieldError[] = []
  forEachContainer(path, spec, (container, at) => {
    for (const [i, { valueFrom }] of (container.env ?? [] as EnvVar[]).entries()) {
      const name = valueFrom?.fileKeyRef?.volumeName
      if (name === undefined) continue
      const volumePath = `${at}.env[${i}].valueFrom.fileKeyRef.volumeName`
      const volume = byName.get(name)
      if (volume === undefined) errors.push(fieldNotFound(volumePath, name))
      else if (volume.emptyDir === undefined) errors.push(fieldInvalid(volumePath, name, 'referenced volume must be of type emptyDir'))
    }
  })
  yield* errors
}

/** What is wrong with a pod spec, in upstream's order. */
export function* podSpecErrors(path: string, spec: PodSpec, scope: PodScope): Generator<FieldError> {
  yield* required(`${path}.terminationGracePeriodSeconds`, spec.terminationGracePeriodSeconds)
  const volumes = new Map<string, Volume>()
  yield* volumeErrors(`${path}.volumes`, spec.volumes, scope, volumes)
  const claimNames = new Set((spec.resourceClaims ?? []).map((c) => c.name).filter((name) => name !== ''))
  const container = { spec, volumes, claims: claimNames }
  yield* claims(`${path}.resourceClaims`, spec.resourceClaims)
  yield* containerErrors(`${path}.containers`, container)
  yield* initContainerErrors(`${path}.initContainers`, container)
  yield* ephemeralContainerErrors(`${path}.ephemeralContainers`, container)
  yield* podResources(path, spec, claimNames)
  yield* hostNetworkPorts(path, spec, scope)
  yield* choice(`${path}.restartPolicy`, spec.restartPolicy ?? '', ['Always', 'OnFailure', 'Never'])
  yield* choice(`${path}.dnsPolicy`, spec.dnsPolicy ?? '', ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'])
  yield* validateLabels(spec.nodeSelector, `${path}.nodeSelector`)
  yield* podSecurityErrors(`${path}.securityContext`, spec)
  yield* affinityErrors(`${path}.affinity`, spec.affinity)
  yield* dns(`${path}.dnsConfig`, spec.dnsConfig, spec.dnsPolicy)
  yield* gateErrors(path, spec)
  yield* spreadErrors(`${path}.topologySpreadConstraints`, spec.topologySpreadConstraints)
  yield* hostProcessErrors(path, spec)
  yield* ownUsers(path, spec, scope)
  yield* hostnameOverride(path, spec)
  yield* names(path, spec)
  yield* tolerationErrors(`${path}.tolerations`, spec.tolerations, scope.feature)
  yield* hostAliases(`${path}.hostAliases`, spec)
  yield* classes(path, spec)
  const group = spec.schedulingGroup
  if (group !== undefined) {
    if (group.podGroupName === undefined) yield fieldInvalid(`${path}.schedulingGroup.podGroupName`, null, 'must specify one of: `podGroupName`')
    else yield* dnsSubdomain(`${path}.schedulingGroup.podGroupName`, group.podGroupName)
  }
  yield* fileKeyVolumes(path, spec)
}

/** What knows which features are on. */
export interface Gated { readonly feature: (name: string) => boolean }

/** What is wrong with a template that pods are made from. */
export function* podTemplateErrors(path: string, template: PodTemplateSpec | undefined, { feature }: Gated): Generator<FieldError> {
  const metadata: ObjectMeta = template?.metadata ?? {}
  const spec = template?.spec ?? ({} as PodSpec)
  yield* validateLabels(metadata.labels, `${path}.labels`)
  yield* validateAnnotations(metadata.annotations, `${path}.annotations`)
  yield* podAnnotationErrors(`${path}.annotations`, metadata.annotations, spec)
  yield* podSpecErrors(`${path}.spec`, spec, { isPod: false, podName: '', feature })
  yield* seccompAnnotationErrors(`${path}.spec`, metadata.annotations, spec)
  yield* appArmorAnnotationErrors(`${path}.spec`, metadata.annotations, spec)
  if (spec.ephemeralContainers?.length) yield fieldForbidden(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template')
}
