/** --authorization-mode or --authorization-config: who is asked whether somebody may. */
import { abacAuthorizer, parseAbacPolicies } from '../apiserver/auth/authorizers/abac.ts'
import { webhookAuthorizer } from '../apiserver/auth/authorizers/webhook.ts'
import { type ConfiguredAuthorizer, type ConfiguredWebhook, parseAuthorization } from '../apiserver/auth/config/authorization.ts'
import type { Authorizer } from '../apiserver/auth/contract.ts'
import type { ApiServerOptions, AuthorizationMode, BuiltinMode } from '../apiserver/options.ts'
import type { Env } from '../base/env.ts'
import { type ReadFile, reviewVersion, webhookAsker } from './apiserver-access.ts'
import { type FlagValues, UsageError } from './command.ts'
import { followFile } from './followed-file.ts'

const flag = 'authorization-config'
const policyFlag = 'authorization-policy-file'
const webhookFlag = 'authorization-webhook-config-file'
const knownModes: readonly string[] = ['Node', 'RBAC', 'ABAC', 'Webhook', 'AlwaysAllow', 'AlwaysDeny']
const legacyFlags = ['authorization-mode', webhookFlag, 'authorization-webhook-version', 'authorization-webhook-cache-authorized-ttl', 'authorization-webhook-cache-unauthorized-ttl']
const lookEveryMs = 5000

/** Empty without flags. Throws UsageError. */
export function authorizationFrom(env: Env, flags: FlagValues, readFile: ReadFile, everyMs = lookEveryMs): Pick<ApiServerOptions, 'authorizationModes'> {
  const path = flags.string(flag) ?? ''
  if (path !== '') return fromFile(env, flags, path, readFile, everyMs)
  const modes = flags.list('authorization-mode')
  for (const mode of modes) if (!knownModes.includes(mode)) throw new UsageError(`authorization-mode ${JSON.stringify(mode)} is not a valid mode`)
  if (new Set(modes).size < modes.length) throw new UsageError(`authorization-mode [${modes.map((mode) => JSON.stringify(mode)).join(' ')}] has mode specified more than once`)
  const [policyFile, webhookFile] = [flags.string(policyFlag) ?? '', flags.string(webhookFlag) ?? '']
  if (modes.includes('ABAC') && policyFile === '') throw new UsageError("authorization-mode ABAC's authorization policy file not passed")
  if (modes.includes('Webhook') && webhookFile === '') throw new UsageError("authorization-mode Webhook's authorization config file not passed")
  if (policyFile !== '' && !modes.includes('ABAC')) throw new UsageError(`cannot specify --${policyFlag} without mode ABAC`)
  if (webhookFile !== '' && !modes.includes('Webhook')) throw new UsageError(`cannot specify --${webhookFlag} without mode Webhook`)
  if (modes.length === 0) return {}
  return {
    authorizationModes: modes.map((mode) => {
      if (mode === 'ABAC') return policies(policyFile, readFile)
      if (mode !== 'Webhook') return mode as BuiltinMode
      return webhookAuthorizer({
        clock: env.clock, log: env.log, version: reviewVersion(flags, 'authorization-webhook-version'), ask: webhookAsker(env, webhookFile, webhookFlag, readFile),
        authorizedMs: flags.number('authorization-webhook-cache-authorized-ttl') ?? 0, unauthorizedMs: flags.number('authorization-webhook-cache-unauthorized-ttl') ?? 0,
      })
    }),
  }
}

function fromFile(env: Env, flags: FlagValues, path: string, readFile: ReadFile, everyMs: number): Pick<ApiServerOptions, 'authorizationModes'> {
  if (legacyFlags.some((name) => flags.given(name))) throw new UsageError(`--${flag} can not be specified when --authorization-mode or --authorization-webhook-* flags are defined`)
  const text = readFile(path, flag)
  const checkFile = (file: string): string | undefined => {
    try {
      readFile(file, flag)
      return undefined
    } catch {
      return `error loading file: stat ${file}: no such file or directory`
    }
  }
  const read = (yaml: string, required: readonly string[]) => parseAuthorization(yaml, checkFile, required)
  let first: readonly ConfiguredAuthorizer[]
  try {
    first = read(text, [])
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  const policyFile = flags.string(policyFlag) ?? ''
  if (first.includes('ABAC') && policyFile === '') throw new UsageError(`--${flag}: the authorizer ABAC wants --${policyFlag}`)
  const abac = first.includes('ABAC') ? policies(policyFile, readFile) : undefined
  const modesOf = (authorizers: readonly ConfiguredAuthorizer[]): readonly AuthorizationMode[] => authorizers.map((authorizer) => {
    if (typeof authorizer !== 'string') return webhook(env, authorizer, readFile)
    if (authorizer !== 'ABAC' && first.includes(authorizer)) return authorizer
    if (authorizer === 'ABAC' && abac !== undefined) return abac
    if (authorizer === 'AlwaysAllow' || authorizer === 'AlwaysDeny') return authorizer
    throw new Error(`authorizer type ${authorizer} is not allowed if it was not enabled at initial server startup`)
  })
  let current = modesOf(first)
  const required = first.filter((authorizer) => typeof authorizer === 'string')
  followFile(env, {
    what: 'authorization configuration', read: () => readFile(path, flag), everyMs,
    load: (next) => {
      current = modesOf(read(next, required))
    },
  }, text)
  return { authorizationModes: () => current }
}

function webhook(env: Env, { kubeConfigFile, timeoutMs, name: _name, ...settings }: ConfiguredWebhook, readFile: ReadFile): Authorizer {
  return webhookAuthorizer({ clock: env.clock, log: env.log, ask: webhookAsker(env, kubeConfigFile, flag, readFile, timeoutMs), ...settings })
}

function policies(path: string, readFile: ReadFile): Authorizer {
  try {
    return abacAuthorizer(parseAbacPolicies(readFile(path, policyFlag), path))
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}
