/** From flags to those outside the server who know its users. */
import { webhookTokenAuthenticator } from '../apiserver/auth/authenticators/webhook.ts'
import type { ApiServerOptions } from '../apiserver/options.ts'
import { postJson } from '../apiserver/http/call.ts'
import { createAsker } from '../apiserver/webhooks/asker.ts'
import { webhookTarget } from '../apiserver/webhooks/kubeconfig.ts'
import type { Env } from '../base/env.ts'
import { type FlagValues, UsageError } from './command.ts'

export type ReadFile = (path: string, flag: string) => string

const timeoutMs = 30_000

/** Asks the webhook that a kubeconfig names. Throws UsageError for one that cannot be read. */
export function webhookAsker(env: Env, kubeconfig: string, flag: string, readFile: ReadFile, withinMs = timeoutMs): (body: object) => Promise<unknown> {
  const { location, headers } = webhookTarget(readFile(kubeconfig, flag), (name) => readFile(name, flag))
  return createAsker({
    clock: env.clock, random: env.random,
    post: (body) => postJson(location, JSON.stringify(body), { clock: env.clock, timeoutMs: withinMs, headers: { 'user-agent': 'kube-apiserver', ...headers } }),
  })
}

/** The version of reviews that a flag says. Throws UsageError. */
export function reviewVersion(flags: FlagValues, flag: string): 'v1' | 'v1beta1' {
  const given = flags.string(flag)
  if (given !== 'v1' && given !== 'v1beta1') throw new UsageError(`--${flag}: ${JSON.stringify(given)} is neither v1 nor v1beta1`)
  return given
}

/** The webhook that knows further tokens, if there is one. Throws UsageError. */
export function tokenWebhookFrom(env: Env, flags: FlagValues, { serviceAccount }: ApiServerOptions, readFile: ReadFile): Pick<ApiServerOptions, 'tokenAuthenticators'> {
  const flag = 'authentication-token-webhook-config-file'
  const kubeconfig = flags.string(flag) ?? ''
  if (kubeconfig === '') return {}
  return {
    tokenAuthenticators: [webhookTokenAuthenticator({
      clock: env.clock, version: reviewVersion(flags, 'authentication-token-webhook-version'), ask: webhookAsker(env, kubeconfig, flag, readFile),
      apiAudiences: serviceAccount?.audiences ?? serviceAccount?.issuers.slice(0, 1) ?? [], cacheMs: flags.number('authentication-token-webhook-cache-ttl') ?? 0,
    })],
  }
}
