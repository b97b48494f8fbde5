/** What may change of a Service's cluster IPs and families once it has them (upstream: validateUpgradeDowngrade…). */
import type { Service } from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldInvalid, indexPath } from '../../../api/meta/field-errors.ts'

type Spec = NonNullable<Service['spec']>

const unchangeable = 'may not change once set'
const isNone = ({ clusterIPs }: Spec): boolean => clusterIPs?.length === 1 && clusterIPs[0] === 'None'

function* dropsSecond(spec: Spec, what: string): Generator<FieldError> {
  if (spec.ipFamilyPolicy !== 'SingleStack') {
    yield fieldInvalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy ?? null, `must be set to 'SingleStack' when releasing the secondary ${what}`)
  }
}

function* clusterIPs(spec: Spec, old: Spec): Generator<FieldError> {
  const [now, before] = [spec.clusterIPs ?? [], old.clusterIPs ?? []]
  const path = 'spec.clusterIPs'
  if (now.length === before.length) {
    for (const [i, ip] of before.entries()) if (ip !== now[i]) yield fieldInvalid(indexPath(path, i), now, unchangeable)
    return
  }
  if (before.length > now.length && now.length === 0) yield fieldInvalid(`${path}[0]`, spec.clusterIPs ?? null, 'primary clusterIP can not be unset')
  if (before.length > 0 && now.length > 0 && now[0] !== before[0]) yield fieldInvalid(`${path}[0]`, now, unchangeable)
  if (before.length > now.length && now.length === 1) yield* dropsSecond(spec, 'clusterIP')
}

function* families(spec: Spec, old: Spec): Generator<FieldError> {
  const [now, before] = [spec.ipFamilies ?? [], old.ipFamilies ?? []]
  const path = 'spec.ipFamilies[0]'
  if (now.length === before.length) {
    for (const [i, family] of before.entries()) if (family !== now[i]) yield fieldInvalid(path, now, unchangeable)
    return
  }
  const ips = spec.clusterIPs ?? []
  if (before.length > now.length && ips.length === 0) yield fieldInvalid(path, spec.ipFamilies ?? null, 'primary ipFamily can not be unset')
  // Upstream prints the addresses here.
  if (before.length > 0 && now.length > 0 && now[0] !== before[0]) yield fieldInvalid(path, ips, unchangeable)
  if (before.length > now.length && now.length === 1) yield* dropsSecond(spec, 'ipFamily')
}

export function* validateClusterIPChange(spec: Spec, old: Spec): Generator<FieldError> {
  if (spec.type === 'ExternalName' || old.type === 'ExternalName') return
  const [headless, wasHeadless] = [isNone(spec), isNone(old)]
  if (headless && wasHeadless) return
  yield* clusterIPs(spec, old)
  if (headless === wasHeadless) yield* families(spec, old)
}
