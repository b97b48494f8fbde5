/** What webhooks and policies state alike: rules, selectors, conditions, expressions (apis/admissionregistration/validation). */
import type { MatchResources, NamedRuleWithOperations, RuleWithOperations } from '../../../api/generated/types/admissionregistration-v1.ts'
import { BOOL, type CelType } from '../../../api/cel/index.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { childPath, fieldDuplicate, fieldInvalid, fieldNotSupported, fieldRequired, fieldTooMany, indexPath } from '../../../api/meta/field-errors.ts'
import { validateLabelSelector } from '../../../api/meta/metadata-validation.ts'
import { isPathSegmentName } from '../../../api/meta/names.ts'
import { ExpressionCompiler, type ExpressionOptions } from '../../../api/cel/admission/compiler.ts'
import type { MatchCondition } from '../../../api/cel/admission/match-conditions.ts'
import { invalidAll, oneOf, qualifiedName } from '../validation/common.ts'

export const failurePolicies = ['Fail', 'Ignore']
export const matchPolicies = ['Equivalent', 'Exact']
export const reinvocationPolicies = ['IfNeeded', 'Never']

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE']

export function* ruleErrors(rule: RuleWithOperations, path: string): Generator<FieldError> {
  yield* wildcardList(rule.operations, childPath(path, 'operations'), 'operations')
  for (const [i, operation] of (rule.operations ?? []).entries()) {
    if (!operations.includes(operation)) yield fieldNotSupported(indexPath(childPath(path, 'operations'), i), operation, operations)
  }
  yield* wildcardList(rule.apiGroups, childPath(path, 'apiGroups'), 'API groups')
  yield* wildcardList(rule.apiVersions, childPath(path, 'apiVersions'), 'API versions')
  for (const [i, version] of (rule.apiVersions ?? []).entries()) if (version === '') yield fieldRequired(indexPath(childPath(path, 'apiVersions'), i))
  yield* resourceErrors(rule.resources ?? [], childPath(path, 'resources'))
  if (rule.scope !== undefined && !['*', 'Cluster', 'Namespaced'].includes(rule.scope)) {
    yield fieldNotSupported(childPath(path, 'scope'), rule.scope, ['*', 'Cluster', 'Namespaced'])
  }
}

function* wildcardList(values: readonly string[] | undefined, path: string, what: string): Generator<FieldError> {
  if (values === undefined || values.length === 0) yield fieldRequired(path)
  else if (values.length > 1 && values.includes('*')) yield fieldInvalid(path, values, `if '*' is present, must not specify other ${what}`)
}

function* resourceErrors(resources: readonly string[], path: string): Generator<FieldError> {
  if (resources.length === 0) yield fieldRequired(path)
  const wholeResources = new Set<string>()
  const wholeSubresources = new Set<string>()
  let plain = false
  for (const [i, text] of resources.entries()) {
    const at = indexPath(path, i)
    if (text === '') {
      yield fieldRequired(at)
      continue
    }
    const slash = text.indexOf('/')
    if (slash < 0) {
      // The last one decides.
      plain = text !== '*'
      continue
    }
    const [resource, subresource] = [text.slice(0, slash), text.slice(slash + 1)]
    if (wholeResources.has(resource)) yield fieldInvalid(at, text, `if '${resource}/*' is present, must not specify ${text}`)
    if (wholeSubresources.has(subresource)) yield fieldInvalid(at, text, `if '*/${subresource}' is present, must not specify ${text}`)
    if (subresource === '*') wholeResources.add(resource)
    if (resource === '*') wholeSubresources.add(subresource)
  }
  if (resources.length > 1 && resources.includes('*/*')) yield fieldInvalid(path, resources, "if '*/*' is present, must not specify other resources")
  if (resources.includes('*') && plain) {
    yield fieldInvalid(path, resources, "if '*' is present, must not specify other resources without subresources")
  }
}

function* namedRuleErrors(rule: NamedRuleWithOperations, path: string): Generator<FieldError> {
  const names = rule.resourceNames ?? []
  for (const [i, name] of names.entries()) {
    const at = indexPath(childPath(path, 'resourceNames'), i)
    yield* invalidAll(at, name, isPathSegmentName(name))
    if (names.indexOf(name) < i) yield fieldDuplicate(at, name)
  }
  yield* ruleErrors(rule, path)
}

export function* matchResourcesErrors(match: MatchResources | undefined, path: string): Generator<FieldError> {
  if (match === undefined) return
  yield* oneOf(childPath(path, 'matchPolicy'), match.matchPolicy, matchPolicies)
  for (const field of ['namespaceSelector', 'objectSelector'] as const) {
    if (match[field] === undefined) yield fieldRequired(childPath(path, field))
    else yield* validateLabelSelector(match[field], childPath(path, field))
  }
  for (const field of ['resourceRules', 'excludeResourceRules'] as const) {
    for (const [i, rule] of (match[field] ?? []).entries()) yield* namedRuleErrors(rule, indexPath(childPath(path, field), i))
  }
}

/** What keeps an expression from being compiled; its value is shown as `shown`. */
export function* expressionErrors(
  compiler: ExpressionCompiler, expression: string, types: readonly CelType[], options: ExpressionOptions, path: string, shown = expression,
): Generator<FieldError> {
  const { error } = compiler.compile(expression, types, options)
  if (error !== undefined) yield fieldInvalid(path, shown, error)
}

const maxConditions = 64

export function* matchConditionErrors(conditions: readonly MatchCondition[] | undefined, params: boolean, path: string): Generator<FieldError> {
  const all = conditions ?? []
  if (all.length > maxConditions) yield fieldTooMany(path, all.length, maxConditions)
  const compiler = new ExpressionCompiler(false)
  const names = new Set<string>()
  for (const [i, { name = '', expression = '' }] of all.entries()) {
    const at = indexPath(path, i)
    const trimmed = expression.trim()
    if (trimmed === '') yield fieldRequired(childPath(at, 'expression'))
    else yield* expressionErrors(compiler, trimmed, [BOOL], { params, authorizer: true }, childPath(at, 'expression'))
    if (name === '') {
      yield fieldRequired(childPath(at, 'name'))
      continue
    }
    yield* qualifiedName(childPath(at, 'name'), name)
    if (names.has(name)) yield fieldDuplicate(childPath(at, 'name'), name)
    names.add(name)
  }
}
