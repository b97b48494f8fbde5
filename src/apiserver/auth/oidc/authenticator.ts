/** Users by tokens of issuers outside (upstream: plugin/pkg/authenticator/token/oidc/oidc.go). */
import type { Clock } from '../../../base/env.ts'
import type { UserInfo } from '../../handler.ts'
import type { TokenAuthenticator, TokenResult } from '../contract.ts'
import { ClaimResolver, issuerOf } from './distributed.ts'
import type { Issuer } from './configuration.ts'
import { type Expression, claimsValue, evaluate, stringsOf, userValue } from './expressions.ts'
import { type Get, Provider } from './provider.ts'
import type { SigningAlgorithm } from './signatures.ts'

export interface IssuerOptions {
  readonly clock: Clock
  readonly get: Get
  readonly algorithms: readonly SigningAlgorithm[]
}

type Claims = Record<string, unknown>

const credentialKey = 'authentication.kubernetes.io/credential-id'

/** Knows the tokens of one issuer. */
export class IssuerAuthenticator implements TokenAuthenticator {
  readonly name = 'oidc'
  readonly #issuer: Issuer
  readonly #options: IssuerOptions
  readonly #provider: Provider
  readonly #resolver: ClaimResolver | undefined

  constructor(issuer: Issuer, options: IssuerOptions) {
    this.#issuer = issuer
    this.#options = options
    const { config, url, audiences } = issuer
    this.#provider = new Provider(options.clock, options.get, url, config.issuer.discoveryURL || undefined)
    const groups = config.claimMappings.groups?.claim
    this.#resolver = groups === undefined || groups === '' ? undefined : new ClaimResolver(groups, { ...options, audiences })
  }

  /** Resolves once the issuer has been reached. Throws an Error while it cannot be. */
  async initialize(): Promise<void> {
    await this.#provider.initialize()
  }

  async authenticateToken(token: string): Promise<TokenResult | undefined> {
    if (issuerOf(token) !== this.#issuer.url) return undefined
    if (!this.#provider.initialized) throw new Error('oidc: authenticator not initialized')
    const verified = await within('oidc: verify token', () => this.#provider.verify(token, this.#options.algorithms, this.#issuer.audiences))
    const claims = this.#resolver === undefined ? verified : await within('oidc: could not expand distributed claims', () => this.#resolver!.expand(verified))
    return { user: userOf(this.#issuer, claims) }
  }
}

async function within<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** The user that claims stand for. Throws an Error when they stand for none. */
function userOf(issuer: Issuer, claims: Claims): UserInfo {
  const value = claimsValue(claims)
  const name = usernameOf(issuer, claims, value)
  const groups = groupsOf(issuer, claims, value)
  const uid = uidOf(issuer, claims, value)
  const extra = extraOf(issuer, claims, value)
  const user: UserInfo = { name, groups: [...groups], ...(uid === '' ? {} : { uid }), ...(Object.keys(extra).length === 0 ? {} : { extra }) }
  for (const { claim = '', requiredValue = '' } of issuer.config.claimValidationRules ?? []) {
    if (claim === '') continue
    if (!Object.hasOwn(claims, claim)) throw new Error(`oidc: required claim ${claim} not present in ID token`)
    const given = text(claims, claim, `oidc: parse claim ${claim}`)
    if (given !== requiredValue) throw new Error(`oidc: required claim ${claim} value does not match. Got = ${given}, want = ${requiredValue}`)
  }
  checkRules(issuer.claimRules, { claims: value }, 'oidc: error evaluating claim validation expression')
  checkRules(issuer.userRules, { user: userValue(user) }, 'oidc: error evaluating user info validation rule')
  return user
}

function usernameOf({ config, username }: Issuer, claims: Claims, value: unknown): string {
  if (username !== undefined) {
    const name = textOf('username', username, value)
    if (name === '') throw new Error('oidc: empty username via CEL expression is not allowed')
    return name
  }
  const { claim = '', prefix = '' } = config.claimMappings.username
  const name = text(claims, claim, `oidc: parse username claims ${JSON.stringify(claim)}`)
  if (claim === 'email' && Object.hasOwn(claims, 'email_verified')) {
    const verified = claims['email_verified']
    if (typeof verified !== 'boolean') throw new Error(`oidc: parse 'email_verified' claim: json: cannot unmarshal ${typeof verified} into Go value of type bool`)
    if (!verified) throw new Error('oidc: email not verified')
  }
  return prefix + name
}

function groupsOf({ config, groups }: Issuer, claims: Claims, value: unknown): readonly string[] {
  const { claim = '', prefix = '' } = config.claimMappings.groups ?? {}
  if (claim !== '' && Object.hasOwn(claims, claim)) {
    const given = claims[claim]
    const list = Array.isArray(given) ? given : [given]
    if (!list.every((group) => typeof group === 'string')) throw new Error(`oidc: parse groups claim ${JSON.stringify(claim)}: json: cannot unmarshal ${Array.isArray(given) ? 'array' : typeof given} into Go value of type string`)
    return list.map((group) => prefix + group)
  }
  if (groups === undefined) return []
  return failing('oidc: error evaluating group claim expression', () => stringsOf(evaluate(groups, { claims: value })))
}

function uidOf({ config, uid }: Issuer, claims: Claims, value: unknown): string {
  const { claim = '' } = config.claimMappings.uid ?? {}
  if (claim !== '') return text(claims, claim, `oidc: parse uid claim ${JSON.stringify(claim)}`)
  return uid === undefined ? '' : textOf('uid', uid, value)
}

function extraOf({ extra }: Issuer, claims: Claims, value: unknown): Record<string, string[]> {
  const out: Record<string, string[]> = {}
  const { jti } = claims
  if (typeof jti === 'string' && jti !== '') out[credentialKey] = [`JTI=${jti}`]
  for (const expression of extra) {
    const given = evaluate(expression, { claims: value })
    const values = failing(`oidc: error evaluating extra claim expression: ${expression.text}`, () => stringsOf(given))
    if (values.length > 0) out[expression.key] = [...values]
  }
  return out
}

function textOf(what: 'username' | 'uid', expression: Expression, claims: unknown): string {
  return failing(`oidc: error evaluating ${what} claim expression`, () => {
    const value = evaluate(expression, { claims })
    if (typeof value !== 'string') throw new Error(`${what} claim expression must return a string`)
    return value
  })
}

function text(claims: Claims, claim: string, failure: string): string {
  if (!Object.hasOwn(claims, claim)) throw new Error(`${failure}: claim not present`)
  const value = claims[claim]
  if (typeof value !== 'string') throw new Error(`${failure}: json: cannot unmarshal ${Array.isArray(value) ? 'array' : typeof value} into Go value of type string`)
  return value
}

function checkRules(rules: Issuer['claimRules'], variables: Readonly<Record<string, unknown>>, failure: string): void {
  failing(failure, () => {
    const results = rules.map((rule) => evaluate(rule, variables))
    for (const [i, result] of results.entries()) {
      if (typeof result !== 'boolean') throw new Error('validation expression must return a boolean')
      if (!result) throw new Error(`validation expression '${rules[i]!.text}' failed: ${rules[i]!.message}`)
    }
  })
}

function failing<T>(what: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error })
  }
}
