import type { ValidatingWebhookConfiguration } from '../../../api/generated/types/admissionregistration-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, integer, nameColumn } from '../columns.ts'
import { defaultWebhook } from './common.ts'
import { validateWebhooks } from './webhook-validation.ts'

export const validatingWebhookConfigurations = builtin<ValidatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io', version: 'v1', resource: 'validatingwebhookconfigurations',
  anyFinalizers: true,
  generationFields: ['webhooks'],
  default({ webhooks }) {
    for (const webhook of webhooks ?? []) defaultWebhook(webhook)
  },
  validate: (configuration) => validateWebhooks(configuration),
  validateUpdate: (configuration, old) => validateWebhooks(configuration, old),
  columns: [nameColumn(), integer('Webhooks', (o) => o.webhooks?.length ?? 0), ageColumn()],
})
