import type { Ingress } from '../../../api/generated/types/networking-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { freshStatus } from '../status.ts'
import {
  ingressStatusWarnings, ingressWarnings, validateIngress, validateIngressStatus, validateIngressUpdate,
} from './ingress-validation.ts'

function hostsText({ spec }: Ingress): string {
  const rules = spec?.rules ?? []
  const hosts = rules.slice(0, 3).map((r) => r.host).filter(Boolean)
  if (hosts.length === 0) return '*'
  return rules.length > 3 ? `${hosts.join(',')} + ${rules.length - 3} more...` : hosts.join(',')
}

function addressText({ status }: Ingress): string {
  const addresses = (status?.loadBalancer?.ingress ?? []).map((i) => i.ip || i.hostname || '').filter((a) => a !== '')
  return [...new Set(addresses)].sort().join(',')
}

export const ingresses = builtin<Ingress>({
  group: 'networking.k8s.io', version: 'v1', resource: 'ingresses',
  unconditionalUpdate: true,
  storagePrefix: 'ingress',
  prepareForCreate: freshStatus(() => ({ loadBalancer: {} })),
  validate: validateIngress,
  validateUpdate: validateIngressUpdate,
  warnings: ingressWarnings,
  subresources: { status: statusSubresource({ validateUpdate: validateIngressStatus, warnings: ingressStatusWarnings }) },
  columns: [
    nameColumn(),
    text('Class', (o) => o.spec?.ingressClassName ?? '<none>'),
    text('Hosts', hostsText),
    text('Address', addressText),
    text('Ports', (o) => (o.spec?.tls?.length ? '80, 443' : '80')),
    ageColumn(),
  ],
})
