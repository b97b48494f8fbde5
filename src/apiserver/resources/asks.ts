/** What kinds that ask the authorizer about their writers share. */
import { goValue } from '../../api/meta/go-text.ts'
import type { UserInfo } from '../handler.ts'

/** Upstream asks nothing of these (pkg/registry/rbac/escalation_check.go EscalationAllowed). */
export const isSuperuser = ({ groups }: UserInfo): boolean => groups.includes('system:masters')

/** fmt's %v of a pointer to upstream's user.DefaultInfo. */
export function goUser({ name, uid = '', groups, extra = {} }: UserInfo): string {
  return `&{${name} ${uid} ${goValue(groups)} ${goValue(extra)}}`
}
