/** Whether a webhook is to be called, and as what it sees the request (upstream: plugin/webhook/generic ShouldCallHook). */
import type { MutatingWebhook, RuleWithOperations, ValidatingWebhook } from '../../../api/generated/types/admissionregistration-v1.ts'
import type { GroupVersionKind, GroupVersionResource } from '../../../api/meta/object.ts'
import type { Attributes } from '../contract.ts'

export type Webhook = MutatingWebhook | ValidatingWebhook

/** The request as the webhook is told of it: another version of the resource when its rules name only that. */
export interface Seen {
  readonly resource: GroupVersionResource
  readonly kind: GroupVersionKind
}

/** The other versions and groups that the objects of a resource are served in, and the kind that each has for the subresource. */
export type Equivalents = (resource: GroupVersionResource, subresource: string) => readonly Seen[]

/** What the rules say of the request; undefined when they do not want it. */
export function seenBy(
  rules: readonly RuleWithOperations[] | undefined, matchPolicy: string | undefined, attributes: Attributes, equivalents: Equivalents,
): Seen | undefined {
  const { resource, kind } = attributes
  if ((rules ?? []).some((rule) => ruleMatches(rule, attributes, resource))) return { resource, kind }
  if (matchPolicy !== 'Equivalent') return undefined
  const others = equivalents(resource, attributes.subresource)
  for (const rule of rules ?? []) {
    const found = others.find((other) => ruleMatches(rule, attributes, other.resource))
    if (found !== undefined) return found
  }
  return undefined
}

/** Whether a rule wants the request, told of this resource. */
export function ruleMatches(rule: RuleWithOperations, attributes: Attributes, resource: GroupVersionResource): boolean {
  return scopeMatches(rule.scope, attributes.namespace, resource)
    && has(rule.operations, attributes.operation) && has(rule.apiGroups, resource.group) && has(rule.apiVersions, resource.version)
    && (rule.resources ?? []).some((text) => resourceMatches(text, resource.resource, attributes.subresource))
}

function has(items: readonly string[] | undefined, wanted: string): boolean {
  return items !== undefined && (items.includes('*') || items.includes(wanted))
}

/** "pods", "pods/status", "pods/*", "*", with the subresource and without. */
function resourceMatches(text: string, resource: string, subresource: string): boolean {
  const slash = text.indexOf('/')
  const [main, sub] = slash < 0 ? [text, ''] : [text.slice(0, slash), text.slice(slash + 1)]
  return (main === '*' || main === resource) && (sub === '*' || sub === subresource)
}

/** Namespaces themselves count as cluster-scoped, though their requests carry their name as namespace. */
function scopeMatches(scope: string | undefined, namespace: string, { group, version, resource }: GroupVersionResource): boolean {
  if (scope === undefined || scope === '*') return true
  const clusterWide = namespace === '' || (group === '' && version === 'v1' && resource === 'namespaces')
  return scope === 'Cluster' ? clusterWide : scope === 'Namespaced' && !clusterWide
}

const configurationKinds: ReadonlySet<string> = new Set([
  'ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration', 'ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding',
  'MutatingAdmissionPolicy', 'MutatingAdmissionPolicyBinding',
])

/** What decides on admission is not itself decided on, so that nobody can lock himself out. */
export function isAdmissionConfiguration({ kind }: Attributes): boolean {
  return kind.group === 'admissionregistration.k8s.io' && configurationKinds.has(kind.kind)
}
