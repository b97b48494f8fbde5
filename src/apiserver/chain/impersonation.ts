/** Acts as somebody else for those who may (upstream: endpoints/filters/impersonation/constrained_impersonation.go). */
import type { Metrics } from '../../base/env.ts'
import { badRequest } from '../../api/meta/errors.ts'
import { goQuote } from '../../api/meta/go-text.ts'
import { draftOf } from '../audit/event.ts'
import type { Authorizer } from '../auth/contract.ts'
import type { Filter } from '../handler.ts'
import { type HttpExchange, exchangeOf, headerValues } from '../http/exchange.ts'
import { attributesOf } from './authorization.ts'
import { type Wanted, createImpersonation, labelOfConstraint } from './impersonation-modes.ts'

const extraPrefix = 'impersonate-extra-'

export interface ImpersonationSettings {
  readonly authorizer: Authorizer
  readonly metrics: Metrics
  /** False: the old way alone, by which who may be somebody may do all that he may (feature gate ConstrainedImpersonation). */
  readonly constrained: boolean
}

export function impersonationFilter({ authorizer, metrics, constrained }: ImpersonationSettings): Filter {
  const questions = metrics.counter('apiserver_impersonation_authorization_attempts_total', 'Total number of authorization checks made by the impersonation handler split by mode and decision.', ['mode', 'decision'])
  const attempts = metrics.counter('apiserver_impersonation_attempts_total', 'Total number of impersonation attempts split by mode and decision.', ['mode', 'decision'])
  const impersonation = createImpersonation(authorizer, constrained, (mode, allowed) => questions.inc({ mode, decision: allowed ? 'allowed' : 'denied' }))
  return {
    name: 'impersonation',
    wrap: (next) => async (request) => {
      const exchange = exchangeOf(request)
      const wanted = exchange === undefined ? undefined : wantedIdentity(exchange)
      if (wanted === undefined) return next(request)
      const { user, constraint } = await impersonation.check(wanted, attributesOf(request.info, request.user)).catch((error: unknown) => {
        attempts.inc({ mode: '', decision: 'denied' })
        throw error
      })
      attempts.inc({ mode: labelOfConstraint(constraint), decision: 'allowed' })
      draftOf(request)?.noteImpersonation(user, constraint === '' ? undefined : constraint)
      return next({ ...request, user })
    },
  }
}

/** What the headers ask for; undefined when they ask for nothing. Throws BadRequest for groups of nobody. */
function wantedIdentity(exchange: HttpExchange): Wanted | undefined {
  const user = headerValues(exchange, 'impersonate-user')[0] ?? ''
  const groups = headerValues(exchange, 'impersonate-group')
  const uid = headerValues(exchange, 'impersonate-uid')[0] ?? ''
  const extra = new Map<string, string[]>()
  for (const name of Object.keys(exchange.headers)) {
    if (name.startsWith(extraPrefix)) extra.set(unescapeKey(name.slice(extraPrefix.length)), headerValues(exchange, name))
  }
  if (user !== '') return { user, groups, uid, extra }
  if (groups.length === 0 && extra.size === 0 && uid === '') return undefined
  throw badRequest(`requested ${goSyntax({ user, groups, uid, extra })} without impersonating a user name`)
}

/** As Go's %#v prints a user. */
function goSyntax({ user, groups, uid, extra }: Wanted): string {
  const list = (values: readonly string[]): string => `[]string{${values.map((value) => goQuote(value)).join(', ')}}`
  const keys = [...extra.keys()].toSorted().map((key) => `${goQuote(key)}:${list(extra.get(key)!)}`)
  return `&user.DefaultInfo{Name:${goQuote(user)}, UID:${goQuote(uid)}, Groups:${groups.length === 0 ? '[]string(nil)' : list(groups)}, Extra:map[string][]string${extra.size === 0 ? '(nil)' : `{${keys.join(', ')}}`}}`
}

/** Keys are percent-encoded in header names; a malformed one is taken as it is. */
function unescapeKey(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}
