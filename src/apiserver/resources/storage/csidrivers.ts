import type { CSIDriver } from '../../../api/generated/types/storage-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, boolean, nameColumn, text } from '../columns.ts'
import { semanticEqual } from '../validation/common.ts'
import { csiDriverWarnings, validateCSIDriver, validateCSIDriverUpdate } from './validation.ts'

function setDefaults({ spec }: CSIDriver): void {
  if (spec === undefined) return
  spec.attachRequired ??= true
  spec.podInfoOnMount ??= false
  spec.storageCapacity ??= false
  spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType'
  if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ['Persistent']
  spec.requiresRepublish ??= false
  spec.seLinuxMount ??= false
}

export const csiDrivers = builtin<CSIDriver>({
  group: 'storage.k8s.io', version: 'v1', resource: 'csidrivers',
  returnDeletedObject: true,
  default: setDefaults,
  // Upstream counts changes from 0.
  generationFields: [],
  prepareForUpdate(driver, old) {
    if (!semanticEqual(driver.spec, old.spec)) driver.metadata.generation = (old.metadata.generation ?? 0) + 1
  },
  validate: validateCSIDriver,
  validateUpdate: validateCSIDriverUpdate,
  warnings: csiDriverWarnings,
  columns: [
    nameColumn(),
    boolean('AttachRequired', (o) => o.spec?.attachRequired ?? true),
    boolean('PodInfoOnMount', (o) => o.spec?.podInfoOnMount ?? false),
    boolean('StorageCapacity', (o) => o.spec?.storageCapacity ?? false),
    text('TokenRequests', (o) => o.spec?.tokenRequests?.map((t) => t.audience).join(',') ?? '<unset>'),
    boolean('RequiresRepublish', (o) => o.spec?.requiresRepublish ?? false),
    text('Modes', (o) => o.spec?.volumeLifecycleModes?.join(',') || '<none>'),
    ageColumn(),
  ],
})
