/** Configurations of webhooks (apis/admissionregistration/validation); what an old one got wrong already is let be. */
import type { MutatingWebhook, ValidatingWebhook } from '../../../api/generated/types/admissionregistration-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { childPath, fieldDuplicate, fieldInvalid, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { jsonEqual } from '../../../api/meta/json-equal.ts'
import { validateLabelSelector } from '../../../api/meta/metadata-validation.ts'
import { isDNS1035Label, isDNS1123Subdomain } from '../../../api/meta/names.ts'
import { optionalOneOf } from '../validation/common.ts'
import { validateWebhookService, validateWebhookURL } from '../validation/webhook-client.ts'
import { failurePolicies, matchConditionErrors, matchPolicies, reinvocationPolicies, ruleErrors } from './rules.ts'

type Webhook = (ValidatingWebhook & { reinvocationPolicy?: undefined }) | MutatingWebhook
type Configuration = { readonly webhooks?: readonly Webhook[] }

interface Options {
  readonly conditions: boolean
  readonly noSideEffects: boolean
  readonly recognizedVersions: boolean
  readonly uniqueNames: boolean
  /** Values in selectors may be wrong. */
  readonly looseSelectors: boolean
}

const strict: Options = { conditions: true, noSideEffects: true, recognizedVersions: true, uniqueNames: true, looseSelectors: false }
const reviewVersions = ['v1', 'v1beta1']
const sideEffects = ['None', 'NoneOnDryRun', 'Some', 'Unknown']
const noSideEffects = ['None', 'NoneOnDryRun']

function optionsFor({ webhooks = [] }: Configuration, { webhooks: old = [] }: Configuration): Options {
  const selectors = old.flatMap(({ namespaceSelector, objectSelector }) => [namespaceSelector, objectSelector])
  return {
    conditions: webhooks.length !== old.length || webhooks.some((hook, i) => !jsonEqual(hook.matchConditions ?? null, old[i]!.matchConditions ?? null)),
    noSideEffects: old.every((hook) => noSideEffects.includes(hook.sideEffects ?? '')),
    recognizedVersions: old.every(({ admissionReviewVersions: versions }) => !versions?.length || versions.some((v) => reviewVersions.includes(v))),
    uniqueNames: new Set(old.map(({ name }) => name)).size === old.length,
    looseSelectors: selectors.some((selector) => selector !== undefined && [...validateLabelSelector(selector, '')].length > 0),
  }
}

export function* validateWebhooks(configuration: Configuration, old?: Configuration): Generator<FieldError> {
  const options = old === undefined ? strict : optionsFor(configuration, old)
  const names = new Set<string>()
  for (const [i, hook] of (configuration.webhooks ?? []).entries()) {
    const path = `webhooks[${i}]`
    yield* webhookErrors(hook, path, options)
    yield* reviewVersionErrors(hook.admissionReviewVersions ?? [], childPath(path, 'admissionReviewVersions'), options)
    if (options.uniqueNames && hook.name) {
      if (names.has(hook.name)) yield fieldDuplicate(childPath(path, 'name'), hook.name)
      names.add(hook.name)
    }
  }
}

function* webhookErrors(hook: Webhook, path: string, options: Options): Generator<FieldError> {
  const at = (field: string): string => childPath(path, field)
  yield* fullNameErrors(hook.name ?? '', at('name'))
  for (const [i, rule] of (hook.rules ?? []).entries()) yield* ruleErrors(rule, indexPath(at('rules'), i))
  yield* optionalOneOf(at('failurePolicy'), hook.failurePolicy, failurePolicies)
  yield* optionalOneOf(at('matchPolicy'), hook.matchPolicy, matchPolicies)
  const allowed = options.noSideEffects ? noSideEffects : sideEffects
  // What is not given is null as Go writes it.
  const effects = (hook.sideEffects as string | null | undefined) ?? undefined
  if (effects === undefined) yield fieldRequired(at('sideEffects'), `must specify one of ${allowed.join(', ')}`)
  yield* optionalOneOf(at('sideEffects'), effects, allowed)
  const { timeoutSeconds: timeout } = hook
  if (timeout !== undefined && (timeout > 30 || timeout < 1)) {
    yield fieldInvalid(at('timeoutSeconds'), timeout, 'the timeout value must be between 1 and 30 seconds')
  }
  for (const field of ['namespaceSelector', 'objectSelector'] as const) {
    if (hook[field] !== undefined) yield* validateLabelSelector(hook[field], at(field), { allowInvalidValues: options.looseSelectors })
  }
  yield* optionalOneOf(at('reinvocationPolicy'), hook.reinvocationPolicy, reinvocationPolicies)
  yield* clientErrors(hook, at('clientConfig'))
  if (options.conditions) yield* matchConditionErrors(hook.matchConditions, false, at('matchConditions'))
}

function* fullNameErrors(name: string, path: string): Generator<FieldError> {
  const wrong = isDNS1123Subdomain(name)
  if (name === '') yield fieldRequired(path)
  else if (wrong.length > 0) yield fieldInvalid(path, name, wrong.join(','))
  else if (name.split('.').length < 3) yield fieldInvalid(path, name, 'should be a domain with at least three segments separated by dots')
}

function* clientErrors({ clientConfig }: Webhook, path: string): Generator<FieldError> {
  const { url, service } = clientConfig ?? {}
  if ((url === undefined) === (service === undefined)) yield fieldRequired(path, 'exactly one of url or service is required')
  else if (url !== undefined) yield* validateWebhookURL(childPath(path, 'url'), url)
  else if (service !== undefined) {
    // Upstream hands the two names over in the other order.
    const { name = '', namespace = '', path: urlPath, port = 443 } = service
    yield* validateWebhookService(childPath(path, 'service'), { namespace: name, name: namespace, path: urlPath, port })
  }
}

function* reviewVersionErrors(versions: readonly string[], path: string, options: Options): Generator<FieldError> {
  if (versions.length === 0) {
    yield fieldRequired(path, `must specify one of ${reviewVersions.join(', ')}`)
    return
  }
  for (const [i, version] of versions.entries()) {
    if (versions.indexOf(version) < i) yield fieldInvalid(indexPath(path, i), version, 'duplicate version')
    else for (const why of isDNS1035Label(version)) yield fieldInvalid(indexPath(path, i), version, why)
  }
  if (options.recognizedVersions && !versions.some((version) => reviewVersions.includes(version))) {
    yield fieldInvalid(path, versions, `must include at least one of ${reviewVersions.join(', ')}`)
  }
}
