import type { ResourceSlice } from '../../../api/generated/types/resource-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { sliceConversions } from './conversion.ts'

export const resourceSlices = builtin<ResourceSlice>({
  group: 'resource.k8s.io', version: 'v1', resource: 'resourceslices',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  conversions: sliceConversions,
  selectableFields: {
    'spec.nodeName': (o) => o.spec.nodeName ?? '',
    'spec.driver': (o) => o.spec.driver,
  },
  columns: [
    nameColumn(), text('Node', (o) => o.spec.nodeName ?? ''), text('Driver', (o) => o.spec.driver),
    text('Pool', (o) => o.spec.pool.name), ageColumn(),
  ],
})
