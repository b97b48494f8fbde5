/** A file of policies, one on each line (upstream: pkg/auth/authorizer/abac). */
import { type Attributes, type Authorizer, allAuthenticated, allow, noOpinion } from '../contract.ts'
import type { UserInfo } from '../../handler.ts'

export interface AbacPolicy {
  readonly user?: string
  readonly group?: string
  readonly readonly?: boolean
  readonly namespace?: string
  readonly resource?: string
  readonly apiGroup?: string
  readonly nonResourcePath?: string
}

/** Throws an Error that names the line. */
export function parseAbacPolicies(text: string, path: string): AbacPolicy[] {
  return text.split('\n').flatMap((line, i) => {
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('#')) return []
    try {
      const { apiVersion, kind, spec, ...old } = JSON.parse(trimmed) as { apiVersion?: string; kind?: string; spec?: AbacPolicy } & OldPolicy
      if (apiVersion === undefined && kind === undefined) return [fromOld(old)]
      if (apiVersion === 'abac.authorization.kubernetes.io/v0' && kind === 'Policy') return [fromOld(old)]
      if (apiVersion !== 'abac.authorization.kubernetes.io/v1beta1' || kind !== 'Policy') throw new Error(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`)
      return [normalized(spec ?? {})]
    } catch (error) {
      throw new Error(`error reading policy file ${path}, line ${i + 1}: ${trimmed}: ${(error as Error).message}`, { cause: error })
    }
  })
}

/** As they were before they had a version: what is left out means everything. */
interface OldPolicy {
  readonly user?: string
  readonly group?: string
  readonly readonly?: boolean
  readonly resource?: string
  readonly namespace?: string
}

function fromOld({ user = '', group = '', readonly = false, resource = '', namespace = '' }: OldPolicy): AbacPolicy {
  return normalized({
    ...(user === '' ? {} : { user }), group: user === '' && group === '' ? allAuthenticated : group, readonly,
    apiGroup: '*', namespace: namespace || '*', resource: resource || '*', ...(resource === '' && namespace === '' ? { nonResourcePath: '*' } : {}),
  })
}

/** "*" for a user or a group never meant people whom nobody knows. */
function normalized({ user, group, ...rest }: AbacPolicy): AbacPolicy {
  return user === '*' || group === '*' ? { ...rest, group: allAuthenticated } : { ...rest, ...(user === undefined ? {} : { user }), ...(group === undefined ? {} : { group }) }
}

const readOnlyVerbs = new Set(['get', 'list', 'watch'])

export function abacAuthorizer(policies: readonly AbacPolicy[]): Authorizer {
  return {
    name: 'ABAC',
    authorize: (attributes) => (policies.some((policy) => matches(policy, attributes)) ? allow() : noOpinion('No policy matched.')),
    rulesFor(user, namespace) {
      const mine = policies.filter((policy) => isFor(policy, user) && (policy.namespace === '*' || policy.namespace === namespace))
      return {
        incomplete: false, errors: [],
        rules: mine.flatMap(({ readonly, apiGroup = '', resource = '', nonResourcePath = '' }) => {
          const verbs = readonly === true ? [...readOnlyVerbs] : ['*']
          return [...(resource === '' ? [] : [{ verbs, apiGroups: [apiGroup], resources: [resource] }]), ...(nonResourcePath === '' ? [] : [{ verbs, nonResourceURLs: [nonResourcePath] }])]
        }),
      }
    },
  }
}

function isFor({ user = '', group = '' }: AbacPolicy, who: UserInfo): boolean {
  if (user !== '' && user !== '*' && user !== who.name) return false
  if (group !== '' && group !== '*' && !who.groups.includes(group)) return false
  return user !== '' || group !== ''
}

function matches(policy: AbacPolicy, a: Attributes): boolean {
  if (!isFor(policy, a.user) || (policy.readonly === true && !readOnlyVerbs.has(a.verb))) return false
  const fits = (wanted = '', actual: string): boolean => wanted === '*' || wanted === actual
  if (a.isResourceRequest) return fits(policy.namespace, a.namespace) && fits(policy.resource, a.resource) && fits(policy.apiGroup, a.apiGroup)
  const { nonResourcePath = '' } = policy
  return fits(nonResourcePath, a.path) || (nonResourcePath.endsWith('*') && a.path.startsWith(nonResourcePath.replace(/\*+$/, '')))
}
