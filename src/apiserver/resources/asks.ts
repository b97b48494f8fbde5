/** What kinds that ask the authorizer about their writers share. */
import type { UserInfo } from '../handler.ts'

/** Upstream asks nothing of these (pkg/registry/rbac/escalation_check.go EscalationAllowed). */
export const isSuperuser = ({ groups }: UserInfo): boolean => groups.includes('system:masters')

/** fmt's %v of a pointer to upstream's user.DefaultInfo. */
export function goUser({ name, uid = '', groups, extra = {} }: UserInfo): string {
  const pairs = Object.keys(extra).sort().map((key) => `${key}:[${(extra[key] ?? []).join(' ')}]`)
  return `&{${name} ${uid} [${groups.join(' ')}] map[${pairs.join(' ')}]}`
}
