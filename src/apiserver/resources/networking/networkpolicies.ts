import type { NetworkPolicy } from '../../../api/generated/types/networking-v1.ts'
import { formatLabelSelector } from '../../../api/meta/selectors.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { networkPolicyWarnings, validateNetworkPolicy, validateNetworkPolicyUpdate } from './policy-validation.ts'

function setDefaults({ spec }: NetworkPolicy): void {
  if (spec === undefined) return
  if (!spec.policyTypes?.length) spec.policyTypes = spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress']
  for (const rule of [...spec.ingress ?? [], ...spec.egress ?? []]) {
    for (const port of rule.ports ?? []) port.protocol ??= 'TCP'
  }
}

export const networkPolicies = builtin<NetworkPolicy>({
  group: 'networking.k8s.io', version: 'v1', resource: 'networkpolicies',
  unconditionalUpdate: true,
  default: setDefaults,
  validate: validateNetworkPolicy,
  validateUpdate: validateNetworkPolicyUpdate,
  warnings: networkPolicyWarnings,
  columns: [nameColumn(), text('Pod-Selector', (o) => formatLabelSelector(o.spec?.podSelector)), ageColumn()],
})
