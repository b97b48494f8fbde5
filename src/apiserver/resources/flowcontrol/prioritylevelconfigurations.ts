import type { PriorityLevelConfiguration } from '../../../api/generated/types/flowcontrol-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { emptyStatus } from '../status.ts'
import { validateConditions, validatePriorityLevel } from './validation.ts'

function setDefaults({ spec }: PriorityLevelConfiguration): void {
  if (spec?.exempt !== undefined) {
    spec.exempt.nominalConcurrencyShares ??= 0
    spec.exempt.lendablePercent ??= 0
  }
  if (spec?.limited === undefined) return
  spec.limited.nominalConcurrencyShares ??= 30
  spec.limited.lendablePercent ??= 0
  const queuing = spec.limited.limitResponse?.queuing
  if (queuing === undefined) return
  queuing.handSize ||= 8
  queuing.queues ||= 64
  queuing.queueLengthLimit ||= 50
}

const queuing = (o: PriorityLevelConfiguration): { queues?: number; handSize?: number; queueLengthLimit?: number } | undefined =>
  o.spec?.limited?.limitResponse?.queuing

export const priorityLevelConfigurations = builtin<PriorityLevelConfiguration>({
  group: 'flowcontrol.apiserver.k8s.io', version: 'v1', resource: 'prioritylevelconfigurations',
  unconditionalUpdate: true,
  default: setDefaults,
  prepareForCreate: emptyStatus(),
  validate: validatePriorityLevel,
  validateUpdate: validatePriorityLevel,
  subresources: { status: statusSubresource<PriorityLevelConfiguration>({ keepsMetadata: true, validateUpdate: validateConditions }) },
  columns: [
    nameColumn(),
    text('Type', (o) => o.spec?.type),
    text('NominalConcurrencyShares', (o) => o.spec?.limited?.nominalConcurrencyShares ?? '<none>'),
    text('Queues', (o) => queuing(o)?.queues ?? '<none>'),
    text('HandSize', (o) => queuing(o)?.handSize ?? '<none>'),
    text('QueueLengthLimit', (o) => queuing(o)?.queueLengthLimit ?? '<none>'),
    ageColumn(),
  ],
})
