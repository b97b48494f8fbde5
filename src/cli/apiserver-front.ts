/** The flags of what browsers, and clients that ask for other names, are shown (server/options/server_run_options.go, serving.go). */
import { RE2JS } from 're2js'
import type { FrontSettings } from '../apiserver/chain/browsers.ts'
import type { NamedCertificate } from '../apiserver/http/names.ts'
import { type FlagValues, UsageError } from './command.ts'

const corsHelp = 'List of allowed origins for CORS, comma separated. An allowed origin can be a regular expression to support subdomain matching. '
  + 'If this list is empty CORS will not be enabled. '
  + 'Please ensure each expression matches the entire hostname by anchoring to the start with \'^\' or including the \'//\' prefix, and by anchoring to the end with \'$\' or including the \':\' port separator suffix. '
  + 'Examples of valid expressions are \'//example\\.com(:|$)\' and \'^https://example\\.com(:|$)\''

/** Throws UsageError with upstream's words for what cannot be. */
export function frontFrom(flags: FlagValues): FrontSettings {
  const goawayChance = flags.number('goaway-chance') ?? 0
  if (goawayChance < 0 || goawayChance > 0.02) throw new UsageError('--goaway-chance can not be less than 0 or greater than 0.02')
  const hstsDirectives = flags.list('strict-transport-security-directives')
  for (const directive of hstsDirectives) {
    if (directive.trim() === '') throw new UsageError('empty value in strict-transport-security-directives')
    if (!/^(?:includeSubDomains|preload|max-age=[^=]*)$/.test(directive)) {
      throw new UsageError('--strict-transport-security-directives invalid, allowed values: max-age=expireTime, includeSubDomains, preload. see https://tools.ietf.org/html/rfc6797#section-6.1 for more information')
    }
  }
  const origins = flags.list('cors-allowed-origins').map(originPattern)
  return {
    goawayChance, hstsDirectives,
    ...(origins.length === 0 ? {} : { allowedOrigin: (origin: string) => origins.some((pattern) => pattern.matcher(origin).find()) }),
  }
}

function originPattern(text: string): RE2JS {
  if (text === '') throw new UsageError(`empty value in --cors-allowed-origins, help: ${corsHelp}`)
  const invalid = (why: string) => new UsageError(`--cors-allowed-origins has an invalid regular expression: ${why}, help: ${corsHelp}`)
  let pattern: RE2JS
  try {
    pattern = RE2JS.compile(text)
  } catch (error) {
    throw invalid((error as Error).message)
  }
  // A pattern that fits within a host would let in hosts that merely contain it.
  if (!/\^|\/\//.test(text) || !/[$:]/.test(text)) throw invalid('regular expression does not pin to start/end of host in the origin header')
  return pattern
}

/** "CERT,KEY" or "CERT,KEY:NAME,NAME", each given by a flag of its own. */
export function namedCertificates(flags: FlagValues, read: (path: string, flag: string) => string): NamedCertificate[] {
  return flags.list('tls-sni-cert-key').map((text) => {
    const invalid = (why: string) => new UsageError(`invalid argument ${JSON.stringify(text)} for "--tls-sni-cert-key" flag: ${why}`)
    const colon = text.indexOf(':')
    const names = colon < 0 ? [] : text.slice(colon + 1).split(',').map((name) => name.trim())
    if (names.length === 1 && names[0] === '') throw invalid('empty names list is not allowed')
    const files = (colon < 0 ? text : text.slice(0, colon)).split(',').map((file) => file.trim())
    if (files.length !== 2) throw invalid('expected comma separated certificate and key file paths')
    return { cert: read(files[0]!, 'tls-sni-cert-key'), key: read(files[1]!, 'tls-sni-cert-key'), names }
  })
}
