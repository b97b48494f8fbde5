import type { ServiceAccount } from '../../../api/generated/types/core-v1.ts'
import { builtin } from '../builtin.ts'

export const serviceAccounts = builtin<ServiceAccount>({
  group: '', version: 'v1', resource: 'serviceaccounts',
  returnDeletedObject: true,
  unconditionalUpdate: true,
})
