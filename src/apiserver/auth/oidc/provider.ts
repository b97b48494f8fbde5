/** What an issuer publishes: where its keys are, and the keys, fetched again when a token was signed by another (upstream: go-oidc). */
import type { Clock } from '../../../base/env.ts'
import { type PublishedKey, type SigningAlgorithm, parseToken, publishedKeys, verifiesToken } from './signatures.ts'

/** Any answer of an HTTP server. Throws without one. */
export type Get = (url: string, headers?: Readonly<Record<string, string>>) => Promise<{ readonly code: number; readonly headers: Readonly<Record<string, string | string[] | undefined>>; readonly body: string }>

/** Keys count a little longer than they are said to. */
const expiryDeltaMs = 30_000

/** Verifies tokens by the keys of one issuer, once it has been reached. */
export class Provider {
  readonly #clock: Clock
  readonly #get: Get
  readonly #issuer: string
  readonly #discoveryURL: string
  #keysURL: string | undefined
  #keys: readonly PublishedKey[] = []
  #expiresAt = 0
  #fetching: Promise<readonly PublishedKey[]> | undefined

  constructor(clock: Clock, get: Get, issuer: string, discoveryURL?: string) {
    this.#clock = clock
    this.#get = get
    this.#issuer = issuer
    this.#discoveryURL = discoveryURL ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  }

  get initialized(): boolean {
    return this.#keysURL !== undefined
  }

  /** Reads the discovery document. Throws an Error while it cannot be had or is not the issuer's. */
  async initialize(): Promise<void> {
    if (this.initialized) return
    const { code, body } = await this.#get(this.#discoveryURL)
    if (code !== 200) throw new Error(`${code}: ${body}`)
    const document = jsonOf(body, 'oidc: failed to decode provider discovery object') as { issuer?: unknown; jwks_uri?: unknown }
    if (document.issuer !== this.#issuer) throw new Error(`oidc: issuer did not match the issuer returned by provider, expected ${JSON.stringify(this.#issuer)} got ${JSON.stringify(document.issuer ?? '')}`)
    if (typeof document.jwks_uri !== 'string' || document.jwks_uri === '') throw new Error('provider did not return JWKS URL')
    this.#keysURL = document.jwks_uri
  }

  /** The claims of a token of the issuer, made for one of the audiences and good now. Throws an Error in the words of upstream's library. */
  async verify(token: string, algorithms: readonly SigningAlgorithm[], audiences: readonly string[]): Promise<Record<string, unknown>> {
    const parsed = parseToken(token)
    if (!(algorithms as readonly string[]).includes(parsed.algorithm)) {
      throw new Error(`oidc: id token signed with unsupported algorithm, expected [${algorithms.map((name) => JSON.stringify(name)).join(' ')}] got ${JSON.stringify(parsed.algorithm)}`)
    }
    const matches = (keys: readonly PublishedKey[]) => keys.some(({ id, key }) => (parsed.keyId === '' || parsed.keyId === id) && verifiesToken(parsed, key))
    if (!matches(this.#keys)) {
      const failed = 'failed to verify signature: failed to verify id token signature'
      if (this.#clock.now() + expiryDeltaMs < this.#expiresAt) throw new Error(failed)
      if (!matches(await this.#fetchKeys())) throw new Error(failed)
    }
    const claims = claimsOf(parsed.payload)
    checkClaims(claims, this.#issuer, audiences, this.#clock.now())
    return claims
  }

  #fetchKeys(): Promise<readonly PublishedKey[]> {
    return this.#fetching ??= this.#readKeys().finally(() => {
      this.#fetching = undefined
    })
  }

  async #readKeys(): Promise<readonly PublishedKey[]> {
    let answer: Awaited<ReturnType<Get>>
    try {
      answer = await this.#get(this.#keysURL!)
    } catch (error) {
      throw new Error(`failed to verify signature: fetching keys oidc: get keys failed ${(error as Error).message}`, { cause: error })
    }
    if (answer.code !== 200) throw new Error(`failed to verify signature: fetching keys oidc: get keys failed: ${answer.code} ${answer.body}`)
    this.#keys = publishedKeys(jsonOf(answer.body, 'failed to verify signature: fetching keys oidc: failed to decode keys'))
    this.#expiresAt = this.#clock.now() + maxAgeMs(answer.headers['cache-control'])
    return this.#keys
  }
}

function jsonOf(body: string, failure: string): object {
  try {
    const value: unknown = JSON.parse(body)
    if (value !== null && typeof value === 'object') return value
  } catch (error) {
    throw new Error(`${failure}: ${(error as Error).message}`, { cause: error })
  }
  throw new Error(`${failure}: no object`)
}

/** Without a word on it keys are old at once, so that any unknown signature fetches them again. */
function maxAgeMs(header: string | string[] | undefined): number {
  const text = String(header ?? '')
  const age = /(?:^|[ ,])max-age=(\d+)/.exec(text)?.[1]
  return age === undefined || /no-(?:store|cache)/.test(text) ? 0 : Number(age) * 1000
}

function claimsOf(payload: Buffer): Record<string, unknown> {
  return jsonOf(payload.toString('utf8'), 'oidc: failed to unmarshal claims') as Record<string, unknown>
}

/** Clocks of others may go before ours by so much. */
const notBeforeLeewaySeconds = 60

function checkClaims(claims: Record<string, unknown>, issuer: string, audiences: readonly string[], nowMs: number): void {
  const { iss = '', aud, exp = 0, nbf } = claims
  const google = 'https://accounts.google.com'
  if (iss !== issuer && !(issuer === google && iss === 'accounts.google.com')) {
    throw new Error(`oidc: id token issued by a different provider, expected ${JSON.stringify(issuer)} got ${JSON.stringify(iss)}`)
  }
  const given = (Array.isArray(aud) ? aud : [aud]).filter((audience): audience is string => typeof audience === 'string')
  if (!given.some((audience) => audiences.includes(audience))) {
    const list = (names: readonly string[]) => `[${names.map((name) => JSON.stringify(name)).join(' ')}]`
    throw new Error(audiences.length === 1 ? `oidc: expected audience ${JSON.stringify(audiences[0])} got ${list(given)}` : `oidc: expected audience in ${list([...audiences].sort())} got ${list(given)}`)
  }
  if (typeof exp !== 'number' || exp * 1000 < nowMs) throw new Error(`oidc: token is expired (Token Expiry: ${goTime(Number(exp) * 1000)})`)
  if (typeof nbf === 'number' && nowMs + notBeforeLeewaySeconds * 1000 < nbf * 1000) {
    throw new Error(`oidc: current time ${goTime(nowMs)} before the nbf (not before) time: ${goTime(nbf * 1000)}`)
  }
}

/** 2026-01-02 03:04:05 +0000 UTC, as Go prints a time. */
function goTime(ms: number): string {
  const at = new Date(ms)
  return Number.isNaN(at.getTime()) ? 'never' : `${at.toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`
}
