/** Which requests a policy or a binding is for (admission/plugin/policy/matching/matching.go). */
import type { MatchResources, NamedRuleWithOperations } from '../../../api/generated/types/admissionregistration-v1.ts'
import type { Attributes } from '../contract.ts'
import type { PluginContext } from '../context.ts'
import { type Equivalents, type Seen, ruleMatches } from '../webhooks/invocation.ts'
import { namespaceSelected, objectSelected } from '../webhooks/select.ts'

export interface MatchingDeps {
  readonly context: Pick<PluginContext, 'lister' | 'client'>
  readonly equivalents: Equivalents
}

/** As what the request is seen; undefined when it is not wanted. Throws a StatusError for a namespace that cannot be read. */
export async function matchResources(deps: MatchingDeps, match: MatchResources | undefined, attributes: Attributes): Promise<Seen | undefined> {
  const own: Seen = { resource: attributes.resource, kind: attributes.kind }
  if (match === undefined) return own
  if (!objectSelected(match.objectSelector, attributes)) return undefined
  const { matchPolicy, resourceRules = [], excludeResourceRules = [] } = match
  if (seenByNamed(excludeResourceRules, matchPolicy, attributes, deps.equivalents) !== undefined) return undefined
  const seen = resourceRules.length === 0 ? own : seenByNamed(resourceRules, matchPolicy, attributes, deps.equivalents)
  if (seen === undefined || !await namespaceSelected(deps.context, match.namespaceSelector, attributes)) return undefined
  return seen
}

function seenByNamed(
  rules: readonly NamedRuleWithOperations[], matchPolicy: string | undefined, attributes: Attributes, equivalents: Equivalents,
): Seen | undefined {
  if (rules.length === 0) return undefined
  const { resource, kind, subresource, name } = attributes
  const wants = (rule: NamedRuleWithOperations, seen: Seen): boolean => ruleMatches(rule, attributes, seen.resource)
    && ((rule.resourceNames ?? []).length === 0 || rule.resourceNames!.includes(name))
  const own: Seen = { resource, kind }
  if (rules.some((rule) => wants(rule, own))) return own
  if (matchPolicy !== 'Equivalent') return undefined
  const others = equivalents(resource, subresource)
  for (const rule of rules) {
    const found = others.find((other) => wants(rule, other))
    if (found !== undefined) return found
  }
  return undefined
}
