/** --authentication-config and --oidc-*: issuers of tokens outside, and who may come without a credential. */
import { type AnonymousConfiguration, type AuthenticationConfiguration, compileAuthentication, parseAuthentication } from '../apiserver/auth/oidc/configuration.ts'
import { IssuersAuthenticator } from '../apiserver/auth/oidc/issuers.ts'
import { type SigningAlgorithm, signingAlgorithms } from '../apiserver/auth/oidc/signatures.ts'
import type { ApiServerOptions } from '../apiserver/options.ts'
import type { Env } from '../base/env.ts'
import type { ReadFile } from './apiserver-access.ts'
import { type FlagValues, UsageError } from './command.ts'
import { followFile } from './followed-file.ts'

const flag = 'authentication-config'
const oidcFlags = ['oidc-issuer-url', 'oidc-client-id', 'oidc-ca-file', 'oidc-username-claim', 'oidc-username-prefix', 'oidc-groups-claim', 'oidc-groups-prefix', 'oidc-signing-algs', 'oidc-required-claim'] as const
const lookEveryMs = 5000

/** Throws UsageError. */
export function issuersFrom(env: Env, flags: FlagValues, { serviceAccount }: ApiServerOptions, readFile: ReadFile, everyMs = lookEveryMs): Pick<ApiServerOptions, 'issuers' | 'anonymousAuth'> {
  const disallowed = serviceAccount?.issuers ?? []
  const path = flags.string(flag) ?? ''
  const given = oidcFlags.some((name) => flags.given(name))
  if (path === '') {
    if (!given) return {}
    const configuration = legacyConfiguration(flags, readFile)
    return { issuers: new IssuersAuthenticator(env, algorithms(flags.list('oidc-signing-algs')), compiled(() => compileAuthentication(configuration, disallowed, 'any'))) }
  }
  if (given) throw new UsageError('authentication-config file and oidc-* flags are mutually exclusive')
  const text = readFile(path, flag)
  const first = compiled(() => parseAuthentication(text), `failed to load authentication configuration from file ${JSON.stringify(path)}`)
  if (first.anonymous !== undefined && flags.given('anonymous-auth')) {
    throw new UsageError('anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file')
  }
  const issuers = new IssuersAuthenticator(env, signingAlgorithms, compiled(() => compileAuthentication(first, disallowed, 'any')))
  followFile(env, {
    what: 'authentication configuration', read: () => readFile(path, flag), everyMs,
    load: (next, signal) => issuers.replace(compileAuthentication(parseAuthentication(next), disallowed, first.anonymous), signal),
  }, text)
  return { issuers, ...(first.anonymous === undefined ? {} : { anonymousAuth: anonymousOf(first.anonymous) }) }
}

function compiled<T>(make: () => T, what = 'invalid authentication configuration'): T {
  try {
    return make()
  } catch (error) {
    throw new UsageError(`${what}: ${(error as Error).message}`)
  }
}

function anonymousOf({ enabled, conditions = [] }: AnonymousConfiguration): boolean | readonly string[] {
  return enabled && conditions.length > 0 ? conditions.map(({ path }) => path) : enabled
}

function algorithms(names: readonly string[]): readonly SigningAlgorithm[] {
  return names.map((name) => {
    if (!(signingAlgorithms as readonly string[]).includes(name)) throw new UsageError(`oidc: unsupported signing alg: ${JSON.stringify(name)}`)
    return name as SigningAlgorithm
  })
}

/** The flags say what a file of one issuer says. */
function legacyConfiguration(flags: FlagValues, readFile: ReadFile): AuthenticationConfiguration {
  const value = (name: (typeof oidcFlags)[number]) => flags.string(name) ?? ''
  const [url, audience, claim, groups, ca] = [value('oidc-issuer-url'), value('oidc-client-id'), value('oidc-username-claim'), value('oidc-groups-claim'), value('oidc-ca-file')]
  if (url === '' || audience === '') throw new UsageError('oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set')
  const wanted = value('oidc-username-prefix')
  // Names of other claims than email say whose they are, unless "-" forbids it.
  const prefix = wanted === '-' ? '' : wanted === '' && claim !== 'email' ? `${url}#` : wanted
  return {
    jwt: [{
      issuer: { url, audiences: [audience], ...(ca === '' ? {} : { certificateAuthority: readFile(ca, 'oidc-ca-file') }) },
      claimMappings: { username: { claim, prefix }, ...(groups === '' ? {} : { groups: { claim: groups, prefix: value('oidc-groups-prefix') } }) },
      claimValidationRules: Object.entries(flags.map('oidc-required-claim')).map(([name, requiredValue]) => ({ claim: name, requiredValue })),
    }],
  }
}
