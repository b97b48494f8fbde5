import type { ControllerRevision } from '../../../api/generated/types/apps-v1.ts'
import { builtin } from '../builtin.ts'

export const controllerRevisions = builtin<ControllerRevision>({
  group: 'apps', version: 'v1', resource: 'controllerrevisions',
  unconditionalUpdate: true,
})
