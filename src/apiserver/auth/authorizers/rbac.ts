/** Role-based access (upstream: plugin/pkg/auth/authorizer/rbac, pkg/registry/rbac/validation). */
import type { ClusterRoleBinding, RoleBinding, Subject } from '../../../api/generated/types/rbac-v1.ts'
import type { UserInfo } from '../../handler.ts'
import type { Attributes, Authorizer, PolicyRule, UserRules } from '../contract.ts'
import { LruCache } from '../lru.ts'
import { serviceAccountUserName } from '../service-account-names.ts'

/** Roles and bindings as they are right now. `generation` changes whenever any of them does. */
export interface RbacSource {
  readonly generation: number
  clusterRole(name: string): { rules?: readonly PolicyRule[] | null } | undefined
  role(namespace: string, name: string): { rules?: readonly PolicyRule[] | null } | undefined
  clusterRoleBindings(): Iterable<ClusterRoleBinding>
  roleBindings(namespace: string): Iterable<RoleBinding>
}

interface Grant {
  readonly rules: readonly PolicyRule[]
  /** Why the rules hold: the sentence behind "RBAC: allowed by". */
  readonly reason: string
}

interface Grants {
  readonly grants: readonly Grant[]
  readonly errors: readonly string[]
}

const maxUsers = 4096

/** Everything that a user was granted, resolved at most once per change of any role or binding. */
export class RbacResolver {
  readonly #source: RbacSource
  #generation = -1
  #cluster = new LruCache<string, Grants>(maxUsers)
  #namespaced = new LruCache<string, Grants>(maxUsers)

  constructor(source: RbacSource) {
    this.#source = source
  }

  /** Cluster-wide grants first, then those of the namespace. */
  grantsFor(user: UserInfo, namespace: string): Grants[] {
    if (this.#generation !== this.#source.generation) {
      this.#generation = this.#source.generation
      this.#cluster = new LruCache(maxUsers)
      this.#namespaced = new LruCache(maxUsers)
    }
    const who = `${user.name}\n${user.groups.join('\n')}`
    let cluster = this.#cluster.get(who)
    if (cluster === undefined) this.#cluster.set(who, (cluster = this.#resolveCluster(user)))
    if (namespace === '') return [cluster]
    const key = `${namespace}\n${who}`
    let local = this.#namespaced.get(key)
    if (local === undefined) this.#namespaced.set(key, (local = this.#resolveNamespace(user, namespace)))
    return [cluster, local]
  }

  #resolveCluster(user: UserInfo): Grants {
    const grants: Grant[] = []
    const errors: string[] = []
    for (const binding of this.#source.clusterRoleBindings()) {
      const subject = matchingSubject(binding.subjects, user, '')
      if (subject === undefined) continue
      const role = this.#source.clusterRole(binding.roleRef.name)
      if (role === undefined) {
        errors.push(missing('clusterrole', binding.roleRef.name))
        continue
      }
      const reason = `ClusterRoleBinding ${JSON.stringify(binding.metadata?.name ?? '')} of ClusterRole ${JSON.stringify(binding.roleRef.name)} to ${describeSubject(subject, '')}`
      grants.push({ rules: role.rules ?? [], reason })
    }
    return { grants, errors }
  }

  #resolveNamespace(user: UserInfo, namespace: string): Grants {
    const grants: Grant[] = []
    const errors: string[] = []
    for (const binding of this.#source.roleBindings(namespace)) {
      const subject = matchingSubject(binding.subjects, user, namespace)
      if (subject === undefined) continue
      const { kind, name } = binding.roleRef
      const role = kind === 'ClusterRole' ? this.#source.clusterRole(name) : this.#source.role(namespace, name)
      if (role === undefined) {
        errors.push(missing(kind.toLowerCase(), name))
        continue
      }
      const reason = `RoleBinding ${JSON.stringify(`${binding.metadata?.name}/${namespace}`)} of ${kind} ${JSON.stringify(name)} to ${describeSubject(subject, namespace)}`
      grants.push({ rules: role.rules ?? [], reason })
    }
    return { grants, errors }
  }
}

function missing(kind: string, name: string): string {
  return `${kind}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`
}

function matchingSubject(subjects: readonly Subject[] | undefined | null, user: UserInfo, namespace: string): Subject | undefined {
  return subjects?.find((subject) => {
    switch (subject.kind) {
      case 'User':
        return subject.name === user.name
      case 'Group':
        return user.groups.includes(subject.name)
      case 'ServiceAccount': {
        const home = subject.namespace === undefined || subject.namespace === '' ? namespace : subject.namespace
        return home !== '' && user.name === serviceAccountUserName(home, subject.name)
      }
      default:
        return false
    }
  })
}

function describeSubject(subject: Subject, namespace: string): string {
  if (subject.kind !== 'ServiceAccount') return `${subject.kind} ${JSON.stringify(subject.name)}`
  const home = subject.namespace === undefined || subject.namespace === '' ? namespace : subject.namespace
  return `ServiceAccount ${JSON.stringify(`${subject.name}/${home}`)}`
}

export function rbacAuthorizer(resolver: RbacResolver): Authorizer {
  return {
    name: 'RBAC',
    authorize(attributes) {
      const errors: string[] = []
      for (const { grants, errors: problems } of resolver.grantsFor(attributes.user, attributes.namespace)) {
        errors.push(...problems)
        for (const { rules, reason } of grants) {
          if (rules.some((rule) => ruleAllows(rule, attributes))) return { decision: 'allow', reason: `RBAC: allowed by ${reason}` }
        }
      }
      return { decision: 'none', reason: errors.length === 0 ? '' : `RBAC: ${aggregate(errors)}` }
    },
    rulesFor(user, namespace): UserRules {
      const rules: PolicyRule[] = []
      const errors: string[] = []
      for (const { grants, errors: problems } of resolver.grantsFor(user, namespace)) {
        errors.push(...problems)
        for (const grant of grants) rules.push(...grant.rules)
      }
      return { rules, incomplete: errors.length > 0, errors }
    },
  }
}

function aggregate(errors: readonly string[]): string {
  const unique = [...new Set(errors)]
  return unique.length === 1 ? unique[0]! : `[${unique.join(', ')}]`
}

export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!includesOrAll(rule.verbs, attributes.verb)) return false
  if (!attributes.isResourceRequest) return rule.nonResourceURLs?.some((url) => urlMatches(url, attributes.path)) ?? false
  return (
    includesOrAll(rule.apiGroups ?? [], attributes.apiGroup) &&
    (rule.resources ?? []).some((resource) => resourceMatches(resource, attributes.resource, attributes.subresource)) &&
    (rule.resourceNames === undefined || rule.resourceNames === null || rule.resourceNames.length === 0 || rule.resourceNames.includes(attributes.name))
  )
}

function includesOrAll(values: readonly string[], value: string): boolean {
  return values.includes(value) || values.includes('*')
}

function resourceMatches(rule: string, resource: string, subresource: string): boolean {
  if (rule === '*') return true
  if (subresource === '') return rule === resource
  return rule === `${resource}/${subresource}` || rule === `*/${subresource}`
}

function urlMatches(rule: string, path: string): boolean {
  if (rule === '*' || rule === path) return true
  return rule.endsWith('*') && path.startsWith(rule.slice(0, -1))
}
