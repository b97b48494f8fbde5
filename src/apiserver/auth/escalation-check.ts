/**
 * Writes of roles and bindings are refused to those who would give more than they have (upstream: pkg/registry/rbac/
 * {role,clusterrole,rolebinding,clusterrolebinding}/policybased). It stands behind validating admission.
 */
import type { RoleRef } from '../../api/generated/types/rbac-v1.ts'
import { forbidden, notFound } from '../../api/meta/errors.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import type { Admission, Attributes as AdmissionAttributes } from '../admission/contract.ts'
import type { UserInfo } from '../handler.ts'
import { type Authorizer, type PolicyRule, privilegedGroup, questionAttributes } from './contract.ts'
import { compactRule, uncovered } from './escalation.ts'

const group = 'rbac.authorization.k8s.io'

export interface EscalationContext {
  readonly authorizer: Authorizer
  /** The rules that a user holds, as far as RBAC gave them. */
  rulesFor(user: UserInfo, namespace: string): readonly PolicyRule[]
  /** The rules of a role; undefined when there is none. */
  rulesOf(ref: RoleRef, namespace: string): readonly PolicyRule[] | undefined
}

/** Admission with the check behind it. */
export function withEscalationCheck(inner: Admission, context: EscalationContext): Admission {
  return {
    admit: (attributes) => inner.admit(attributes),
    async validate(attributes) {
      await inner.validate(attributes)
      if (attributes.resource.group === group && attributes.subresource === '') await checkWrite(attributes, context)
    },
  }
}

/** Throws Forbidden. */
async function checkWrite(attributes: AdmissionAttributes, context: EscalationContext): Promise<void> {
  const { operation, object, user, resource } = attributes
  if (object === undefined || (operation !== 'CREATE' && operation !== 'UPDATE')) return
  if (user.groups.includes(privilegedGroup)) return
  switch (resource.resource) {
    case 'roles': case 'clusterroles':
      return checkRole(attributes, object, context)
    case 'rolebindings': case 'clusterrolebindings':
      return checkBinding(attributes, object, context)
  }
}

async function checkRole(attributes: AdmissionAttributes, object: KubeObject, context: EscalationContext): Promise<void> {
  const { oldObject, user, namespace, resource } = attributes
  const rules = rulesIn(object)
  if (oldObject !== undefined && same(rules, rulesIn(oldObject)) && same(object['aggregationRule'], oldObject['aggregationRule'])) return
  if (await may(context, attributes, 'escalate', resource.resource, object.metadata.name ?? '')) return
  // What is aggregated can grow to anything, so its maker must hold everything.
  const asked = object['aggregationRule'] === undefined ? rules : [...rules, ...everything]
  refuseUncovered(attributes, context.rulesFor(user, namespace), asked)
}

async function checkBinding(attributes: AdmissionAttributes, object: KubeObject, context: EscalationContext): Promise<void> {
  const { oldObject, user, namespace } = attributes
  const ref = object['roleRef'] as RoleRef
  const subjects = ['roleRef', 'subjects'] as const
  if (oldObject !== undefined && subjects.every((field) => same(object[field], oldObject[field]))) return
  const bound = ref.kind === 'ClusterRole' ? 'clusterroles' : 'roles'
  if (await may(context, attributes, 'bind', bound, ref.name)) return
  const rules = context.rulesOf(ref, namespace)
  if (rules === undefined) throw notFound({ group, resource: bound }, ref.name)
  refuseUncovered(attributes, context.rulesFor(user, namespace), rules)
}

const everything: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verbs: ['*'], nonResourceURLs: ['*'] },
]

const rulesIn = (object: KubeObject): readonly PolicyRule[] => (object['rules'] as readonly PolicyRule[] | null | undefined) ?? []
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a ?? null) === JSON.stringify(b ?? null)

async function may(context: EscalationContext, attributes: AdmissionAttributes, verb: string, resource: string, name: string): Promise<boolean> {
  const verdict = await context.authorizer.authorize(questionAttributes(attributes.user, { verb, group, version: '*', resource, namespace: attributes.namespace, name }))
  return verdict.decision === 'allow'
}

function refuseUncovered(attributes: AdmissionAttributes, owned: readonly PolicyRule[], asked: readonly PolicyRule[]): void {
  const missing = uncovered(owned, asked)
  if (missing.length === 0) return
  const { user, resource, object } = attributes
  const groups = user.groups.map((name) => JSON.stringify(name)).join(' ')
  const lines = [...new Set(compacted(missing).map(compactRule))].sort()
  throw forbidden({ group, resource: resource.resource }, object?.metadata.name ?? '',
    `user ${JSON.stringify(user.name)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${lines.join('\n')}`)
}

/** Single permissions put together again where only their verb differs. */
function compacted(rules: readonly PolicyRule[]): PolicyRule[] {
  const byRest = new Map<string, PolicyRule>()
  for (const { verbs, ...rest } of rules) {
    const key = JSON.stringify(rest)
    const known = byRest.get(key)
    byRest.set(key, { ...rest, verbs: known === undefined ? verbs : [...new Set([...known.verbs, ...verbs])] })
  }
  return [...byRest.values()]
}
