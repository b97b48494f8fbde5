/** Which requests are written down, and how much of them (apiserver/pkg/audit/policy, pkg/apis/audit/validation). */
import { decodeYaml } from '../../api/codec/yaml.ts'
import type { FieldError } from '../../api/meta/errors.ts'
import { aggregateText, childPath, fieldInvalid, fieldNotSupported, fieldRequired, indexPath } from '../../api/meta/field-errors.ts'
import { isDNS1123Subdomain } from '../../api/meta/names.ts'
import type { RequestInfo, UserInfo } from '../handler.ts'

export const levels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const
export type Level = (typeof levels)[number]
export const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const
export type Stage = (typeof stages)[number]

interface GroupResources {
  readonly group?: string
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
}

interface PolicyRule {
  readonly level: Level
  readonly users?: readonly string[]
  readonly userGroups?: readonly string[]
  readonly verbs?: readonly string[]
  readonly resources?: readonly GroupResources[]
  readonly namespaces?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
  readonly omitStages?: readonly Stage[]
  readonly omitManagedFields?: boolean
}

export interface AuditPolicy {
  readonly rules: readonly PolicyRule[]
  readonly omitStages?: readonly Stage[]
  readonly omitManagedFields?: boolean
}

/** What is to be written of one request. */
export interface AuditConfig {
  readonly level: Level
  readonly omitStages: readonly Stage[]
  readonly omitManagedFields: boolean
}

/** Reads a policy file. Throws an Error in upstream's words. */
export function parseAuditPolicy(text: string): AuditPolicy {
  let value: unknown
  try {
    ({ value } = decodeYaml(text))
  } catch (error) {
    throw new Error(`failed decoding: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
  const { apiVersion, kind, rules, omitStages = [], omitManagedFields = false } = (value ?? {}) as Partial<AuditPolicy> & { apiVersion?: string; kind?: string }
  if (apiVersion !== 'audit.k8s.io/v1' || kind !== 'Policy') throw new Error(`unknown group version field ${apiVersion ?? ''}, Kind=${kind ?? ''} in policy`)
  if (rules !== undefined && !Array.isArray(rules)) throw new Error('failed decoding: rules must be a list')
  const errors = [...stageErrors(omitStages, 'omitStages'), ...(rules ?? []).flatMap((rule, i) => [...ruleErrors(rule, indexPath('rules', i))])]
  if (errors.length > 0) throw new Error(aggregateText(errors))
  if (rules === undefined || rules.length === 0) throw new Error('loaded illegal policy with 0 rules')
  // A rule leaves out the stages that the policy leaves out, and its own.
  return { rules: rules.map((rule) => ({ ...rule, omitStages: [...new Set([...omitStages, ...(rule.omitStages ?? [])])] })), omitStages, omitManagedFields }
}

function* ruleErrors(rule: PolicyRule, path: string): Generator<FieldError> {
  const { level, nonResourceURLs = [], resources = [], namespaces = [], omitStages = [] } = rule
  if (!level) yield fieldRequired(childPath(path, 'level'))
  else if (!levels.includes(level)) yield fieldNotSupported(childPath(path, 'level'), level, levels)
  const urls = childPath(path, 'nonResourceURLs')
  for (const [i, url] of nonResourceURLs.entries()) {
    if (url === '*') continue
    if (!url.startsWith('/')) yield fieldInvalid(indexPath(urls, i), url, "non-resource URL rules must begin with a '/' character")
    if (url.slice(0, -1).includes('*')) yield fieldInvalid(indexPath(urls, i), url, "non-resource URL wildcards '*' must be the final character of the rule")
  }
  for (const { group = '', resources: names = [], resourceNames = [] } of resources) {
    const at = childPath(path, 'resources')
    const wrong = group === '' || group === '*' ? [] : isDNS1123Subdomain(group)
    if (wrong.length > 0) yield fieldInvalid(childPath(at, 'group'), group, wrong.join(','))
    if (resourceNames.length > 0 && names.length === 0) {
      yield fieldInvalid(childPath(at, 'resourceNames'), resourceNames, 'using resourceNames requires at least one resource')
    }
  }
  yield* stageErrors(omitStages, childPath(path, 'omitStages'))
  if (nonResourceURLs.length > 0 && (resources.length > 0 || namespaces.length > 0)) {
    yield fieldInvalid(urls, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs')
  }
}

function* stageErrors(given: readonly Stage[], path: string): Generator<FieldError> {
  for (const [i, stage] of given.entries()) {
    if (!stages.includes(stage)) yield fieldInvalid(indexPath(path, i), stage, `allowed stages are ${stages.join(',')}`)
  }
}

/** The first rule that is about the request decides; without one nothing is written. */
export function auditConfig(policy: AuditPolicy, info: RequestInfo, user: UserInfo): AuditConfig {
  const rule = policy.rules.find((candidate) => matches(candidate, info, user))
  return {
    level: rule?.level ?? 'None', omitStages: rule?.omitStages ?? policy.omitStages ?? [],
    omitManagedFields: rule?.omitManagedFields ?? policy.omitManagedFields === true,
  }
}

function matches(rule: PolicyRule, info: RequestInfo, user: UserInfo): boolean {
  const { users = [], userGroups = [], verbs = [], namespaces = [], resources = [], nonResourceURLs = [] } = rule
  if (users.length > 0 && !users.includes(user.name)) return false
  if (userGroups.length > 0 && !user.groups.some((group) => userGroups.includes(group))) return false
  if (verbs.length > 0 && !verbs.includes(info.verb)) return false
  if (namespaces.length > 0 || resources.length > 0) {
    if (!info.isResourceRequest || (namespaces.length > 0 && !namespaces.includes(info.namespace))) return false
    return resources.length === 0 || resources.some((one) => matchesResource(one, info))
  }
  if (nonResourceURLs.length === 0) return true
  return !info.isResourceRequest && nonResourceURLs.some((pattern) => matchesPath(pattern, info.path))
}

function matchesResource({ group = '', resources = [], resourceNames = [] }: GroupResources, info: RequestInfo): boolean {
  if (group !== info.apiGroup && group !== '*') return false
  if (resources.length === 0) return true
  if (resourceNames.length > 0 && !resourceNames.includes(info.name)) return false
  const { resource, subresource } = info
  const combined = subresource === '' ? resource : `${resource}/${subresource}`
  return resources.some((one) => one === combined || one === '*' || (subresource !== '' && one === `*/${subresource}`) || one === `${resource}/*`)
}

function matchesPath(pattern: string, path: string): boolean {
  return pattern === '*' || pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.replace(/\*+$/, '')))
}
