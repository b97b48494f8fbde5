import type { ResourceSlice } from '../../../api/generated/types/resource-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { formatTime } from '../../../api/meta/time.ts'
import { sliceConversions } from './conversion.ts'
import { validateSlice, validateSliceUpdate } from './slice-validation.ts'
import { resourceSliceWarnings } from '../validation/kind-warnings.ts'

type Taint = NonNullable<NonNullable<ResourceSlice['spec']['devices']>[number]['taints']>[number]

/** Taints say since when: those that were there keep their time. */
function stampTaints({ spec }: ResourceSlice, old: ResourceSlice | undefined, now: string): void {
  for (const device of spec?.devices ?? []) {
    const before = old?.spec.devices?.find(({ name }) => name === device.name)?.taints ?? []
    const same = (taint: Taint): Taint | undefined => before.find(({ key, value, effect }) => key === taint.key && value === taint.value && effect === taint.effect)
    for (const taint of device.taints ?? []) taint.timeAdded ??= same(taint)?.timeAdded ?? now
  }
}

export const resourceSlices = builtin<ResourceSlice>({
  group: 'resource.k8s.io', version: 'v1', resource: 'resourceslices',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  conversions: sliceConversions,
  prepareForCreate: (slice, { now }) => stampTaints(slice, undefined, formatTime(now)),
  prepareForUpdate: (slice, old, { now }) => stampTaints(slice, old, formatTime(now)),
  validate: validateSlice,
  validateUpdate: validateSliceUpdate,
  unselectable: (field, apiVersion) => `field label not supported for ${apiVersion}, Kind=ResourceSlice: ${field}`,
  selectableFields: {
    'spec.nodeName': (o) => o.spec.nodeName ?? '',
    'spec.driver': (o) => o.spec.driver,
  },
  warnings: resourceSliceWarnings,
  columns: [
    nameColumn(), text('Node', (o) => o.spec.nodeName ?? ''), text('Driver', (o) => o.spec.driver),
    text('Pool', (o) => o.spec.pool.name), ageColumn(),
  ],
})
