import type { ConfigMap } from '../../../api/generated/types/core-v1.ts'
import { builtin } from '../builtin.ts'

export const configMaps = builtin<ConfigMap>({
  group: '', version: 'v1', resource: 'configmaps',
  unconditionalUpdate: true,
})
