import { isIPv6 } from 'node:net'
import type { Service } from '../../../api/generated/types/core-v1.ts'
import { isHeadless } from '../../../api/helpers/service.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldDuplicate, fieldInvalid, fieldNotSupported, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { validateLegacyIP } from '../validation/ip.ts'

type Spec = NonNullable<Service['spec']>

const families = ['IPv4', 'IPv6'] as const
const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'] as const

function* checkPair(spec: Spec): Generator<FieldError> {
  const ips = spec.clusterIPs ?? []
  if (spec.clusterIP) {
    if (ips.length === 0) yield fieldRequired('spec.clusterIPs')
    else if (ips[0] !== spec.clusterIP) yield fieldInvalid('spec.clusterIPs', ips, 'first value must match `clusterIP`')
  } else if (ips.length > 0) yield fieldInvalid('spec.clusterIPs', ips, 'must be empty when `clusterIP` is not specified')
}

function* checkFamilies(spec: Spec): Generator<FieldError> {
  const seen = new Set<string>()
  for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
    const path = indexPath('spec.ipFamilies', i)
    if (!families.some((f) => f === family)) yield fieldNotSupported(path, family, families)
    if (seen.has(family)) yield fieldDuplicate(path, family)
    seen.add(family)
  }
  const policy = spec.ipFamilyPolicy
  if (policy !== undefined && !policies.some((p) => p === policy)) yield fieldNotSupported('spec.ipFamilyPolicy', policy, policies)
}

function* checkAddresses(ips: readonly string[], old: readonly string[]): Generator<FieldError> {
  for (const [i, ip] of ips.entries()) {
    if (i > 0 || ip !== 'None') yield* validateLegacyIP(indexPath('spec.clusterIPs', i), ip, old)
    else if (ips.length > 1) yield fieldInvalid('spec.clusterIPs', ips, "'None' must be the first and only value")
  }
}

function* checkMatch(spec: Spec): Generator<FieldError> {
  for (const [i, ip] of (spec.clusterIPs ?? []).entries()) {
    const family = spec.ipFamilies?.[i]
    if (family === undefined) return
    const path = indexPath('spec.clusterIPs', i)
    if (family === 'IPv4' && isIPv6(ip)) yield fieldInvalid(path, ip, `expected an IPv4 value as indicated by \`ipFamilies[${i}]\``)
    if (family === 'IPv6' && !isIPv6(ip)) yield fieldInvalid(path, ip, `expected an IPv6 value as indicated by \`ipFamilies[${i}]\``)
  }
}

/** Whether clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy agree (upstream: ValidateServiceClusterIPsRelatedFields). */
export function* validateClusterIPFields(service: Service, old: Service | undefined): Generator<FieldError> {
  const spec = service.spec!
  if (spec.type === 'ExternalName') return
  yield* checkPair(spec)
  yield* checkFamilies(spec)
  const ips = spec.clusterIPs ?? []
  const wrong = [...checkAddresses(ips, old?.spec?.clusterIPs ?? [])]
  yield* wrong
  if (ips.length > 2) yield fieldInvalid('spec.clusterIPs', ips, 'may only hold up to 2 values')
  if (wrong.length > 0) return
  if (ips.length > 1 && !(ips.some((ip) => isIPv6(ip)) && ips.some((ip) => !isIPv6(ip)))) {
    yield fieldInvalid('spec.clusterIPs', ips, 'may specify no more than one IP for each IP family')
  }
  if (!isHeadless(service)) yield* checkMatch(spec)
}
