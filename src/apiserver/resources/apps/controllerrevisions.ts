import type { ControllerRevision } from '../../../api/generated/types/apps-v1.ts'
import { parseApiVersion } from '../../../api/meta/object.ts'
import { controllerOf } from '../../../api/meta/owner-references.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { validateControllerRevision, validateControllerRevisionUpdate } from './statefulset-validation.ts'

function controllerName(o: ControllerRevision): string {
  const owner = controllerOf(o)
  if (owner === undefined) return '<none>'
  const { group } = parseApiVersion(owner.apiVersion)
  return `${`${owner.kind}${group === '' ? '' : `.${group}`}`.toLowerCase()}/${owner.name}`
}

export const controllerRevisions = builtin<ControllerRevision>({
  group: 'apps', version: 'v1', resource: 'controllerrevisions',
  unconditionalUpdate: true,
  generationFields: [],
  validate: validateControllerRevision,
  validateUpdate: validateControllerRevisionUpdate,
  columns: [nameColumn(), text('Controller', controllerName), text('Revision', (o) => o.revision), ageColumn()],
})
