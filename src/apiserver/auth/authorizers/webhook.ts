/** Somebody outside decides (upstream: plugin/pkg/authorizer/webhook). */
import type { SubjectAccessReview } from '../../../api/generated/types/authorization-v1.ts'
import type { Clock, Logger } from '../../../base/env.ts'
import { LruCache } from '../lru.ts'
import type { Attributes, Authorizer, Verdict } from '../contract.ts'
import { fieldRequirements, labelRequirements } from './requirements.ts'

export interface WebhookAuthorizerOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly version: 'v1' | 'v1beta1'
  readonly ask: (body: object) => Promise<unknown>
  readonly authorizedMs: number
  readonly unauthorizedMs: number
  /** What counts when the webhook cannot be asked. Default: no opinion. */
  readonly onError?: 'deny' | 'none'
  /** Whether the webhook is to be asked about a request at all. Throws when that cannot be said. */
  readonly matches?: (attributes: Attributes) => boolean
}

type Status = NonNullable<SubjectAccessReview['status']>

const cacheSize = 8192
/** Of requests whose parts somebody made this long nothing is kept. */
const longestKept = 10_000

export function webhookAuthorizer({ clock, log, version, ask, authorizedMs, unauthorizedMs, onError = 'none', matches }: WebhookAuthorizerOptions): Authorizer {
  const kept = new LruCache<string, { until: number; status: Status }>(cacheSize)
  return {
    name: 'Webhook',
    async authorize(attributes) {
      try {
        if (matches !== undefined && !matches(attributes)) return { decision: 'none', reason: '' }
      } catch (error) {
        return { decision: onError, reason: '', error: (error as Error).message }
      }
      const spec = specOf(attributes, version)
      const key = JSON.stringify(spec)
      const found = kept.get(key)
      if (found !== undefined && found.until > clock.monotonic()) return verdictOf(found.status)
      let status: Status
      try {
        ({ status = { allowed: false } } = await ask({ kind: 'SubjectAccessReview', apiVersion: `authorization.k8s.io/${version}`, metadata: {}, spec, status: { allowed: false } }) as SubjectAccessReview)
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        log.error('the authorization webhook cannot be asked', { error: why })
        return { decision: onError, reason: '', error: why }
      }
      const keepMs = status.allowed ? authorizedMs : unauthorizedMs
      if (keepMs > 0 && length(attributes) < longestKept) kept.set(key, { until: clock.monotonic() + keepMs, status })
      return verdictOf(status)
    },
    rulesFor: () => ({ rules: [], incomplete: true, errors: ['webhook authorizer does not support user rule resolution'] }),
  }
}

function verdictOf({ allowed, denied, reason = '' }: Status): Verdict {
  if (denied === true) return { decision: 'deny', reason, ...(allowed ? { error: 'webhook subject access review returned both allow and deny response' } : {}) }
  return { decision: allowed ? 'allow' : 'none', reason }
}

function length({ namespace, verb, apiGroup, apiVersion, resource, subresource, name, path }: Attributes): number {
  return [namespace, verb, apiGroup, apiVersion, resource, subresource, name, path].reduce((sum, text) => sum + text.length, 0)
}

/** v1beta1 calls groups "group". */
function specOf(attributes: Attributes, version: 'v1' | 'v1beta1'): object {
  const { user, verb, path, isResourceRequest } = attributes
  const filled = (fields: Record<string, unknown>) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== ''))
  return filled({
    ...(isResourceRequest ? {
      resourceAttributes: filled({
        namespace: attributes.namespace, verb, group: attributes.apiGroup, version: attributes.apiVersion, resource: attributes.resource,
        subresource: attributes.subresource, name: attributes.name, fieldSelector: fieldRequirements(attributes.fieldSelector), labelSelector: labelRequirements(attributes.labelSelector),
      }),
    } : { nonResourceAttributes: filled({ path, verb }) }),
    user: user.name, [version === 'v1' ? 'groups' : 'group']: user.groups.length === 0 ? undefined : user.groups,
    extra: user.extra !== undefined && Object.keys(user.extra).length > 0 ? user.extra : undefined, uid: user.uid,
  })
}
