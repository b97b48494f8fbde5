import type { RuntimeClass } from '../../../api/generated/types/node-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { defaultResourceList } from '../core/pod-defaults.ts'
import { validateRuntimeClass, validateRuntimeClassUpdate } from './validation.ts'
import { runtimeClassWarnings } from '../validation/kind-warnings.ts'

export const runtimeClasses = builtin<RuntimeClass>({
  group: 'node.k8s.io', version: 'v1', resource: 'runtimeclasses',
  anyFinalizers: true,
  createOnUpdate: true,
  generationFields: [],
  validate: validateRuntimeClass,
  validateUpdate: validateRuntimeClassUpdate,
  default: (o) => defaultResourceList(o.overhead?.podFixed),
  warnings: runtimeClassWarnings,
  columns: [nameColumn(), text('Handler', (o) => o.handler), ageColumn()],
})
