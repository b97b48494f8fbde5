import type { ConfigMap } from '../../../api/generated/types/core-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { validateConfigMap, validateConfigMapUpdate } from './config-validation.ts'

const size = (map: object | undefined): number => Object.keys(map ?? {}).length

export const configMaps = builtin<ConfigMap>({
  group: '', version: 'v1', resource: 'configmaps',
  unconditionalUpdate: true,
  generationFields: [],
  validate: validateConfigMap,
  validateUpdate: validateConfigMapUpdate,
  columns: [nameColumn(), text('Data', (o) => size(o.data) + size(o.binaryData)), ageColumn()],
})
