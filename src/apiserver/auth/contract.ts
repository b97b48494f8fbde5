/** What authenticators and authorizers promise (upstream: apiserver/pkg/authentication, pkg/authorization). */
import type { HttpExchange } from '../http/exchange.ts'
import type { UserInfo } from '../handler.ts'
import type { Question } from '../resources/define.ts'

/** Who sends a request. Undefined: this authenticator has no opinion. Throws when the credential is bad. */
export interface Authenticator {
  readonly name: string
  authenticate(exchange: HttpExchange): Promise<UserInfo | undefined>
}

export interface TokenResult {
  readonly user: UserInfo
  /** The audiences of the request that the token is good for; undefined when it names none. */
  readonly audiences?: readonly string[]
}

/** Knows users by bearer token. Undefined: not a token of this kind. Throws when it is one and bad. */
export interface TokenAuthenticator {
  readonly name: string
  authenticateToken(token: string, audiences: readonly string[]): Promise<TokenResult | undefined>
}

/** What a request wants to do. */
export interface Attributes {
  readonly user: UserInfo
  readonly verb: string
  readonly isResourceRequest: boolean
  readonly namespace: string
  readonly apiGroup: string
  readonly apiVersion: string
  readonly resource: string
  readonly subresource: string
  readonly name: string
  /** For requests that are about no resource. */
  readonly path: string
  readonly fieldSelector?: string
  readonly labelSelector?: string
}

/** A question about a resource as authorizers are asked. */
export const questionAttributes = (user: UserInfo, { verb, group = '', version = '', resource, subresource = '', namespace = '', name = '' }: Question): Attributes =>
  ({ user, verb, isResourceRequest: true, apiGroup: group, apiVersion: version, resource, subresource, namespace, name, path: '' })

export interface Verdict {
  readonly decision: 'allow' | 'deny' | 'none'
  readonly reason?: string
  readonly error?: string
}

export interface PolicyRule {
  readonly verbs: readonly string[]
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
}

export interface UserRules {
  readonly rules: readonly PolicyRule[]
  readonly incomplete: boolean
  readonly errors: readonly string[]
}

export interface Authorizer {
  readonly name: string
  authorize(attributes: Attributes): Verdict | Promise<Verdict>
  /** What a user may do in a namespace, as far as this authorizer can list it. */
  rulesFor?(user: UserInfo, namespace: string): UserRules
}

export const allow = (reason = ''): Verdict => ({ decision: 'allow', reason })
export const noOpinion = (reason = ''): Verdict => ({ decision: 'none', reason })

export const allAuthenticated = 'system:authenticated'
export const allUnauthenticated = 'system:unauthenticated'
export const privilegedGroup = 'system:masters'
export const anonymousUser = 'system:anonymous'
