/** What secrets of bootstrap tokens say (upstream: cluster-bootstrap/token/util). */
import type { Secret } from '../../api/generated/types/core-v1.ts'
import { parseTime } from '../../api/meta/time.ts'

export const bootstrapTokenType = 'bootstrap.kubernetes.io/token'

export const secretData = ({ data }: Secret, name: string): string => Buffer.from(data?.[name] ?? '', 'base64').toString('utf8')

/** When the token ends, in ms: Infinity when it does not say, 0 when what it says is no time. */
export function secretExpiry(secret: Secret): number {
  const text = secretData(secret, 'expiration')
  return text === '' ? Infinity : parseTime(text) ?? 0
}
