/** Finds out who sends the request (upstream: endpoints/filters/authentication.go). */
import type { Logger } from '../../base/env.ts'
import { unauthorized } from '../../api/meta/errors.ts'
import { type Authenticator, allAuthenticated, allUnauthenticated, anonymousUser } from '../auth/contract.ts'
import type { ApiRequest, Filter, UserInfo } from '../handler.ts'
import { exchangeOf } from '../http/exchange.ts'

/** `failed` is told of requests that nobody may make, before they are refused. */
export function authenticationFilter(authenticator: Authenticator, log: Logger, failed?: (request: ApiRequest) => Promise<void>): Filter {
  return {
    name: 'authentication',
    wrap: (next) => async (request) => {
      const exchange = exchangeOf(request)
      if (exchange === undefined) return next(request)
      let user: UserInfo | undefined
      try {
        user = await authenticator.authenticate(exchange)
      } catch (error) {
        log.debug('unable to authenticate a request', { error: error instanceof Error ? error.message : String(error) })
      }
      if (user === undefined) {
        await failed?.(request)
        throw unauthorized()
      }
      return next({ ...request, user: withAuthenticatedGroup(user) })
    },
  }
}

/** Everybody who is somebody is in system:authenticated. */
export function withAuthenticatedGroup(user: UserInfo): UserInfo {
  if (user.name === anonymousUser) return user
  if (user.groups.includes(allAuthenticated) || user.groups.includes(allUnauthenticated)) return user
  return { ...user, groups: [...user.groups, allAuthenticated] }
}
