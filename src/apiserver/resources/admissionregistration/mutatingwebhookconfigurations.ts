import type { MutatingWebhookConfiguration } from '../../../api/generated/types/admissionregistration-v1.ts'
import { builtin } from '../builtin.ts'

export const mutatingWebhookConfigurations = builtin<MutatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io', version: 'v1', resource: 'mutatingwebhookconfigurations',
})
