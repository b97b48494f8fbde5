import type { RuntimeClass } from '../../../api/generated/types/node-v1.ts'
import { builtin } from '../builtin.ts'

export const runtimeClasses = builtin<RuntimeClass>({
  group: 'node.k8s.io', version: 'v1', resource: 'runtimeclasses',
  createOnUpdate: true,
})
