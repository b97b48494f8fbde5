/** Tokens of service accounts for pods: asked for once, kept, renewed at 80 % of their life. Upstream: pkg/kubelet/token. */
import type { Clock, Random } from '../../base/env.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { parseTime } from '../../api/meta/time.ts'
import type { TokenRequestSpec } from './payload.ts'

export interface IssuedToken {
  readonly token: string
  /** RFC 3339. */
  readonly expirationTimestamp: string
}

/** Asks the API server: TokenRequest bound to the pod. */
export type RequestToken = (pod: Pod, spec: TokenRequestSpec) => Promise<IssuedToken>

export interface TokenCache {
  /** A token that is fresh enough; an old one when renewal fails and it still holds. */
  get(pod: Pod, spec: TokenRequestSpec): Promise<string>
  forget(podUid: string): void
}

const maxAgeMs = 24 * 3600_000
const jitterMs = 10_000

interface Entry {
  readonly token: string
  readonly expires: number
  readonly renewAt: number
}

export function createTokenCache(clock: Clock, random: Random, request: RequestToken): TokenCache {
  const cache = new Map<string, Map<string, Entry>>()
  return {
    async get(pod, spec) {
      const uid = pod.metadata.uid!
      const own = cache.get(uid) ?? new Map<string, Entry>()
      cache.set(uid, own)
      const key = JSON.stringify([pod.spec!.serviceAccountName, spec.audiences, spec.expirationSeconds])
      const known = own.get(key)
      if (known !== undefined && clock.now() < known.renewAt) return known.token
      try {
        const issued = await request(pod, spec)
        const expires = parseTime(issued.expirationTimestamp) ?? clock.now() + spec.expirationSeconds * 1000
        const life = Math.max(0, expires - clock.now())
        const renewAt = clock.now() + Math.min(life * 0.8, maxAgeMs) - random.int(jitterMs)
        own.set(key, { token: issued.token, expires, renewAt })
        return issued.token
      } catch (error) {
        if (known !== undefined && clock.now() < known.expires) return known.token
        throw new Error(`failed to fetch token: ${(error as Error).message}`, { cause: error })
      }
    },
    forget: (podUid) => void cache.delete(podUid),
  }
}
