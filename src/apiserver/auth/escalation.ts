/**
 * Nobody may give rights that he does not have (upstream: pkg/registry/rbac, component-helpers/auth/rbac/validation).
 * Rules are broken into single permissions, each of which some rule of the giver must cover.
 */
import type { PolicyRule } from './contract.ts'

/** The permissions in `asked` that `owned` does not cover, as rules of one permission each. */
export function uncovered(owned: readonly PolicyRule[], asked: readonly PolicyRule[]): PolicyRule[] {
  return asked.flatMap(singlePermissions).filter((permission) => !owned.some((rule) => covers(rule, permission)))
}

function singlePermissions(rule: PolicyRule): PolicyRule[] {
  const single: PolicyRule[] = []
  for (const verb of rule.verbs) {
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const base = { verbs: [verb], apiGroups: [group], resources: [resource] }
        const names = rule.resourceNames ?? []
        if (names.length === 0) single.push(base)
        else for (const name of names) single.push({ ...base, resourceNames: [name] })
      }
    }
    for (const url of rule.nonResourceURLs ?? []) single.push({ verbs: [verb], nonResourceURLs: [url] })
  }
  return single
}

function covers(owner: PolicyRule, single: PolicyRule): boolean {
  if (!hasAll(owner.verbs, single.verbs)) return false
  if (single.nonResourceURLs !== undefined) {
    return single.nonResourceURLs.every((url) => (owner.nonResourceURLs ?? []).some((own) => urlCovers(own, url)))
  }
  const ownNames = owner.resourceNames ?? []
  const names = single.resourceNames ?? []
  return (
    hasAll(owner.apiGroups ?? [], single.apiGroups ?? []) && resourcesCover(owner.resources ?? [], single.resources ?? []) &&
    (ownNames.length === 0 || (names.length > 0 && names.every((name) => ownNames.includes(name))))
  )
}

function hasAll(owned: readonly string[], asked: readonly string[]): boolean {
  return owned.includes('*') || asked.every((value) => owned.includes(value))
}

function resourcesCover(owned: readonly string[], asked: readonly string[]): boolean {
  if (hasAll(owned, asked)) return true
  return asked.every((resource) => {
    if (owned.includes(resource)) return true
    const slash = resource.indexOf('/')
    return slash >= 0 && owned.includes(`*${resource.slice(slash)}`)
  })
}

function urlCovers(own: string, asked: string): boolean {
  if (own === '*' || own === asked) return true
  return own.endsWith('*') && asked.replace(/\*$/, '').startsWith(own.slice(0, -1))
}

/** Go's print of a rule in the text of a refusal: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`. */
export function compactRule(rule: PolicyRule): string {
  const list = (values: readonly string[]) => `[${values.map((value) => JSON.stringify(value)).join(' ')}]`
  const fields: string[] = []
  if ((rule.apiGroups ?? []).length > 0) fields.push(`APIGroups:${list(rule.apiGroups!)}`)
  if ((rule.resources ?? []).length > 0) fields.push(`Resources:${list(rule.resources!)}`)
  if ((rule.nonResourceURLs ?? []).length > 0) fields.push(`NonResourceURLs:${list(rule.nonResourceURLs!)}`)
  if ((rule.resourceNames ?? []).length > 0) fields.push(`ResourceNames:${list(rule.resourceNames!)}`)
  if (rule.verbs.length > 0) fields.push(`Verbs:${list(rule.verbs)}`)
  return `{${fields.join(', ')}}`
}
