/** Claims that the token does not hold itself but names a place for (OpenID Connect Core 1.0, section 5.6.2). */
import type { Clock } from '../../../base/env.ts'
import { peekClaims } from '../jwt.ts'
import { type Get, Provider } from './provider.ts'
import type { SigningAlgorithm } from './signatures.ts'

export interface DistributedOptions {
  readonly clock: Clock
  readonly get: Get
  readonly algorithms: readonly SigningAlgorithm[]
  readonly audiences: readonly string[]
}

/** Whether an untrusted token says that it comes from the issuer; Google's older spelling is taken for its newer one. */
export function issuerOf(token: string): string | undefined {
  const iss = peekClaims(token)?.iss
  return iss === 'accounts.google.com' ? 'https://accounts.google.com' : typeof iss === 'string' ? iss : undefined
}

/** Fetches one claim where tokens say that it is elsewhere. */
export class ClaimResolver {
  readonly #claim: string
  readonly #options: DistributedOptions
  readonly #providers = new Map<string, Provider>()

  constructor(claim: string, options: DistributedOptions) {
    this.#claim = claim
    this.#options = options
  }

  /** The claims with this one filled in, if it is elsewhere. Throws an Error when it cannot be had. */
  async expand(claims: Record<string, unknown>): Promise<Record<string, unknown>> {
    const { _claim_names: names, _claim_sources: sources } = claims as { _claim_names?: Record<string, string>; _claim_sources?: Record<string, { endpoint?: string; access_token?: string }> }
    if (Object.hasOwn(claims, this.#claim) || names === undefined) return claims
    if (sources === undefined) throw new Error('oidc: no claim sources')
    const source = names[this.#claim]
    if (source === undefined) return claims
    const place = sources[source]
    if (place === undefined) throw new Error(`id token _claim_names contained a source ${source} missing in _claims_sources`)
    if (place.endpoint === undefined || place.endpoint === '') return claims
    return { ...claims, [this.#claim]: await this.#resolve(place.endpoint, place.access_token) }
  }

  async #resolve(endpoint: string, accessToken = ''): Promise<unknown> {
    const { clock, get, algorithms, audiences } = this.#options
    const { code, body } = await get(endpoint, accessToken === '' ? {} : { authorization: `Bearer ${accessToken}` }).catch((error: unknown) => {
      throw new Error(`while getting distributed claim ${JSON.stringify(this.#claim)}: ${(error as Error).message}`, { cause: error })
    })
    if (code < 200 || code > 226) throw new Error(`while getting distributed claim ${JSON.stringify(this.#claim)}: error while getting distributed claim JWT: ${code}`)
    const token = body.trim()
    const issuer = issuerOf(token)
    if (issuer === undefined) throw new Error(`getting untrusted issuer from endpoint ${endpoint} failed for claim ${JSON.stringify(this.#claim)}: malformed token`)
    let provider = this.#providers.get(issuer)
    if (provider === undefined) this.#providers.set(issuer, (provider = new Provider(clock, get, issuer)))
    await provider.initialize().catch(() => {
      throw new Error(`verifying untrusted issuer ${issuer} failed: verifier not initialized for issuer: ${JSON.stringify(issuer)}`)
    })
    const claims = await provider.verify(token, algorithms, audiences).catch((error: unknown) => {
      throw new Error(`verify distributed claim token: ${(error as Error).message}`, { cause: error })
    })
    if (!Object.hasOwn(claims, this.#claim)) throw new Error(`jwt returned by distributed claim endpoint ${JSON.stringify(endpoint)} did not contain claim: ${this.#claim}`)
    return claims[this.#claim]
  }
}
