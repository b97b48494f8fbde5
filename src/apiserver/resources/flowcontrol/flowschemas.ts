import type { FlowSchema } from '../../../api/generated/types/flowcontrol-v1.ts'
import { findCondition } from '../../../api/meta/conditions.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { emptyStatus } from '../status.ts'
import { validateConditions, validateFlowSchema } from './validation.ts'

export const flowSchemas = builtin<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io', version: 'v1', resource: 'flowschemas',
  unconditionalUpdate: true,
  default({ spec }) {
    if (spec !== undefined) spec.matchingPrecedence ||= 1000
  },
  prepareForCreate: emptyStatus(),
  validate: validateFlowSchema,
  validateUpdate: validateFlowSchema,
  subresources: { status: statusSubresource<FlowSchema>({ keepsMetadata: true, validateUpdate: validateConditions }) },
  columns: [
    nameColumn(),
    text('PriorityLevel', (o) => o.spec?.priorityLevelConfiguration?.name),
    text('MatchingPrecedence', (o) => o.spec?.matchingPrecedence ?? 0),
    text('DistinguisherMethod', (o) => o.spec?.distinguisherMethod?.type ?? '<none>'),
    ageColumn(),
    text('MissingPL', (o) => findCondition(o.status?.conditions as { type: string; status?: string }[] | undefined, 'Dangling')?.status ?? '?'),
  ],
})
