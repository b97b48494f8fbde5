/** Tokens that somebody outside knows (upstream: plugin/pkg/authenticator/token/webhook). */
import type { TokenReview } from '../../../api/generated/types/authentication-v1.ts'
import { LruCache } from '../lru.ts'
import type { Clock } from '../../../base/env.ts'
import type { TokenAuthenticator, TokenResult } from '../contract.ts'

export interface WebhookTokenOptions {
  readonly clock: Clock
  readonly version: 'v1' | 'v1beta1'
  readonly ask: (body: object) => Promise<unknown>
  /** For answers that name no audiences. */
  readonly apiAudiences: readonly string[]
  /** How long an answer counts. */
  readonly cacheMs: number
}

const cacheSize = 4096

/** Throws what the webhook says of a bad token, and why it could not be asked. */
export function webhookTokenAuthenticator({ clock, version, ask, apiAudiences, cacheMs }: WebhookTokenOptions): TokenAuthenticator {
  const kept = new LruCache<string, { until: number; result: TokenResult | undefined }>(cacheSize)
  const asked = async (token: string, audiences: readonly string[]): Promise<TokenResult | undefined> => {
    const { status = {} } = await ask({
      kind: 'TokenReview', apiVersion: `authentication.k8s.io/${version}`, metadata: {}, spec: { token, ...(audiences.length === 0 ? {} : { audiences }) }, status: { user: {} },
    }) as TokenReview
    const good = audiences.length === 0 ? undefined : audiences.filter((audience) => (status.audiences?.length ? status.audiences : apiAudiences).includes(audience))
    if (good?.length === 0) return undefined
    if (status.authenticated !== true) {
      if (status.error) throw new Error(status.error)
      return undefined
    }
    const { username = '', uid, groups = [], extra } = status.user ?? {}
    return {
      user: { name: username, groups, ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }) },
      ...(good === undefined ? {} : { audiences: good }),
    }
  }
  return {
    name: 'webhook',
    async authenticateToken(token, audiences) {
      const key = `${audiences.join('\0')}\n${token}`
      const found = kept.get(key)
      if (found !== undefined && found.until > clock.monotonic()) return found.result
      const result = await asked(token, audiences)
      if (cacheMs > 0) kept.set(key, { until: clock.monotonic() + cacheMs, result })
      return result
    },
  }
}
