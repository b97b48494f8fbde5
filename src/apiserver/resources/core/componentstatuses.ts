import type { ComponentStatus } from '../../../api/generated/types/core-v1.ts'
import { findCondition } from '../../../api/meta/conditions.ts'
import { builtin } from '../builtin.ts'
import { nameColumn, text } from '../columns.ts'

const health = (o: ComponentStatus): NonNullable<ComponentStatus['conditions']>[number] | undefined =>
  findCondition(o.conditions, 'Healthy')

function healthText(o: ComponentStatus): string {
  const condition = health(o)
  return condition === undefined ? 'Unknown' : condition.status === 'True' ? 'Healthy' : 'Unhealthy'
}

export const componentStatuses = builtin<ComponentStatus>({
  group: '', version: 'v1', resource: 'componentstatuses',
  virtual: true,
  columns: [
    nameColumn(), text('Status', healthText), text('Message', (o) => health(o)?.message ?? ''),
    text('Error', (o) => health(o)?.error ?? ''),
  ],
})
