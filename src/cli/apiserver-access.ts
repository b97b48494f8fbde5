/** From flags to those outside the server who know its users and decide what they may do. */
import { abacAuthorizer, parseAbacPolicies } from '../apiserver/auth/authorizers/abac.ts'
import { webhookAuthorizer } from '../apiserver/auth/authorizers/webhook.ts'
import { webhookTokenAuthenticator } from '../apiserver/auth/authenticators/webhook.ts'
import { postJson } from '../apiserver/http/call.ts'
import type { ApiServerOptions } from '../apiserver/options.ts'
import { createAsker } from '../apiserver/webhooks/asker.ts'
import { webhookTarget } from '../apiserver/webhooks/kubeconfig.ts'
import type { Env } from '../base/env.ts'
import { type FlagValues, UsageError } from './command.ts'

type ReadFile = (path: string, flag: string) => string
type Outside = Pick<ApiServerOptions, 'authorizers' | 'tokenAuthenticators'>

const timeoutMs = 30_000

/** Throws UsageError. */
export function outsideAccess(env: Env, flags: FlagValues, { authorizationModes = [], serviceAccount }: ApiServerOptions, readFile: ReadFile): Outside {
  const file = (flag: string): string | undefined => flags.string(flag) || undefined
  const asker = (flag: string) => {
    const { location, headers } = webhookTarget(readFile(file(flag)!, flag), (name) => readFile(name, flag))
    return createAsker({ clock: env.clock, random: env.random, post: (body) => postJson(location, JSON.stringify(body), { clock: env.clock, timeoutMs, headers: { 'user-agent': 'kube-apiserver', ...headers } }) })
  }
  const version = (flag: string): 'v1' | 'v1beta1' => {
    const given = flags.string(flag)
    if (given !== 'v1' && given !== 'v1beta1') throw new UsageError(`--${flag}: ${JSON.stringify(given)} is neither v1 nor v1beta1`)
    return given
  }
  const policyFile = file('authorization-policy-file')
  const webhookFile = file('authorization-webhook-config-file')
  if (authorizationModes.includes('ABAC') && policyFile === undefined) throw new UsageError("authorization-mode ABAC's authorization policy file not passed")
  if (authorizationModes.includes('Webhook') && webhookFile === undefined) throw new UsageError("authorization-mode Webhook's authorization config file not passed")
  if (policyFile !== undefined && !authorizationModes.includes('ABAC')) throw new UsageError('cannot specify --authorization-policy-file without mode ABAC')
  if (webhookFile !== undefined && !authorizationModes.includes('Webhook')) throw new UsageError('cannot specify --authorization-webhook-config-file without mode Webhook')
  const audiences = serviceAccount?.audiences ?? (serviceAccount?.issuers[0] === undefined ? [] : [serviceAccount.issuers[0]])
  return {
    authorizers: {
      ...(policyFile === undefined ? {} : { ABAC: abacAuthorizer(policies(readFile(policyFile, 'authorization-policy-file'), policyFile)) }),
      ...(webhookFile === undefined ? {} : {
        Webhook: webhookAuthorizer({
          clock: env.clock, log: env.log, version: version('authorization-webhook-version'), ask: asker('authorization-webhook-config-file'),
          authorizedMs: flags.number('authorization-webhook-cache-authorized-ttl') ?? 0, unauthorizedMs: flags.number('authorization-webhook-cache-unauthorized-ttl') ?? 0,
        }),
      }),
    },
    ...(file('authentication-token-webhook-config-file') === undefined ? {} : {
      tokenAuthenticators: [webhookTokenAuthenticator({
        clock: env.clock, version: version('authentication-token-webhook-version'), ask: asker('authentication-token-webhook-config-file'),
        apiAudiences: audiences, cacheMs: flags.number('authentication-token-webhook-cache-ttl') ?? 0,
      })],
    }),
  }
}

function policies(text: string, path: string) {
  try {
    return parseAbacPolicies(text, path)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}
