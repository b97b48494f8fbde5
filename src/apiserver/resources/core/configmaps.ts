import type { ConfigMap } from '../../../api/generated/types/core-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'

const size = (map: object | undefined): number => Object.keys(map ?? {}).length

export const configMaps = builtin<ConfigMap>({
  group: '', version: 'v1', resource: 'configmaps',
  unconditionalUpdate: true,
  generationFields: [],
  columns: [nameColumn(), text('Data', (o) => size(o.data) + size(o.binaryData)), ageColumn()],
})
