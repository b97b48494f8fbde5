/** Acts as somebody else for those who may (upstream: endpoints/filters/impersonation). */
import { badRequest } from '../../api/meta/errors.ts'
import {
  type Attributes, type Authorizer, allAuthenticated, allUnauthenticated, anonymousUser,
} from '../auth/contract.ts'
import { draftOf } from '../audit/event.ts'
import { serviceAccountGroups, splitServiceAccountName } from '../auth/service-account-names.ts'
import type { Filter, UserInfo } from '../handler.ts'
import { type HttpExchange, exchangeOf, headerValues } from '../http/exchange.ts'
import { forbiddenRequest } from './authorization.ts'

const extraPrefix = 'impersonate-extra-'

interface Wanted {
  readonly user: string
  readonly groups: readonly string[]
  readonly uid: string
  readonly extra: ReadonlyMap<string, readonly string[]>
}

export function impersonationFilter(authorizer: Authorizer): Filter {
  return {
    name: 'impersonation',
    wrap: (next) => async (request) => {
      const exchange = exchangeOf(request)
      const wanted = exchange === undefined ? undefined : wantedIdentity(exchange)
      if (wanted === undefined) return next(request)
      for (const attributes of impersonationChecks(request.user, wanted)) {
        const verdict = await authorizer.authorize(attributes)
        if (verdict.decision !== 'allow') throw forbiddenRequest(attributes, verdict.reason ?? '')
      }
      const user = impersonated(wanted)
      draftOf(request)?.noteImpersonation(user, undefined)
      return next({ ...request, user })
    },
  }
}

/** What the headers ask for; undefined when they ask for nothing. Throws BadRequest for groups of nobody. */
export function wantedIdentity(exchange: HttpExchange): Wanted | undefined {
  const { headers } = exchange
  let found = headers['impersonate-user'] !== undefined || headers['impersonate-group'] !== undefined ||
    headers['impersonate-uid'] !== undefined
  const extra = new Map<string, string[]>()
  for (const name of Object.keys(headers)) {
    if (!name.startsWith(extraPrefix)) continue
    found = true
    extra.set(unescapeKey(name.slice(extraPrefix.length)), headerValues(exchange, name))
  }
  if (!found) return undefined
  const user = headerValues(exchange, 'impersonate-user')[0] ?? ''
  const groups = headerValues(exchange, 'impersonate-group')
  const uid = headerValues(exchange, 'impersonate-uid')[0] ?? ''
  if (user === '') {
    if (groups.length === 0 && extra.size === 0 && uid === '') return undefined
    throw badRequest(`requested ${describe(groups, extra, uid)} without impersonating a user`)
  }
  return { user, groups, uid, extra }
}

function describe(groups: readonly string[], extra: ReadonlyMap<string, readonly string[]>, uid: string): string {
  const parts = groups.map((name) => `{Group    ${name}    }`)
  for (const [key, values] of extra) for (const value of values) parts.push(`{UserExtra  ${value}  authentication.k8s.io/v1  ${key}}`)
  if (uid !== '') parts.push(`{UID  ${uid}  authentication.k8s.io/v1  }`)
  return `[${parts.join(' ')}]`
}

/** Keys are percent-encoded in header names; a malformed one is taken as it is. */
function unescapeKey(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}

/** Everything that the requester must be allowed to impersonate, one after the other. */
export function* impersonationChecks(requester: UserInfo, wanted: Wanted): Iterable<Attributes> {
  const check = (apiGroup: string, resource: string, name: string, more: Partial<Attributes> = {}): Attributes => ({
    user: requester, verb: 'impersonate', isResourceRequest: true, namespace: '', apiGroup,
    apiVersion: apiGroup === '' ? '' : 'v1', resource, subresource: '', name, path: '', ...more,
  })
  const account = splitServiceAccountName(wanted.user)
  if (account === undefined) yield check('', 'users', wanted.user)
  else yield check('', 'serviceaccounts', account.name, { namespace: account.namespace })
  for (const group of wanted.groups) yield check('', 'groups', group)
  for (const [key, values] of wanted.extra) {
    for (const value of values) yield check('authentication.k8s.io', 'userextras', value, { subresource: key })
  }
  if (wanted.uid !== '') yield check('authentication.k8s.io', 'uids', wanted.uid)
}

function impersonated(wanted: Wanted): UserInfo {
  const account = splitServiceAccountName(wanted.user)
  let groups: readonly string[] = wanted.groups
  if (groups.length === 0 && account !== undefined) groups = serviceAccountGroups(account.namespace)
  if (wanted.user === anonymousUser) {
    if (!groups.includes(allUnauthenticated)) groups = [...groups, allUnauthenticated]
  } else if (!groups.includes(allAuthenticated) && !groups.includes(allUnauthenticated)) {
    groups = [...groups, allAuthenticated]
  }
  return {
    name: wanted.user, groups,
    ...(wanted.uid === '' ? {} : { uid: wanted.uid }),
    ...(wanted.extra.size === 0 ? {} : { extra: Object.fromEntries(wanted.extra) }),
  }
}
