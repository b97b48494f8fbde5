/** So many events a second of the server, a namespace, a user, a source and its object; more are refused with 429. */
import type { Clock } from '../../../base/env.ts'
import type { Event } from '../../../api/generated/types/core-v1.ts'
import { type FieldError, StatusError } from '../../../api/meta/errors.ts'
import { aggregateText, fieldInvalid, fieldNotSupported, indexPath } from '../../../api/meta/field-errors.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import { isOperation, objectOf, type PluginContext } from '../context.ts'

const types = ['Server', 'Namespace', 'User', 'SourceAndObject'] as const

export interface EventLimit {
  readonly type: (typeof types)[number]
  readonly qps: number
  readonly burst: number
  readonly cacheSize?: number
}

const defaultCacheSize = 4096

/** The limits of a configuration. Throws an Error in upstream's words. */
export function eventLimits(configuration: unknown): readonly EventLimit[] {
  const { apiVersion, kind, limits = [] } = (configuration ?? {}) as { apiVersion?: string; kind?: string; limits?: EventLimit[] }
  if (configuration !== undefined && (apiVersion !== 'eventratelimit.admission.k8s.io/v1alpha1' || kind !== 'Configuration')) {
    throw new Error(`no kind ${JSON.stringify(kind ?? '')} is registered for version ${JSON.stringify(apiVersion ?? '')}`)
  }
  const errors: FieldError[] = limits.length === 0 ? [fieldInvalid('limits', limits, 'must not be empty')] : limits.flatMap(({ type, qps, burst, cacheSize = 0 }, i) => {
    const path = indexPath('limits', i)
    return [
      ...(types.includes(type) ? [] : [fieldNotSupported(`${path}.type`, type, [...types])]),
      ...(burst > 0 ? [] : [fieldInvalid(`${path}.burst`, burst ?? 0, 'must be positive')]),
      ...(qps > 0 ? [] : [fieldInvalid(`${path}.qps`, qps ?? 0, 'must be positive')]),
      ...(type !== 'Server' && cacheSize < 0 ? [fieldInvalid(`${path}.cacheSize`, cacheSize, 'must not be negative')] : []),
    ]
  })
  if (errors.length > 0) throw new Error(aggregateText(errors))
  return limits
}

const keys: Readonly<Record<EventLimit['type'], (a: Attributes) => string>> = {
  Server: () => '',
  Namespace: (a) => a.namespace,
  User: (a) => a.user.name,
  SourceAndObject(a) {
    const { source = {}, involvedObject: object } = objectOf<Event>(a)
    return [source.component, source.host, object?.kind, object?.namespace, object?.name, object?.uid, object?.apiVersion].map((text) => text ?? '').join('')
  },
}

/** A bucket of tokens for each key, those used longest ago forgotten. */
class Limiter {
  readonly #limit: EventLimit
  readonly #clock: Clock
  readonly #buckets = new Map<string, { tokens: number; at: number }>()

  constructor(limit: EventLimit, clock: Clock) {
    this.#limit = limit
    this.#clock = clock
  }

  refusal(a: Attributes): string | undefined {
    const { type, qps, burst, cacheSize = 0 } = this.#limit
    const key = keys[type](a)
    const now = this.#clock.monotonic()
    const known = this.#buckets.get(key)
    const tokens = known === undefined ? burst : Math.min(burst, known.tokens + (now - known.at) / 1000 * qps)
    this.#buckets.delete(key)
    this.#buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now })
    if (this.#buckets.size > (cacheSize || defaultCacheSize)) this.#buckets.delete(this.#buckets.keys().next().value!)
    return tokens >= 1 ? undefined : `limit reached on type ${type} for key ${key}`
  }
}

export function eventRateLimit({ clock }: Pick<PluginContext, 'clock'>, configuration: unknown): AdmissionPlugin {
  const limiters = eventLimits(configuration).map((limit) => new Limiter(limit, clock))
  return {
    name: 'EventRateLimit',
    handles: (a) => isOperation(a, 'CREATE', 'UPDATE') && a.kind.kind === 'Event' && a.kind.group === '' && !a.dryRun,
    validate(a) {
      const refusals = limiters.flatMap((limiter) => limiter.refusal(a) ?? [])
      if (refusals.length === 0) return Promise.resolve()
      const why = refusals.length === 1 ? refusals[0]! : `[${refusals.join(', ')}]`
      throw new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: `Too many requests: ${why}`, reason: 'TooManyRequests', code: 429 })
    },
  }
}
