/** Which webhooks a request is for: selectors, rules and match conditions, in upstream's order. */
import { namespaces } from '../../../api/generated/resources.ts'
import { internalError, isStatus } from '../../../api/meta/errors.ts'
import { type LabelSelectorObject, selectorFromObject } from '../../../api/meta/label-selector.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import type { PluginContext } from '../context.ts'
import type { Attributes } from '../contract.ts'
import { type Equivalents, type Seen, type Webhook, seenBy } from './invocation.ts'

/** A webhook of a configuration. */
export interface Registered<W extends Webhook = Webhook> {
  readonly webhook: W
  readonly configuration: string
  /** Tells apart webhooks of one name in one configuration. */
  readonly id: string
}

interface Configuration<W> {
  readonly metadata?: { readonly name?: string }
  readonly webhooks?: readonly W[]
}

/** All webhooks: configurations by name, and within them as they are written. */
export function registeredWebhooks<W extends Webhook>(configurations: readonly Configuration<W>[]): Registered<W>[] {
  const name = (configuration: Configuration<W>) => configuration.metadata?.name ?? ''
  return configurations.toSorted((a, b) => (name(a) < name(b) ? -1 : 1)).flatMap((configuration) => {
    const seen = new Map<string, number>()
    return (configuration.webhooks ?? []).map((webhook) => {
      const count = seen.get(webhook.name) ?? 0
      seen.set(webhook.name, count + 1)
      return { webhook, configuration: name(configuration), id: `${name(configuration)}/${webhook.name}/${count}` }
    })
  })
}

/**
 * Says whether conditions (CEL) want the request. Throws a StatusError when that cannot be said and the webhook's
 * failurePolicy is to refuse.
 */
export type MatchConditions = (webhook: Registered, attributes: Attributes, seen: Seen) => Promise<boolean>

export interface SelectionDeps {
  readonly context: Pick<PluginContext, 'lister' | 'client'>
  readonly equivalents: Equivalents
  readonly matchConditions: MatchConditions
}

/** As what the webhook sees the request; undefined when it does not want it. Throws a StatusError. */
export async function selectWebhook(deps: SelectionDeps, registered: Registered, attributes: Attributes): Promise<Seen | undefined> {
  const { webhook } = registered
  if (!objectSelected(webhook.objectSelector, attributes)) return undefined
  const seen = seenBy(webhook.rules, webhook.matchPolicy, attributes, deps.equivalents)
  if (seen === undefined) return undefined
  if (!await namespaceSelected(deps.context, webhook.namespaceSelector, attributes)) return undefined
  if ((webhook.matchConditions ?? []).length > 0 && !await deps.matchConditions(registered, attributes, seen)) return undefined
  return seen
}

/** Whether the new object or the old one is selected. */
export function objectSelected(object: LabelSelectorObject | undefined, attributes: Attributes): boolean {
  const selector = selectorFromObject(object ?? {})
  if (selector.empty) return true
  const matches = (candidate: KubeObject | undefined): boolean => candidate !== undefined && selector.matches(candidate.metadata.labels)
  return matches(attributes.object) || matches(attributes.oldObject)
}

/** Whether the namespace of the request is selected; objects without one are. */
export async function namespaceSelected(context: SelectionDeps['context'], object: LabelSelectorObject | undefined, attributes: Attributes): Promise<boolean> {
  const isNamespace = attributes.resource.resource === 'namespaces'
  if (attributes.namespace === '' && !isNamespace) return true
  const selector = selectorFromObject(object ?? {})
  if (selector.empty) return true
  if (isNamespace && attributes.subresource === '' && (attributes.operation === 'CREATE' || attributes.operation === 'UPDATE')) {
    return selector.matches(attributes.object?.metadata.labels)
  }
  return selector.matches(await namespaceLabels(context, attributes.namespace))
}

async function namespaceLabels({ lister, client }: SelectionDeps['context'], name: string): Promise<Readonly<Record<string, string>> | undefined> {
  const cached = lister.get(namespaces, '', name)
  if (cached !== undefined) return cached.metadata?.labels
  try {
    return (await client.get(namespaces, { name })).metadata?.labels
  } catch (error) {
    throw isStatus(error, 'NotFound') ? error : internalError(String(error))
  }
}
