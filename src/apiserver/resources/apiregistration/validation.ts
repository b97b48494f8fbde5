/** Services of API servers behind this one (upstream: kube-aggregator/pkg/apis/apiregistration/validation). */
import type { APIService } from '../../../api/generated/types/apiregistration-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldInvalid, fieldNotSupported, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { isDNS1035Label, isPathSegmentName, isPortNumber } from '../../../api/meta/names.ts'
import { dnsSubdomain, invalidAll } from '../validation/common.ts'

const bytesOf = (base64: string): number => Buffer.from(base64, 'base64').length

/** A service is called as the version that it serves. */
export function apiServiceName(name: string, _generated: boolean, { spec }: APIService): string[] {
  const wrong = isPathSegmentName(name)
  if (wrong.length > 0) return wrong
  const required = `${spec?.version ?? ''}.${spec?.group ?? ''}`
  return name === required ? [] : [`must be \`spec.version+"."+spec.group\`: ${JSON.stringify(required)}`]
}

export function* validateAPIService({ spec }: APIService): Generator<FieldError> {
  const { group = '', version = '', groupPriorityMinimum: minimum = 0, versionPriority: priority = 0, service, caBundle = '', insecureSkipTLSVerify = false } = spec ?? {}
  if (group === '' && version !== 'v1') yield fieldRequired('spec.group', 'only v1 may have an empty group and it better be legacy kube')
  if (group !== '') yield* dnsSubdomain('spec.group', group)
  yield* invalidAll('spec.version', version, isDNS1035Label(version))
  if (minimum <= 0 || minimum > 20_000) yield fieldInvalid('spec.groupPriorityMinimum', minimum, 'must be positive and less than 20000')
  if (priority <= 0 || priority > 1000) yield fieldInvalid('spec.versionPriority', priority, 'must be positive and less than 1000')
  if (!service) {
    if (caBundle !== '') yield fieldInvalid('spec.caBundle', `${bytesOf(caBundle)} bytes`, 'local APIServices may not have a caBundle')
    if (insecureSkipTLSVerify) yield fieldInvalid('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify')
    return
  }
  if (!service.namespace) yield fieldRequired('spec.service.namespace')
  if (!service.name) yield fieldRequired('spec.service.name')
  const port = isPortNumber(service.port ?? 0)
  if (port.length > 0) yield fieldInvalid('spec.service.port', service.port ?? 0, `port is not valid: ${port.join(', ')}`)
  if (insecureSkipTLSVerify && caBundle !== '') yield fieldInvalid('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present')
}

/** The version that is served may not change under its name. */
export function* validateAPIServiceUpdate(service: APIService): Generator<FieldError> {
  const name = service.metadata.name ?? ''
  yield* invalidAll('metadata.name', name, apiServiceName(name, false, service))
  yield* validateAPIService(service)
}

const truth = ['True', 'False', 'Unknown']

export function* validateAPIServiceStatus({ status }: APIService): Generator<FieldError> {
  for (const [i, condition] of (status?.conditions ?? []).entries()) {
    if (!truth.includes(condition.status)) yield fieldNotSupported(`${indexPath('status.conditions', i)}.status`, condition.status, truth)
  }
}
