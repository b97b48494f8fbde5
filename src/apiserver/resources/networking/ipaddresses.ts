import type { IPAddress } from '../../../api/generated/types/networking-v1.ts'
import { builtin } from '../builtin.ts'
import { nameColumn, text } from '../columns.ts'
import { ipAddressName, validateIPAddress, validateIPAddressUpdate } from './policy-validation.ts'

function parentText({ spec }: IPAddress): string {
  if (!spec?.parentRef) return '<none>'
  const { group, resource, namespace, name } = spec.parentRef
  const qualified = `${resource}${group ? `.${group}` : ''}`.toLowerCase()
  return `${qualified}/${namespace ? `${namespace}/` : ''}${name}`
}

export const ipAddresses = builtin<IPAddress>({
  group: 'networking.k8s.io', version: 'v1', resource: 'ipaddresses',
  unconditionalUpdate: true,
  generationFields: [],
  nameFormat: ipAddressName,
  generatesNoName: true,
  validate: validateIPAddress,
  validateUpdate: validateIPAddressUpdate,
  columns: [nameColumn(), text('ParentRef', parentText)],
})
