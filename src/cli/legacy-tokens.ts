import { signingKey, signToken } from '../apiserver/auth/jwt.ts'
import { legacyClaims } from '../apiserver/auth/service-account-tokens.ts'
import type { ControllerManagerOptions } from '../controllers/manager.ts'

/** Signs tokens for secrets of type kubernetes.io/service-account-token. `privateKey`: PEM. */
export function legacyTokens(privateKey: string): NonNullable<ControllerManagerOptions['signServiceAccountToken']> {
  const key = signingKey(privateKey)
  return ({ namespace, name, uid, secretName }) => Promise.resolve(signToken(key, legacyClaims(namespace, { name, uid }, secretName)))
}
