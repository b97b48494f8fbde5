import type { ValidatingWebhookConfiguration } from '../../../api/generated/types/admissionregistration-v1.ts'
import { builtin } from '../builtin.ts'

export const validatingWebhookConfigurations = builtin<ValidatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io', version: 'v1', resource: 'validatingwebhookconfigurations',
})
