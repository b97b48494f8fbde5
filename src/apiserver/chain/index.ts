/** The filters that a request passes, outermost first, as upstream orders them (server/config.go DefaultBuildHandlerChain). */
import type { Env } from '../../base/env.ts'
import type { Authenticator, Authorizer } from '../auth/contract.ts'
import type { ApiHandler, Filter } from '../handler.ts'
import type { Auditor } from './audit.ts'
import { authenticationFilter } from './authentication.ts'
import { authorizationFilter } from './authorization.ts'
import { type Kinds, contentFilter } from './content.ts'
import { type FrontSettings, frontFilters } from './browsers.ts'
import { deadlineFilter } from './deadline.ts'
import { impersonationFilter } from './impersonation.ts'
import type { FlowControl } from '../flowcontrol/controller.ts'
import { InFlightCounts, type InFlightLimits, inFlightFilter } from './in-flight.ts'
import { priorityAndFairnessFilter } from './priority-and-fairness.ts'

export interface ChainOptions {
  readonly authenticator: Authenticator
  readonly authorizer: Authorizer
  readonly kinds: Kinds
  readonly limits: InFlightLimits
  /** Undefined: the limits alone hold requests back. */
  readonly flowControl?: FlowControl
  readonly requestTimeoutMs: number
  readonly auditor?: Auditor
  readonly front?: FrontSettings
  /** Whether there are other ways to act as somebody than to be allowed all that he may; default: yes. */
  readonly constrainedImpersonation?: boolean
  /** Filters of the server's own between impersonation and flow control. */
  readonly inner?: readonly Filter[]
}

/** What a request from the network passes. The socket's side (request info, failures) is the listener's. */
export function httpFilters(env: Env, options: ChainOptions): Filter[] {
  const counts = new InFlightCounts(env.metrics)
  const { flowControl, auditor } = options
  return [
    ...frontFilters(env.random, options.front ?? {}),
    deadlineFilter(env.clock, options.requestTimeoutMs),
    authenticationFilter(options.authenticator, env.log, auditor?.failedAuthentication),
    ...(auditor === undefined ? [] : [auditor.filter]),
    impersonationFilter({ authorizer: options.authorizer, metrics: env.metrics, constrained: options.constrainedImpersonation !== false }),
    ...(options.inner ?? []),
    flowControl === undefined ? inFlightFilter(options.limits, counts)
      : priorityAndFairnessFilter(flowControl, env.clock, counts, options.requestTimeoutMs),
    authorizationFilter(options.authorizer),
    contentFilter(options.kinds),
  ]
}

/** What a request of a component in this process passes: it has proven who it is by being here. */
export function inProcessFilters(options: ChainOptions): Filter[] {
  return [...(options.auditor === undefined ? [] : [options.auditor.filter]), ...(options.inner ?? []), authorizationFilter(options.authorizer)]
}

/** The handler behind all filters; the first of the list is the outermost. */
export function chained(filters: readonly Filter[], handler: ApiHandler): ApiHandler {
  return filters.reduceRight((next, filter) => filter.wrap(next), handler)
}
