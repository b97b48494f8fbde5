/** Which flow schema a request falls under (apiserver flowcontrol/rule.go). */
import type { FlowSchema, FlowSchemaSpec } from '../../api/generated/types/flowcontrol-v1.ts'
import type { RequestInfo, UserInfo } from '../handler.ts'

type Rule = NonNullable<FlowSchemaSpec['rules']>[number]
type Subject = Rule['subjects'][number]

/** Whether one of the schema's rules is about the request. */
export function matchesSchema({ spec }: FlowSchema, info: RequestInfo, user: UserInfo): boolean {
  return spec?.rules?.some((rule) => matchesRule(rule, info, user)) === true
}

function matchesRule({ subjects, resourceRules, nonResourceRules }: Rule, info: RequestInfo, user: UserInfo): boolean {
  if (!subjects.some((subject) => matchesSubject(subject, user))) return false
  if (!info.isResourceRequest) {
    return nonResourceRules?.some(({ verbs, nonResourceURLs }) => has(verbs, info.verb) && matchesPath(nonResourceURLs, info.path)) === true
  }
  const resource = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`
  return resourceRules?.some(({ verbs, apiGroups, resources, clusterScope, namespaces }) =>
    has(verbs, info.verb) && has(resources, resource) && has(apiGroups, info.apiGroup)
      && (info.namespace === '' ? clusterScope === true : has(namespaces ?? [], info.namespace))) === true
}

function matchesSubject({ kind, user: wanted, group, serviceAccount }: Subject, user: UserInfo): boolean {
  switch (kind) {
    case 'User': return wanted !== undefined && (wanted.name === '*' || wanted.name === user.name)
    case 'Group': return group !== undefined && (group.name === '*' || user.groups.includes(group.name))
    case 'ServiceAccount': {
      if (serviceAccount === undefined) return false
      const prefix = `system:serviceaccount:${serviceAccount.namespace}:`
      return serviceAccount.name === '*' ? user.name.startsWith(prefix) : user.name === prefix + serviceAccount.name
    }
    default: return false
  }
}

function matchesPath(patterns: readonly string[], path: string): boolean {
  return patterns.some((pattern) => {
    if (pattern === '*' || pattern === path) return true
    const prefix = pattern.endsWith('*') ? pattern.slice(0, -1) : pattern
    return path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)
  })
}

function has(list: readonly string[], value: string): boolean {
  return (list.length === 1 && list[0] === '*') || list.includes(value)
}
