/** Authorization: Bearer …, and the same in a WebSocket's protocols, asked of every token authenticator in turn. */
import type { Clock } from '../../../base/env.ts'
import { LruCache } from '../lru.ts'
import type { HttpExchange } from '../../http/exchange.ts'
import { header } from '../../http/exchange.ts'
import type { Authenticator, TokenAuthenticator, TokenResult } from '../contract.ts'

const webSocketPrefix = 'base64url.bearer.authorization.k8s.io.'

/** The token that a request carries; undefined when it carries none. */
export function bearerToken(exchange: HttpExchange): string | undefined {
  const authorization = header(exchange.headers, 'authorization')?.trim()
  if (authorization !== undefined) {
    const match = /^bearer +(\S+)/i.exec(authorization)
    return match?.[1]
  }
  // Browsers cannot set headers on a WebSocket.
  const protocols = header(exchange.headers, 'sec-websocket-protocol')
  if (protocols === undefined || exchange.headers.upgrade === undefined) return undefined
  const encoded = protocols.split(',').map((p) => p.trim()).find((p) => p.startsWith(webSocketPrefix))
  return encoded === undefined ? undefined : Buffer.from(encoded.slice(webSocketPrefix.length), 'base64url').toString('utf8')
}

/** Throws "invalid bearer token" when there is a token that nobody knows. */
export function bearerAuthenticator(tokens: TokenAuthenticator, audiences: readonly string[]): Authenticator {
  return {
    name: 'bearer',
    async authenticate(exchange) {
      const token = bearerToken(exchange)
      if (token === undefined) return undefined
      const result = await tokens.authenticateToken(token, audiences)
      if (result === undefined) throw new Error('invalid bearer token')
      return result.user
    },
  }
}

/** The first that knows the token answers; a failure counts only when nobody does. */
export function unionOfTokens(authenticators: readonly TokenAuthenticator[]): TokenAuthenticator {
  return {
    name: 'tokens',
    async authenticateToken(token, audiences) {
      const failures: string[] = []
      for (const authenticator of authenticators) {
        try {
          const result = await authenticator.authenticateToken(token, audiences)
          if (result !== undefined) return result
        } catch (error) {
          failures.push(error instanceof Error ? error.message : String(error))
        }
      }
      if (failures.length > 0) throw new Error(failures.length === 1 ? failures[0] : `[${failures.join(', ')}]`)
      return undefined
    },
  }
}

/** For tokens that are good for this server whoever asks, and for nobody else (upstream: authenticator/audagnostic.go). */
export function audienceAgnostic(inner: TokenAuthenticator, apiAudiences: readonly string[]): TokenAuthenticator {
  return {
    name: inner.name,
    async authenticateToken(token, audiences) {
      if (audiences.length === 0) return await inner.authenticateToken(token, audiences)
      const good = audiences.filter((audience) => apiAudiences.includes(audience))
      if (good.length === 0) return undefined
      const result = await inner.authenticateToken(token, audiences)
      return result === undefined ? undefined : { ...result, audiences: good }
    },
  }
}

/** Upstream's time to keep an answer; a deleted pod's token may live on for so long. */
const keepMs = 10_000
const maxKept = 10_000

/** Keeps answers for ten seconds. */
export function cachedTokens(clock: Clock, inner: TokenAuthenticator): TokenAuthenticator {
  const kept = new LruCache<string, { until: number; result: TokenResult | undefined }>(maxKept)
  return {
    name: inner.name,
    async authenticateToken(token, audiences) {
      const key = `${audiences.join('\0')}\n${token}`
      const now = clock.monotonic()
      const found = kept.get(key)
      if (found !== undefined && found.until > now) return found.result
      const result = await inner.authenticateToken(token, audiences)
      kept.set(key, { until: now + keepMs, result })
      return result
    },
  }
}
