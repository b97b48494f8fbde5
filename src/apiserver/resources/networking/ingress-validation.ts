/** Ingresses and their classes (upstream: pkg/apis/networking/validation). */
import type { Ingress, IngressBackend, IngressClass, IngressClassParametersReference, IngressSpec } from '../../../api/generated/types/networking-v1.ts'
import type { TypedLocalObjectReference } from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import {
  fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, fieldTooLong, indexPath,
} from '../../../api/meta/field-errors.ts'
import { byteLength } from '../../../api/meta/go-text.ts'
import { parseIP } from '../../../api/meta/ip.ts'
import {
  isDNS1123Label, isDNS1123Subdomain, isPathSegmentName, isPortName, isPortNumber, isWildcardDNS1123Subdomain, nameIsDNS1035Label,
} from '../../../api/meta/names.ts'
import { dnsSubdomain, domainPrefixedPath, immutable, invalidAll, namespaceName, oneOf } from '../validation/common.ts'
import { ipWarnings } from '../validation/ip-warnings.ts'
import { validateLegacyIP } from '../validation/ip.ts'
import type { Gated } from '../validation/pod-spec.ts'

const classAnnotation = 'kubernetes.io/ingress.class'

interface Scope {
  /** Service names need not start with a letter. */
  readonly relaxedNames: boolean
  readonly anySecretName: boolean
  readonly anyWildcardRule: boolean
}

/** A name that must be there and can stand in a path. */
export function* pathSegment(path: string, value: string | undefined): Generator<FieldError> {
  if (!value) yield fieldRequired(path)
  else yield* invalidAll(path, value, isPathSegmentName(value))
}

function* reference(path: string, { apiGroup, kind, name }: TypedLocalObjectReference | IngressClassParametersReference): Generator<FieldError> {
  if (typeof apiGroup === 'string') yield* dnsSubdomain(`${path}.apiGroup`, apiGroup)
  yield* pathSegment(`${path}.kind`, kind)
  yield* pathSegment(`${path}.name`, name)
}

function* backendErrors(path: string, backend: IngressBackend | undefined, { relaxedNames }: Scope): Generator<FieldError> {
  const { resource, service } = backend ?? {}
  if (resource && service) yield fieldInvalid(path, '', 'cannot set both resource and service backends')
  else if (resource) yield* reference(`${path}.resource`, resource)
  else if (!service) yield fieldInvalid(path, '', 'resource or service backend is required')
  else {
    const { name, port = {} } = service
    if (!name) yield fieldRequired(`${path}.service.name`)
    else yield* invalidAll(`${path}.service.name`, name, relaxedNames ? isDNS1123Label(name) : nameIsDNS1035Label(name, false))
    if (port.name && port.number) yield fieldInvalid(path, '', 'cannot set both port name & port number')
    else if (port.name) yield* invalidAll(`${path}.service.port.name`, port.name, isPortName(port.name))
    else if (port.number) yield* invalidAll(`${path}.service.port.number`, port.number, isPortNumber(port.number))
    else yield fieldRequired(path, 'port name or number is required')
  }
}

const badSequences = ['//', '/./', '/../', '%2f', '%2F']
const badEnds = ['/..', '/.']

type Rule = NonNullable<IngressSpec['rules']>[number]
type Path = NonNullable<Rule['http']>['paths'][number]

function* pathErrors(at: string, { path = '', pathType, backend }: Path, scope: Scope): Generator<FieldError> {
  if (typeof pathType !== 'string') {
    yield fieldRequired(`${at}.pathType`, 'pathType must be specified')
    return
  }
  const strict = pathType === 'Exact' || pathType === 'Prefix'
  if (!strict && pathType !== 'ImplementationSpecific') {
    yield fieldNotSupported(`${at}.pathType`, pathType, ['Exact', 'ImplementationSpecific', 'Prefix'])
  } else {
    if ((strict || path !== '') && !path.startsWith('/')) yield fieldInvalid(`${at}.path`, path, 'must be an absolute path')
    if (strict) {
      for (const part of badSequences) if (path.includes(part)) yield fieldInvalid(`${at}.path`, path, `must not contain '${part}'`)
      for (const end of badEnds) if (path.endsWith(end)) yield fieldInvalid(`${at}.path`, path, `cannot end with '${end}'`)
    }
  }
  yield* backendErrors(`${at}.backend`, backend, scope)
}

function* ruleValue(at: string, { http }: Rule, scope: Scope): Generator<FieldError> {
  if (!http) return
  if (!http.paths?.length) yield fieldRequired(`${at}.http.paths`)
  for (const [i, path] of (http.paths ?? []).entries()) yield* pathErrors(indexPath(`${at}.http.paths`, i), path, scope)
}

const hostMessages = (host: string): string[] => (host.includes('*') ? isWildcardDNS1123Subdomain(host) : isDNS1123Subdomain(host))

function* ruleErrors(at: string, rule: Rule, scope: Scope): Generator<FieldError> {
  const host = rule.host ?? ''
  if (host !== '') {
    if (parseIP(host) !== undefined) yield fieldInvalid(`${at}.host`, host, 'must be a DNS name, not an IP address')
    yield* invalidAll(`${at}.host`, host, hostMessages(host))
  }
  if (!host.includes('*') || !scope.anyWildcardRule) yield* ruleValue(at, rule, scope)
}

function* specErrors(spec: IngressSpec, scope: Scope): Generator<FieldError> {
  const rules = spec.rules ?? []
  if (rules.length === 0 && !spec.defaultBackend) {
    yield fieldInvalid('spec', spec.rules ?? null, 'either `defaultBackend` or `rules` must be specified')
  }
  if (spec.defaultBackend) yield* backendErrors('spec.defaultBackend', spec.defaultBackend, scope)
  for (const [i, rule] of rules.entries()) yield* ruleErrors(indexPath('spec.rules', i), rule, scope)
  for (const [i, { hosts, secretName }] of (spec.tls ?? []).entries()) {
    const at = indexPath('spec.tls', i)
    for (const [j, host] of (hosts ?? []).entries()) yield* invalidAll(indexPath(`${at}.hosts`, j), host, hostMessages(host))
    if (secretName && !scope.anySecretName) yield* dnsSubdomain(`${at}.secretName`, secretName)
  }
  if (typeof spec.ingressClassName === 'string') yield* dnsSubdomain('spec.ingressClassName', spec.ingressClassName)
}

export function* validateIngress({ metadata, spec = {} }: Ingress, { feature }: Gated): Generator<FieldError> {
  yield* specErrors(spec, { relaxedNames: feature('RelaxedServiceNameValidation'), anySecretName: false, anyWildcardRule: false })
  const annotation = metadata.annotations?.[classAnnotation]
  if (annotation !== undefined && typeof spec.ingressClassName === 'string' && annotation !== spec.ingressClassName) {
    yield fieldInvalid(`annotations.${classAnnotation}`, annotation, 'must match `ingressClassName` when both are specified')
  }
}

const digitFirst = (name: string | undefined): boolean =>
  name !== undefined && isDNS1123Label(name).length === 0 && nameIsDNS1035Label(name, false).length > 0

/** What an old ingress had wrong already may stay. */
export function* validateIngressUpdate({ spec = {} }: Ingress, { spec: old = {} }: Ingress, { feature }: Gated): Generator<FieldError> {
  const strict: Scope = { relaxedNames: false, anySecretName: false, anyWildcardRule: false }
  const backends = [old.defaultBackend, ...(old.rules ?? []).flatMap((rule) => (rule.http?.paths ?? []).map((path) => path.backend))]
  yield* specErrors(spec, {
    relaxedNames: feature('RelaxedServiceNameValidation') || backends.some((backend) => digitFirst(backend?.service?.name)),
    anySecretName: (old.tls ?? []).some(({ secretName }) => secretName && isDNS1123Subdomain(secretName).length > 0),
    anyWildcardRule: (old.rules ?? []).some((rule) => rule.host?.includes('*') && [...ruleValue('', rule, strict)].length > 0),
  })
}

export function* validateIngressStatus({ status }: Ingress, old: Ingress): Generator<FieldError> {
  const known = (old.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip || [])
  for (const [i, { ip, hostname }] of (status?.loadBalancer?.ingress ?? []).entries()) {
    const at = indexPath('status.loadBalancer.ingress', i)
    if (ip) yield* validateLegacyIP(`${at}.ip`, ip, known)
    if (!hostname) continue
    yield* dnsSubdomain(`${at}.hostname`, hostname)
    if (parseIP(hostname) !== undefined) yield fieldInvalid(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address')
  }
}

export function* ingressWarnings({ metadata, spec }: Ingress, old: Ingress | undefined): Generator<string> {
  if (old === undefined && metadata.annotations?.[classAnnotation] !== undefined && typeof spec?.ingressClassName !== 'string') {
    yield `annotation "${classAnnotation}" is deprecated, please use 'spec.ingressClassName' instead`
  }
}

export function* ingressStatusWarnings({ status }: Ingress): Generator<string> {
  for (const [i, { ip }] of (status?.loadBalancer?.ingress ?? []).entries()) {
    if (ip) yield* ipWarnings(indexPath('status.loadBalancer.ingress', i), ip)
  }
}

export function* validateIngressClass({ spec }: IngressClass): Generator<FieldError> {
  const controller = spec?.controller ?? ''
  if (byteLength(controller) > 250) yield fieldTooLong('spec.controller', 250)
  yield* domainPrefixedPath('spec.controller', controller)
  const parameters = spec?.parameters
  if (!parameters) return
  yield* reference('spec.parameters', parameters)
  const { scope, namespace } = parameters
  yield* oneOf('spec.parameters.scope', scope, ['Cluster', 'Namespace'])
  if (scope === 'Namespace') {
    if (typeof namespace !== 'string') yield fieldRequired('spec.parameters.namespace', "`parameters.scope` is set to 'Namespace'")
    else yield* namespaceName('spec.parameters.namespace', namespace)
  } else if (scope === 'Cluster' && typeof namespace === 'string') {
    yield fieldForbidden('spec.parameters.namespace', "`parameters.scope` is set to 'Cluster'")
  }
}

export function* validateIngressClassUpdate(next: IngressClass, old: IngressClass): Generator<FieldError> {
  yield* immutable('spec.controller', next.spec?.controller ?? '', old.spec?.controller ?? '')
  yield* validateIngressClass(next)
}
