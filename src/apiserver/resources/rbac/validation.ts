/** Roles and their bindings (upstream: pkg/apis/rbac/validation). */
import type { ClusterRole, PolicyRule, Role, RoleRef, Subject } from '../../../api/generated/types/rbac-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldInvalid, fieldNotSupported, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { validateLabelSelector } from '../../../api/meta/metadata-validation.ts'
import { isPathSegmentName } from '../../../api/meta/names.ts'
import { compiled } from '../apps/workload-validation.ts'
import { dnsSubdomain, invalidAll } from '../validation/common.ts'
import { rbacGroup, type Binding } from './subjects.ts'

function* ruleErrors(path: string, rule: PolicyRule, namespaced: boolean): Generator<FieldError> {
  const { verbs, nonResourceURLs, apiGroups, resources, resourceNames } = rule
  if (!verbs?.length) yield fieldRequired(`${path}.verbs`, 'verbs must contain at least one value')
  if (nonResourceURLs?.length) {
    const at = `${path}.nonResourceURLs`
    if (namespaced) yield fieldInvalid(at, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs')
    if (apiGroups?.length || resources?.length || resourceNames?.length) {
      yield fieldInvalid(at, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs')
    }
    return
  }
  if (!apiGroups?.length) yield fieldRequired(`${path}.apiGroups`, 'resource rules must supply at least one api group')
  if (!resources?.length) yield fieldRequired(`${path}.resources`, 'resource rules must supply at least one resource')
}

export function* validateRole({ rules }: Role): Generator<FieldError> {
  for (const [i, rule] of (rules ?? []).entries()) yield* ruleErrors(indexPath('rules', i), rule, true)
}

function* clusterRoleErrors({ rules, aggregationRule }: ClusterRole, looseSelectors: boolean): Generator<FieldError> {
  for (const [i, rule] of (rules ?? []).entries()) yield* ruleErrors(indexPath('rules', i), rule, false)
  if (!aggregationRule) return
  const path = 'aggregationRule.clusterRoleSelectors'
  const selectors = aggregationRule.clusterRoleSelectors ?? []
  if (selectors.length === 0) yield fieldRequired(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil')
  for (const [i, selector] of selectors.entries()) {
    yield* validateLabelSelector(selector, indexPath(path, i), { allowInvalidValues: looseSelectors })
    // Upstream prints what it could not make.
    if (compiled(selector) === undefined) yield fieldInvalid(indexPath(path, i), null, 'invalid label selector.')
  }
}

export const validateClusterRole = (role: ClusterRole): Generator<FieldError> => clusterRoleErrors(role, false)

export function validateClusterRoleUpdate(role: ClusterRole, old: ClusterRole): Generator<FieldError> {
  const loose = (old.aggregationRule?.clusterRoleSelectors ?? []).some((selector) => [...validateLabelSelector(selector, '')].length > 0)
  return clusterRoleErrors(role, loose)
}

function* subjectErrors(path: string, { kind, name, apiGroup = '', namespace }: Subject, namespaced: boolean): Generator<FieldError> {
  if (!name) yield fieldRequired(`${path}.name`)
  if (kind === 'ServiceAccount') {
    if (name) yield* dnsSubdomain(`${path}.name`, name)
    if (apiGroup !== '') yield fieldNotSupported(`${path}.apiGroup`, apiGroup, [''])
    if (!namespaced && !namespace) yield fieldRequired(`${path}.namespace`)
  } else if (kind === 'User' || kind === 'Group') {
    if (apiGroup !== rbacGroup) yield fieldNotSupported(`${path}.apiGroup`, apiGroup, [rbacGroup])
  } else yield fieldNotSupported(`${path}.kind`, kind ?? '', ['ServiceAccount', 'User', 'Group'])
}

function* bindingErrors({ roleRef, subjects }: Binding, namespaced: boolean): Generator<FieldError> {
  const { apiGroup = '', kind = '', name = '' }: Partial<RoleRef> = roleRef ?? {}
  if (apiGroup !== rbacGroup) yield fieldNotSupported('roleRef.apiGroup', apiGroup, [rbacGroup])
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole']
  if (!kinds.includes(kind)) yield fieldNotSupported('roleRef.kind', kind, kinds)
  if (name === '') yield fieldRequired('roleRef.name')
  else yield* invalidAll('roleRef.name', name, isPathSegmentName(name))
  for (const [i, subject] of (subjects ?? []).entries()) yield* subjectErrors(indexPath('subjects', i), subject, namespaced)
}

function* sameRole({ roleRef }: Binding, { roleRef: old }: Binding): Generator<FieldError> {
  if (roleRef?.apiGroup === old?.apiGroup && roleRef?.kind === old?.kind && roleRef?.name === old?.name) return
  yield fieldInvalid('roleRef', { APIGroup: roleRef?.apiGroup ?? '', Kind: roleRef?.kind ?? '', Name: roleRef?.name ?? '' }, 'cannot change roleRef')
}

export const validateRoleBinding = (binding: Binding): Generator<FieldError> => bindingErrors(binding, true)
export const validateClusterRoleBinding = (binding: Binding): Generator<FieldError> => bindingErrors(binding, false)

export function* validateRoleBindingUpdate(binding: Binding, old: Binding): Generator<FieldError> {
  yield* bindingErrors(binding, true)
  yield* sameRole(binding, old)
}

export function* validateClusterRoleBindingUpdate(binding: Binding, old: Binding): Generator<FieldError> {
  yield* bindingErrors(binding, false)
  yield* sameRole(binding, old)
}
