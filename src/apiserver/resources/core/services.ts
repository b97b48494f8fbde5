import type { Service } from '../../../api/generated/types/core-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, formatLabels, nameColumn, text, wide } from '../columns.ts'
import { freshStatus } from '../status.ts'
import { serviceHooks } from './service-allocation.ts'
import { validateService, validateServiceStatus, validateServiceUpdate } from './service-validation.ts'
import { defaultService, dropTypeDependentFields, settleService } from './service-strategy.ts'
import { serviceWarnings } from '../validation/kind-warnings.ts'

function loadBalancerAddresses({ status }: Service): string[] {
  const addresses = (status?.loadBalancer?.ingress ?? []).map((i) => i.ip || i.hostname || '').filter((a) => a !== '')
  return [...new Set(addresses)].sort()
}

function externalText(service: Service): string {
  const { type, externalIPs = [], externalName } = service.spec ?? {}
  switch (type) {
    case 'ClusterIP': case 'NodePort': return externalIPs.join(',') || '<none>'
    case 'LoadBalancer': return [...loadBalancerAddresses(service), ...externalIPs].join(',') || '<pending>'
    case 'ExternalName': return externalName ?? ''
    default: return '<unknown>'
  }
}

function portsText({ spec }: Service): string {
  const pieces = (spec?.ports ?? []).map((p) => (p.nodePort ? `${p.port}:${p.nodePort}/${p.protocol}` : `${p.port}/${p.protocol}`))
  return pieces.join(',') || '<none>'
}

export const services = builtin<Service>({
  group: '', version: 'v1', resource: 'services',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  createOnUpdate: true,
  storagePrefix: 'services/specs',
  nameFormat: 'dns-label',
  generationFields: [],
  default: defaultService,
  prepareForCreate: freshStatus(() => ({ loadBalancer: {} })),
  prepareForUpdate: dropTypeDependentFields,
  // Upstream hides it whenever it reads such a service.
  settle: ({ spec }) => {
    if (spec?.type === 'ExternalName') delete spec.internalTrafficPolicy
  },
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  hooks: serviceHooks(settleService),
  subresources: { status: statusSubresource({ validateUpdate: validateServiceStatus }) },
  selectableFields: {
    'spec.clusterIP': (o) => o.spec?.clusterIP ?? '',
    'spec.type': (o) => o.spec?.type ?? '',
  },
  warnings: serviceWarnings,
  columns: [
    nameColumn(),
    text('Type', (o) => o.spec?.type),
    text('Cluster-IP', (o) => o.spec?.clusterIPs?.[0] ?? o.spec?.clusterIP ?? '<none>'),
    text('External-IP', externalText),
    text('Port(s)', portsText),
    ageColumn(),
    wide('Selector', (o) => formatLabels(o.spec?.selector)),
  ],
})
