/** What webhooks and policies share: defaults of rules, selectors and references. */
import type {
  MatchResources, MutatingWebhook, ParamKind, ParamRef, RuleWithOperations, ValidatingWebhook,
} from '../../../api/generated/types/admissionregistration-v1.ts'

export function defaultRules(rules: readonly RuleWithOperations[] | undefined): void {
  for (const rule of rules ?? []) rule.scope ??= '*'
}

export function defaultWebhook(webhook: MutatingWebhook | ValidatingWebhook): void {
  webhook.failurePolicy ??= 'Fail'
  webhook.matchPolicy ??= 'Equivalent'
  webhook.namespaceSelector ??= {}
  webhook.objectSelector ??= {}
  webhook.timeoutSeconds ??= 10
  if (webhook.clientConfig?.service !== undefined) webhook.clientConfig.service.port ??= 443
  defaultRules(webhook.rules)
}

export function defaultMatchResources(match: MatchResources | undefined): void {
  if (match === undefined) return
  match.matchPolicy ??= 'Equivalent'
  match.namespaceSelector ??= {}
  match.objectSelector ??= {}
  defaultRules(match.resourceRules)
  defaultRules(match.excludeResourceRules)
}

export const paramKindText = (kind: ParamKind | undefined): string =>
  (kind === undefined ? '<unset>' : `${kind.apiVersion ?? ''}/${kind.kind ?? ''}`)

export function paramRefText(ref: ParamRef | undefined): string {
  if (ref === undefined) return '<unset>'
  return ref.name ? `${ref.namespace || '*'}/${ref.name}` : '<unset>'
}
