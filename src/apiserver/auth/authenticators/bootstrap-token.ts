/** Tokens of joining nodes, kept in secrets of kube-system (upstream: plugin/pkg/auth/authenticator/token/bootstrap). */
import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../../base/env.ts'
import { secrets } from '../../../api/generated/resources.ts'
import type { TokenAuthenticator } from '../contract.ts'
import type { Objects } from '../objects.ts'

const bootstrappers = 'system:bootstrappers'
const groupPattern = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/

export function bootstrapTokenAuthenticator(clock: Clock, objects: Objects): TokenAuthenticator {
  return {
    name: 'bootstrap-token',
    async authenticateToken(token) {
      const match = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(token)
      if (match === null) return undefined
      const [, id, secretPart] = match
      const secret = await objects.get(secrets, 'kube-system', `bootstrap-token-${id}`)
      if (secret === undefined || secret.metadata?.deletionTimestamp !== undefined) return undefined
      if (secret.type !== 'bootstrap.kubernetes.io/token') return undefined
      const data = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8')
      if (!equal(data('token-secret'), secretPart!) || data('token-id') !== id) return undefined
      const expiration = data('expiration')
      // An expiry that cannot be read must not make a token immortal.
      if (expiration !== '' && !(Date.parse(expiration) > clock.now())) return undefined
      if (data('usage-bootstrap-authentication') !== 'true') return undefined
      const extra = data('auth-extra-groups').split(',').map((group) => group.trim()).filter((group) => group !== '')
      if (extra.some((group) => !groupPattern.test(group))) return undefined
      return { user: { name: `system:bootstrap:${id}`, groups: [...new Set([bootstrappers, ...extra])].sort() } }
    },
  }
}

function equal(a: string, b: string): boolean {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  return left.length === right.length && timingSafeEqual(left, right)
}
