import type { Secret } from '../../../api/generated/types/core-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { validateSecret, validateSecretUpdate } from './config-validation.ts'

/** stringData is for writing only: it goes into data as base64. */
function setDefaults(secret: Secret): void {
  if (secret.stringData) {
    const data = (secret.data ??= {})
    for (const [key, value] of Object.entries(secret.stringData)) data[key] = Buffer.from(value, 'utf8').toString('base64')
  }
  delete secret.stringData
  secret.type ||= 'Opaque'
}

export const secrets = builtin<Secret>({
  group: '', version: 'v1', resource: 'secrets',
  unconditionalUpdate: true,
  generationFields: [],
  default: setDefaults,
  validate: validateSecret,
  validateUpdate: validateSecretUpdate,
  selectableFields: { type: (o) => o.type ?? '' },
  columns: [
    nameColumn(), text('Type', (o) => o.type), text('Data', (o) => Object.keys(o.data ?? {}).length), ageColumn(),
  ],
})
