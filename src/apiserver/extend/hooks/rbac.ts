/** Upstream's roles and bindings; missing rights are given back at every start (upstream: pkg/registry/rbac/reconciliation). */
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '../../../api/generated/resources.ts'
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding, Subject } from '../../../api/generated/types/rbac-v1.ts'
import type { KubeObject, Resource } from '../../../api/meta/object.ts'
import type { Client } from '../../../client/client.ts'
import type { PolicyRule } from '../../auth/contract.ts'
import { uncovered } from '../../auth/escalation.ts'
import { gatedControllerRules, gatedControllers, gatedNodeRules } from './gated-controllers.ts'
import { type PostStartHook, reconcileObject } from './hooks.ts'

const autoupdate = 'rbac.authorization.kubernetes.io/autoupdate'
type AnyRole = ClusterRole | Role
type AnyBinding = ClusterRoleBinding | RoleBinding

const read = ['get', 'list', 'watch']
const scheduling = ['scheduling.k8s.io']

/** Rules that roles have only while a gate is on that is off by default. */
const gatedRules: Readonly<Record<string, Readonly<Record<string, readonly PolicyRule[]>>>> = {
  ...gatedControllerRules,
  ...Object.fromEntries(Object.entries(gatedNodeRules).map(([gate, rules]) => [gate, { 'system:node': rules }])),
  GenericWorkload: {
    'system:aggregate-to-view': [{ verbs: read, apiGroups: scheduling, resources: ['workloads', 'podgroups', 'podgroups/status'] }],
    'system:aggregate-to-edit': [{ verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'], apiGroups: scheduling, resources: ['workloads', 'podgroups'] }],
    'system:kube-scheduler': [
      { verbs: read, apiGroups: scheduling, resources: ['podgroups'] }, { verbs: ['patch', 'update'], apiGroups: scheduling, resources: ['podgroups/status'] },
    ],
  },
}

/** The role with what the gates that are on add to it. */
function withGated(role: ClusterRole, feature: (name: string) => boolean): ClusterRole {
  const more = Object.entries(gatedRules).flatMap(([gate, roles]) => (feature(gate) ? roles[role.metadata.name!] ?? [] : []))
  return more.length === 0 ? role : { ...role, rules: [...(role.rules ?? []), ...more as ClusterRole['rules'] & object] }
}

export const rbacHook = (feature: (name: string) => boolean): PostStartHook => ({
  name: 'rbac/bootstrap-roles',
  once: true,
  async run({ client }) {
    // 80 KB of facts that only this hook reads.
    const { rbacBootstrap: policy } = await import('../../../api/generated/rbac-bootstrap.ts')
    const more = gatedControllers(feature, new Set(policy.controllerRoles.map(({ metadata }) => metadata.name ?? '')))
    await Promise.all([
      ...[...policy.clusterRoles, ...policy.controllerRoles, ...more.roles].map((role) => ensureRole(client, clusterRoles, withGated(role, feature))),
      ...policy.namespaceRoles.map((role) => ensureRole(client, roles, role)),
    ])
    await Promise.all([
      ...[...policy.clusterRoleBindings, ...policy.controllerRoleBindings, ...more.bindings].map((binding) => ensureBinding(client, clusterRoleBindings, binding)),
      ...policy.namespaceRoleBindings.map((binding) => ensureBinding(client, roleBindings, binding)),
    ])
  },
})

function ensureRole<T extends AnyRole>(client: Client, resource: Resource<T>, wanted: T): Promise<void> {
  return reconcileObject(client, resource as unknown as Resource<KubeObject>, wanted as unknown as KubeObject, (stored) => mendedRole(stored, wanted))
}

/** The stored role with what it lacks; undefined when it lacks nothing or its owner does not want it mended. */
export function mendedRole(stored: KubeObject, wanted: AnyRole): KubeObject | undefined {
  if (stored.metadata.annotations?.[autoupdate] === 'false') return undefined
  const role = stored as unknown as ClusterRole
  const lacking = uncovered((role.rules ?? []) as PolicyRule[], (wanted.rules ?? []) as PolicyRule[])
  const metadata = mendedMetadata(stored, wanted)
  const aggregated = (wanted as ClusterRole).aggregationRule !== undefined && role.aggregationRule === undefined
  if (lacking.length === 0 && metadata === undefined && !aggregated) return undefined
  return {
    ...stored, metadata: metadata ?? stored.metadata,
    ...(aggregated ? { aggregationRule: (wanted as ClusterRole).aggregationRule } : {}),
    ...((wanted as ClusterRole).aggregationRule === undefined ? { rules: [...(role.rules ?? []), ...lacking] } : {}),
  }
}

function ensureBinding<T extends AnyBinding>(client: Client, resource: Resource<T>, wanted: T): Promise<void> {
  return reconcileObject(client, resource as unknown as Resource<KubeObject>, wanted as unknown as KubeObject, (stored) => mendedBinding(stored, wanted))
}

export function mendedBinding(stored: KubeObject, wanted: AnyBinding): KubeObject | undefined {
  if (stored.metadata.annotations?.[autoupdate] === 'false') return undefined
  const subjects = ((stored as unknown as AnyBinding).subjects ?? []) as Subject[]
  const lacking = (wanted.subjects ?? []).filter((subject) => !subjects.some((own) => sameSubject(own, subject)))
  const metadata = mendedMetadata(stored, wanted)
  if (lacking.length === 0 && metadata === undefined) return undefined
  return { ...stored, metadata: metadata ?? stored.metadata, subjects: [...subjects, ...lacking] }
}

function sameSubject(a: Subject, b: Subject): boolean {
  return a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '')
}

/** Labels and annotations that are missing are set; others stay as their owner wants them. */
function mendedMetadata(stored: KubeObject, { metadata }: AnyRole | AnyBinding): KubeObject['metadata'] | undefined {
  const labels = { ...metadata?.labels, ...stored.metadata.labels }
  const annotations = { ...metadata?.annotations, ...stored.metadata.annotations }
  const grown = Object.keys(labels).length > Object.keys(stored.metadata.labels ?? {}).length ||
    Object.keys(annotations).length > Object.keys(stored.metadata.annotations ?? {}).length
  return grown ? { ...stored.metadata, labels, annotations } : undefined
}
