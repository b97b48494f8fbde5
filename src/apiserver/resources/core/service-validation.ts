/** What a Service may be, and what may change of it (upstream: validateService, ValidateServiceUpdate). */
import type { LoadBalancerStatus, Service, ServicePort } from '../../../api/generated/types/core-v1.ts'
import { isExternallyAccessible, isHeadless, needsHealthCheck } from '../../../api/helpers/service.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldDuplicate, fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, indexPath, keyPath } from '../../../api/meta/field-errors.ts'
import { parseIP } from '../../../api/meta/ip.ts'
import { validateLabels } from '../../../api/meta/metadata-validation.ts'
import { isPortNumber } from '../../../api/meta/names.ts'
import { dnsLabel, dnsSubdomain, invalidAll, oneOf, portNumberOrName, qualifiedName, required } from '../validation/common.ts'
import { endpointIP, validateLegacyCIDR, validateLegacyIP } from '../validation/ip.ts'
import { validateClusterIPFields } from './service-ip-validation.ts'
import { validateClusterIPChange } from './service-ip-changes.ts'

type Spec = NonNullable<Service['spec']>
export const protocols = ['SCTP', 'TCP', 'UDP'] as const
const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const maxAffinitySeconds = 86400
const onlyLoadBalancer = "may only be used when `type` is 'LoadBalancer'"
const rangesAnnotation = 'service.beta.kubernetes.io/load-balancer-source-ranges'

function* topology({ metadata }: Service): Generator<FieldError> {
  const hints = metadata.annotations?.['service.kubernetes.io/topology-aware-hints']
  const mode = metadata.annotations?.['service.kubernetes.io/topology-mode']
  if (hints === undefined || mode === undefined || hints === mode) return
  yield fieldInvalid(
    keyPath('metadata.annotations', 'service.kubernetes.io/topology-mode'), mode,
    'must match annotations[service.kubernetes.io/topology-aware-hints] when both are specified',
  )
}

function* byType(service: Service, spec: Spec): Generator<FieldError> {
  const { type, ports = [], clusterIPs = [] } = spec
  const headless = clusterIPs.length === 1 && isHeadless(service)
  if (ports.length === 0 && !headless && type !== 'ExternalName') yield fieldRequired('spec.ports')
  if (headless && (type === 'LoadBalancer' || type === 'NodePort')) {
    yield fieldInvalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`)
  }
  if (type !== 'ExternalName') return
  const refused = 'may not be set for ExternalName services'
  if (clusterIPs.length > 0) yield fieldForbidden('spec.clusterIPs', refused)
  if (spec.ipFamilies?.length) yield fieldForbidden('spec.ipFamilies', refused)
  if (spec.ipFamilyPolicy !== undefined) yield fieldForbidden('spec.ipFamilyPolicy', refused)
  const name = (spec.externalName ?? '').replace(/\.$/, '')
  if (name === '') yield fieldRequired('spec.externalName')
  else yield* dnsSubdomain('spec.externalName', name)
}

function* portErrors(path: string, port: ServicePort, needsName: boolean, names: Set<string>): Generator<FieldError> {
  if (needsName && !port.name) yield fieldRequired(`${path}.name`)
  else if (port.name) {
    yield* dnsLabel(`${path}.name`, port.name)
    if (names.has(port.name)) yield fieldDuplicate(`${path}.name`, port.name)
    names.add(port.name)
  }
  yield* invalidAll(`${path}.port`, port.port ?? 0, isPortNumber(port.port ?? 0))
  yield* oneOf(`${path}.protocol`, port.protocol, protocols)
  yield* portNumberOrName(`${path}.targetPort`, port.targetPort ?? 0)
  if (port.appProtocol !== undefined) yield* qualifiedName(`${path}.appProtocol`, port.appProtocol)
}

function* affinity({ sessionAffinity, sessionAffinityConfig: config }: Spec): Generator<FieldError> {
  const path = 'spec.sessionAffinityConfig'
  yield* oneOf('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None'])
  if (sessionAffinity === 'None' && config !== undefined) yield fieldForbidden(path, 'must not be set when session affinity is None')
  if (sessionAffinity !== 'ClientIP') return
  const needed = 'when session affinity type is ClientIP'
  const seconds = config?.clientIP?.timeoutSeconds
  if (config === undefined) yield fieldRequired(path, needed)
  else if (config.clientIP === undefined) yield fieldRequired(`${path}.clientIP`, needed)
  else if (seconds === undefined) yield fieldRequired(`${path}.clientIP.timeoutSeconds`, needed)
  else if (seconds <= 0 || seconds > maxAffinitySeconds) {
    yield fieldInvalid(`${path}.clientIP.timeoutSeconds`, seconds, `must be greater than 0 and less than ${maxAffinitySeconds}`)
  }
}

function* externalIPs(spec: Spec, old: Spec | undefined): Generator<FieldError> {
  for (const [i, ip] of (spec.externalIPs ?? []).entries()) {
    const wrong = [...validateLegacyIP(`spec.externalIPs[${i}]`, ip, old?.externalIPs)]
    yield* wrong.length > 0 ? wrong : endpointIP(`spec.externalIPs[${i}]`, ip)
  }
}

function* portSets({ type, ports = [] }: Spec): Generator<FieldError> {
  if (type === 'ClusterIP') {
    for (const [i, port] of ports.entries()) {
      if (port.nodePort) yield fieldForbidden(`spec.ports[${i}].nodePort`, "may not be used when `type` is 'ClusterIP'")
    }
  }
  const seen = new Set<string>()
  for (const [i, { protocol, nodePort }] of ports.entries()) {
    if (!nodePort) continue
    if (seen.has(`${protocol}/${nodePort}`)) yield fieldDuplicate(`spec.ports[${i}].nodePort`, nodePort)
    seen.add(`${protocol}/${nodePort}`)
  }
  const pairs = new Set<string>()
  for (const [i, { protocol, port }] of ports.entries()) {
    // Upstream prints its internal type.
    const value = { Name: '', Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 }
    if (pairs.has(`${protocol}/${port}`)) yield fieldDuplicate(`spec.ports[${i}]`, value)
    pairs.add(`${protocol}/${port}`)
  }
}

function* sourceRanges(service: Service, old: Service | undefined): Generator<FieldError> {
  const { type, loadBalancerSourceRanges: ranges = [] } = service.spec!
  const annotation = service.metadata.annotations?.[rangesAnnotation]
  if (ranges.length > 0) {
    const path = 'spec.LoadBalancerSourceRanges'
    if (type !== 'LoadBalancer') yield fieldForbidden(path, onlyLoadBalancer)
    const before = old?.spec?.loadBalancerSourceRanges?.map((range) => range.trim())
    for (const [i, range] of ranges.entries()) yield* validateLegacyCIDR(indexPath(path, i), range.trim(), before)
  } else if (annotation !== undefined) {
    const path = keyPath('metadata.annotations', rangesAnnotation)
    if (type !== 'LoadBalancer') yield fieldForbidden(path, onlyLoadBalancer)
    if (old?.metadata.annotations?.[rangesAnnotation] === annotation || annotation.trim() === '') return
    for (const range of annotation.trim().split(',')) yield* validateLegacyCIDR(path, range.trim())
  }
}

function* loadBalancer(service: Service, old: Service | undefined): Generator<FieldError> {
  const { type, loadBalancerClass, allocateLoadBalancerNodePorts: allocate } = service.spec!
  yield* sourceRanges(service, old)
  if (allocate !== undefined && type !== 'LoadBalancer') yield fieldForbidden('spec.allocateLoadBalancerNodePorts', onlyLoadBalancer)
  if (allocate === undefined && type === 'LoadBalancer') yield fieldRequired('allocateLoadBalancerNodePorts')
  yield* classErrors(type, loadBalancerClass)
}

function* classErrors(type: string | undefined, name: string | undefined): Generator<FieldError> {
  if (name === undefined) return
  if (type === 'LoadBalancer') yield* qualifiedName('spec.loadBalancerClass', name)
  else yield fieldForbidden('spec.loadBalancerClass', onlyLoadBalancer)
}

function* traffic(service: Service, feature: (name: string) => boolean): Generator<FieldError> {
  const { externalTrafficPolicy: external, healthCheckNodePort: health, internalTrafficPolicy: internal, type = '' } = service.spec!
  const policies = ['Cluster', 'Local']
  if (isExternallyAccessible(service)) yield* oneOf('spec.externalTrafficPolicy', external, policies)
  else if (external) yield fieldInvalid('spec.externalTrafficPolicy', external, 'may only be set for externally-accessible services')
  if (!needsHealthCheck(service)) {
    if (health) yield fieldInvalid('spec.healthCheckNodePort', health, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'")
  } else if (!health) yield fieldRequired('spec.healthCheckNodePort')
  else yield* invalidAll('spec.healthCheckNodePort', health, isPortNumber(health))
  if (internal === undefined) {
    if (['NodePort', 'LoadBalancer', 'ClusterIP'].includes(type)) yield fieldRequired('spec.internalTrafficPolicy')
  } else if (!policies.includes(internal)) yield fieldNotSupported('spec.internalTrafficPolicy', internal, policies)
  const distribution = service.spec!.trafficDistribution
  const known = feature('PreferSameTrafficDistribution') ? ['PreferClose', 'PreferSameZone', 'PreferSameNode'] : ['PreferClose']
  if (distribution !== undefined && !known.includes(distribution)) yield fieldNotSupported('spec.trafficDistribution', distribution, known)
}

interface Context { readonly feature: (name: string) => boolean }

function* serviceErrors(service: Service, old: Service | undefined, { feature }: Context): Generator<FieldError> {
  const spec = service.spec!
  const ports = spec.ports ?? []
  yield* topology(service)
  yield* byType(service, spec)
  const names = new Set<string>()
  for (const [i, port] of ports.entries()) yield* portErrors(`spec.ports[${i}]`, port, ports.length > 1, names)
  yield* validateLabels(spec.selector, 'spec.selector')
  yield* affinity(spec)
  yield* validateClusterIPFields(service, old)
  yield* externalIPs(spec, old?.spec)
  yield* oneOf('spec.type', spec.type, types)
  yield* portSets(spec)
  yield* loadBalancer(service, old)
  yield* traffic(service, feature)
}

export function* validateService(service: Service, context: Context): Generator<FieldError> {
  yield* serviceErrors(service, undefined, context)
}

export function* validateServiceUpdate(service: Service, old: Service, context: Context): Generator<FieldError> {
  const [now, before] = [service.spec!, old.spec!]
  yield* validateClusterIPChange(now, before)
  if (now.type === 'LoadBalancer' && before.type === 'LoadBalancer' && now.loadBalancerClass !== before.loadBalancerClass) {
    yield fieldInvalid('spec.loadBalancerClass', now.loadBalancerClass ?? null, 'may not change once set')
  }
  yield* classErrors(now.type, now.loadBalancerClass)
  if (needsHealthCheck(old) && needsHealthCheck(service) && now.healthCheckNodePort !== before.healthCheckNodePort) {
    yield fieldForbidden('spec.healthCheckNodePort', 'field is immutable')
  }
  yield* serviceErrors(service, old, context)
}

/** Where traffic from outside comes in, as a load balancer's controller writes it. */
export function* loadBalancerStatusErrors(
  path: string, status: LoadBalancerStatus | undefined, old: LoadBalancerStatus | undefined, type: string | undefined,
): Generator<FieldError> {
  const ingress = status?.ingress ?? []
  const known = (old?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []))
  if (type !== 'LoadBalancer' && ingress.length > 0) {
    yield fieldForbidden(`${path}.ingress`, "may only be used when `spec.type` is 'LoadBalancer'")
    return
  }
  for (const [i, { ip, ipMode, hostname }] of ingress.entries()) {
    const at = `${path}.ingress[${i}]`
    if (ip) {
      yield* validateLegacyIP(`${at}.ip`, ip, known)
      yield* required(`${at}.ipMode`, ipMode, 'must be specified when `ip` is set')
    } else if (ipMode !== undefined) yield fieldForbidden(`${at}.ipMode`, 'may not be specified when `ip` is not set')
    if (ip && ipMode && !['Proxy', 'VIP'].includes(ipMode)) yield fieldNotSupported(`${at}.ipMode`, ipMode, ['Proxy', 'VIP'])
    if (!hostname) continue
    yield* dnsSubdomain(`${at}.hostname`, hostname)
    if (parseIP(hostname) !== undefined) yield fieldInvalid(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address')
  }
}

export function* validateServiceStatus(service: Service, old: Service): Generator<FieldError> {
  yield* loadBalancerStatusErrors('status.loadBalancer', service.status?.loadBalancer, old.status?.loadBalancer, service.spec?.type)
}
