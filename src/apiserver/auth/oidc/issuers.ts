/** The issuers that count at the moment: reached in the background, replaced when their file changes. */
import type { Env } from '../../../base/env.ts'
import { callServer } from '../../http/call.ts'
import { locationOf } from '../../webhooks/location.ts'
import type { TokenAuthenticator, TokenResult } from '../contract.ts'
import { IssuerAuthenticator } from './authenticator.ts'
import type { Issuer } from './configuration.ts'
import type { Get } from './provider.ts'
import type { SigningAlgorithm } from './signatures.ts'

type World = Pick<Env, 'clock' | 'log' | 'tasks'>

/** As often as upstream tries to reach an issuer, and as long as it waits for one of a changed file. */
const retryMs = 10_000
const replaceWithinMs = 60_000
const fetchTimeoutMs = 30_000

/** GET by HTTPS, with the issuer's own authorities if it has some. */
function getOf({ clock }: World, ca: string | undefined): Get {
  return (url, headers = {}) => {
    const location = locationOf({ url, ...(ca === undefined ? {} : { caBundle: Buffer.from(ca).toString('base64') }) }, () => {
      throw new Error('no service')
    })
    return callServer(location, { method: 'GET', path: location.path, headers: { accept: 'application/json, */*', 'user-agent': 'kube-apiserver', ...headers } }, { clock, timeoutMs: fetchTimeoutMs })
  }
}

export class IssuersAuthenticator implements TokenAuthenticator {
  readonly name = 'oidc'
  readonly #world: World
  readonly #algorithms: readonly SigningAlgorithm[]
  #issuers: readonly IssuerAuthenticator[]

  constructor(world: World, algorithms: readonly SigningAlgorithm[], issuers: readonly Issuer[]) {
    this.#world = world
    this.#algorithms = algorithms
    this.#issuers = this.#make(issuers)
    for (const issuer of this.#issuers) {
      world.tasks.go('issuer of tokens', async (signal) => {
        while (!signal.aborted && !(await this.#reached(issuer))) await world.clock.sleep(retryMs, signal).catch(() => undefined)
      })
    }
  }

  async authenticateToken(token: string): Promise<TokenResult | undefined> {
    for (const issuer of this.#issuers) {
      const result = await issuer.authenticateToken(token)
      if (result !== undefined) return result
    }
    return undefined
  }

  /** The old ones count until all new ones have been reached. Throws when that takes too long. */
  async replace(issuers: readonly Issuer[], signal: AbortSignal): Promise<void> {
    const next = this.#make(issuers)
    const { clock } = this.#world
    const until = clock.monotonic() + replaceWithinMs
    for (;;) {
      const reached = await Promise.all(next.map((issuer) => this.#reached(issuer)))
      if (reached.every((ok) => ok)) break
      if (signal.aborted || clock.monotonic() >= until) throw new Error('an issuer of the changed file cannot be reached')
      await clock.sleep(retryMs, signal).catch(() => undefined)
    }
    this.#issuers = next
  }

  #make(issuers: readonly Issuer[]): IssuerAuthenticator[] {
    return issuers.map((issuer) => new IssuerAuthenticator(issuer, { clock: this.#world.clock, algorithms: this.#algorithms, get: getOf(this.#world, issuer.config.issuer.certificateAuthority || undefined) }))
  }

  async #reached(issuer: IssuerAuthenticator): Promise<boolean> {
    try {
      await issuer.initialize()
      return true
    } catch (error) {
      this.#world.log.error('an issuer of tokens cannot be reached', { error: error instanceof Error ? error.message : String(error) })
      return false
    }
  }
}
