/** What the two bindings share: defaults of subjects and the columns over them. */
import type { RoleRef, Subject } from '../../../api/generated/types/rbac-v1.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import { ageColumn, nameColumn, text, wide } from '../columns.ts'
import type { Column } from '../define.ts'

export const rbacGroup = 'rbac.authorization.k8s.io'

export type Binding = KubeObject & { roleRef: RoleRef; subjects?: Subject[] }

/** An empty group means RBAC's own, but for service accounts: they are of the core group. */
export function defaultBinding({ roleRef, subjects }: Binding): void {
  if (roleRef !== undefined) roleRef.apiGroup ||= rbacGroup
  for (const subject of subjects ?? []) {
    if (!subject.apiGroup && (subject.kind === 'User' || subject.kind === 'Group')) subject.apiGroup = rbacGroup
  }
}

function subjectText(kind: string): (o: Binding) => string {
  return ({ subjects }) => (subjects ?? []).filter((s) => s.kind === kind)
    .map((s) => (kind === 'ServiceAccount' ? `${s.namespace ?? ''}/${s.name}` : s.name)).join(', ')
}

export const bindingColumns: readonly Column<Binding>[] = [
  nameColumn(),
  text('Role', (o) => `${o.roleRef.kind}/${o.roleRef.name}`),
  ageColumn(),
  wide('Users', subjectText('User')),
  wide('Groups', subjectText('Group')),
  wide('ServiceAccounts', subjectText('ServiceAccount')),
]
