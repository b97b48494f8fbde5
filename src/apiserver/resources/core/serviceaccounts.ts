import type { ServiceAccount } from '../../../api/generated/types/core-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn } from '../columns.ts'

/** References to secrets keep their names alone. */
function cleanSecrets(account: ServiceAccount): void {
  if (account.secrets) account.secrets = account.secrets.map(({ name }) => (name === undefined ? {} : { name }))
}

export const serviceAccounts = builtin<ServiceAccount>({
  group: '', version: 'v1', resource: 'serviceaccounts',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  generationFields: [],
  prepareForCreate: cleanSecrets,
  prepareForUpdate: cleanSecrets,
  columns: [nameColumn(), ageColumn()],
})
