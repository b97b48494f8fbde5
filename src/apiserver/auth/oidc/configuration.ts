/** AuthenticationConfiguration: who makes tokens that count here, and whom they stand for (upstream: apis/apiserver/validation). */
import type { FieldError } from '../../../api/meta/errors.ts'
import { aggregateText, childPath, fieldDuplicate, fieldForbidden, fieldInvalid, fieldRequired, fieldTooMany, indexPath } from '../../../api/meta/field-errors.ts'
import { goJSON } from '../../../api/meta/go-text.ts'
import { domainPrefixedPath } from '../../resources/validation/common.ts'
import { parseBundle } from '../certificates.ts'
import { decodeConfiguration } from '../config/kinds.ts'
import { type Expression, compileExpression, isExpression, selects } from './expressions.ts'

interface ClaimOrExpression {
  readonly claim?: string
  readonly expression?: string
}

interface Prefixed extends ClaimOrExpression {
  readonly prefix?: string
}

/** One issuer of tokens, as the file or the flags say it. */
export interface JWTAuthenticator {
  readonly issuer: {
    readonly url?: string
    readonly discoveryURL?: string
    readonly certificateAuthority?: string
    readonly audiences?: readonly string[]
    readonly audienceMatchPolicy?: string
    readonly egressSelectorType?: string
  }
  readonly claimValidationRules?: readonly { readonly claim?: string; readonly requiredValue?: string; readonly expression?: string; readonly message?: string }[]
  readonly claimMappings: {
    readonly username: Prefixed
    readonly groups?: Prefixed
    readonly uid?: ClaimOrExpression
    readonly extra?: readonly { readonly key?: string; readonly valueExpression?: string }[]
  }
  readonly userValidationRules?: readonly { readonly expression?: string; readonly message?: string }[]
}

export interface AnonymousConfiguration {
  readonly enabled: boolean
  readonly conditions?: readonly { readonly path: string }[]
}

export interface AuthenticationConfiguration {
  readonly jwt: readonly JWTAuthenticator[]
  readonly anonymous?: AnonymousConfiguration
}

/** A condition, with what to say when it does not hold. */
interface Rule extends Expression {
  readonly message: string
}

/** An issuer with its expressions compiled. */
export interface Issuer {
  readonly config: JWTAuthenticator
  readonly url: string
  readonly audiences: readonly string[]
  readonly username?: Expression
  readonly groups?: Expression
  readonly uid?: Expression
  readonly extra: readonly (Expression & { readonly key: string })[]
  readonly claimRules: readonly Rule[]
  readonly userRules: readonly Rule[]
}

/** Throws an Error. The value is not yet validated. */
export function parseAuthentication(yaml: string): AuthenticationConfiguration {
  if (yaml.length === 0) throw new Error('empty config data')
  const { jwt = [], anonymous } = decodeConfiguration('AuthenticationConfiguration', yaml) as { jwt?: Partial<JWTAuthenticator>[]; anonymous?: Partial<AnonymousConfiguration> }
  return {
    jwt: jwt.map(({ issuer = {}, claimMappings, ...rest }) => ({ ...rest, issuer, claimMappings: { ...claimMappings, username: claimMappings?.username ?? {} } })),
    ...(anonymous === undefined ? {} : { anonymous: { ...anonymous, enabled: anonymous.enabled === true } }),
  }
}

/** The issuers, ready for use. `disallowed`: issuers of tokens that the server itself makes. Throws an Error with all that is wrong. */
export function compileAuthentication({ jwt, anonymous }: AuthenticationConfiguration, disallowed: readonly string[], before?: AnonymousConfiguration | 'any'): Issuer[] {
  const errors: FieldError[] = []
  const issuers: Issuer[] = []
  if (jwt.length > 64) throw new Error(aggregateText([fieldTooMany('jwt', jwt.length, 64)]))
  const seen = { url: new Set<string>(), discoveryURL: new Set<string>() }
  for (const [i, authenticator] of jwt.entries()) {
    const path = indexPath('jwt', i)
    issuers.push(new IssuerCompiler(errors).compile(authenticator, path, disallowed))
    const { url = '', discoveryURL = '' } = authenticator.issuer
    if (seen.url.has(url)) errors.push(fieldDuplicate(`${path}.issuer.url`, url))
    seen.url.add(url)
    if (discoveryURL === '') continue
    if (seen.discoveryURL.has(discoveryURL)) errors.push(fieldDuplicate(`${path}.issuer.discoveryURL`, discoveryURL))
    seen.discoveryURL.add(discoveryURL)
  }
  if (anonymous?.enabled === false && anonymous.conditions !== undefined && anonymous.conditions.length > 0) {
    errors.push(fieldInvalid('anonymous.conditions', anonymous.conditions.map(({ path }) => ({ Path: path })), 'enabled should be set to true when conditions are defined'))
  }
  if (before !== 'any' && goJSON(before ?? null) !== goJSON(anonymous ?? null)) errors.push(fieldForbidden('anonymous', 'changed from initial configuration file'))
  if (errors.length > 0) throw new Error(aggregateText(errors))
  const egress = jwt.find(({ issuer }) => (issuer.egressSelectorType ?? '') !== '')
  if (egress !== undefined) throw new Error(`oidc: egress lookup required with egress selector type ${JSON.stringify(egress.issuer.egressSelectorType)}`)
  return issuers
}

/** Compiles one issuer, with its errors added to a list. */
class IssuerCompiler {
  readonly #errors: FieldError[]
  constructor(errors: FieldError[]) {
    this.#errors = errors
  }

  compile(config: JWTAuthenticator, path: string, disallowed: readonly string[]): Issuer {
    const { issuer, claimMappings: mappings } = config
    this.#issuer(issuer, `${path}.issuer`, disallowed)
    const claimRules = this.#claimRules(config.claimValidationRules ?? [], `${path}.claimValidationRules`)
    const at = `${path}.claimMappings`
    const username = this.#prefixed(mappings.username, `${at}.username`, true)
    const groups = this.#prefixed(mappings.groups ?? {}, `${at}.groups`, false)
    const uid = this.#uid(mappings.uid ?? {}, `${at}.uid`)
    const extra = this.#extra(mappings.extra ?? [], `${at}.extra`)
    const verified = (expression: Expression | undefined) => expression !== undefined && selects(expression.root, 'claims', 'email_verified')
    if (username !== undefined && selects(username.root, 'claims', 'email') && ![username, ...claimRules, ...extra].some(verified)) {
      this.#errors.push(fieldInvalid(`${at}.username.expression`, username.text, 'claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression'))
    }
    return {
      config, url: issuer.url ?? '', audiences: issuer.audiences ?? [], extra, claimRules, userRules: this.#userRules(config.userValidationRules ?? [], `${path}.userValidationRules`),
      ...(username === undefined ? {} : { username }), ...(groups === undefined ? {} : { groups }), ...(uid === undefined ? {} : { uid }),
    }
  }

  #issuer(issuer: JWTAuthenticator['issuer'], path: string, disallowed: readonly string[]): void {
    const { url = '', discoveryURL = '', audiences = [], audienceMatchPolicy: policy = '', certificateAuthority = '', egressSelectorType: egress = '' } = issuer
    if (url === '') this.#errors.push(fieldRequired(`${path}.url`))
    else this.#url(url, `${path}.url`, disallowed)
    if (discoveryURL !== '') {
      const bare = (text: string) => text.replace(/\/+$/, '')
      if (url !== '' && bare(url) === bare(discoveryURL)) this.#errors.push(fieldInvalid(`${path}.discoveryURL`, discoveryURL, 'discoveryURL must be different from URL'))
      this.#url(discoveryURL, `${path}.discoveryURL`, [])
    }
    this.#audiences(audiences, policy, path)
    if (certificateAuthority !== '') this.#authority(certificateAuthority, `${path}.certificateAuthority`)
    if (egress !== '' && egress !== 'controlplane' && egress !== 'cluster') this.#errors.push(fieldInvalid(`${path}.egressSelectorType`, egress, 'egress selector must be either controlplane or cluster'))
  }

  #url(text: string, path: string, disallowed: readonly string[]): void {
    const add = (detail: string) => void this.#errors.push(fieldInvalid(path, text, detail))
    if (disallowed.includes(text)) add(`URL must not overlap with disallowed issuers: [${[...disallowed].sort().join(' ')}]`)
    const match = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/(?:([^/?#@]*)@)?[^/?#]*)?[^?#]*(?:\?([^#]*))?(?:#(.*))?$/s.exec(text)
    if (match === null) return add(`parse ${JSON.stringify(text)}: invalid URL`)
    const [, scheme = '', user, query = '', fragment = ''] = match
    if (scheme.toLowerCase() !== 'https') add('URL scheme must be https')
    if (user !== undefined) add('URL must not contain a username or password')
    if (query !== '') add('URL must not contain a query')
    if (fragment !== '') add('URL must not contain a fragment')
  }

  #audiences(audiences: readonly string[], policy: string, path: string): void {
    const at = `${path}.audiences`
    if (audiences.length === 0) return void this.#errors.push(fieldRequired(at, `at least one ${at} is required`))
    for (const [i, audience] of audiences.entries()) {
      if (audience === '') this.#errors.push(fieldRequired(indexPath(at, i)))
      if (audiences.indexOf(audience) < i) this.#errors.push(fieldDuplicate(indexPath(at, i), audience))
    }
    const several = audiences.length > 1
    if (policy === 'MatchAny' || (policy === '' && !several)) return
    this.#errors.push(fieldInvalid(`${path}.audienceMatchPolicy`, policy, several ? 'audienceMatchPolicy must be MatchAny for multiple audiences' : 'audienceMatchPolicy must be empty or MatchAny for single audience'))
  }

  #authority(pem: string, path: string): void {
    try {
      if (parseBundle(pem).length > 0) return
      this.#errors.push(fieldInvalid(path, '<omitted>', 'data does not contain any valid RSA or ECDSA certificates'))
    } catch (error) {
      this.#errors.push(fieldInvalid(path, '<omitted>', (error as Error).message))
    }
  }

  #claimRules(rules: NonNullable<JWTAuthenticator['claimValidationRules']>, path: string): Rule[] {
    const seen = { claims: new Set<string>(), expressions: new Set<string>() }
    return rules.flatMap(({ claim = '', requiredValue = '', expression = '', message = '' }, i) => {
      const at = indexPath(path, i)
      if (claim !== '' && expression !== '') this.#errors.push(fieldInvalid(at, claim, "claim and expression can't both be set"))
      else if (claim !== '') {
        if (message !== '') this.#errors.push(fieldInvalid(`${at}.message`, message, 'may not be specified when claim is set'))
        if (seen.claims.has(claim)) this.#errors.push(fieldDuplicate(`${at}.claim`, claim))
        seen.claims.add(claim)
      } else if (expression === '') this.#errors.push(fieldRequired(at, 'claim or expression is required'))
      else {
        if (requiredValue !== '') this.#errors.push(fieldInvalid(`${at}.requiredValue`, requiredValue, 'may not be specified when expression is set'))
        return this.#rule('claims', expression, message, seen.expressions, `${at}.expression`)
      }
      return []
    })
  }

  #userRules(rules: NonNullable<JWTAuthenticator['userValidationRules']>, path: string): Rule[] {
    const seen = new Set<string>()
    return rules.flatMap(({ expression = '', message = '' }, i) => {
      const at = `${indexPath(path, i)}.expression`
      if (expression !== '') return this.#rule('user', expression, message, seen, at)
      this.#errors.push(fieldRequired(at))
      return []
    })
  }

  #rule(variable: 'claims' | 'user', text: string, message: string, seen: Set<string>, path: string): Rule[] {
    if (seen.has(text)) {
      this.#errors.push(fieldDuplicate(path, text))
      return []
    }
    seen.add(text)
    const compiled = this.#compile(variable, text, true, path)
    return compiled === undefined ? [] : [{ ...compiled, message }]
  }

  #compile(variable: 'claims' | 'user', text: string, condition: boolean, path: string): Expression | undefined {
    const compiled = compileExpression(variable, text, condition, path)
    if (isExpression(compiled)) return compiled
    this.#errors.push(compiled)
    return undefined
  }

  #prefixed({ claim = '', prefix, expression = '' }: Prefixed, path: string, required: boolean): Expression | undefined {
    if (expression !== '' && claim !== '') this.#errors.push(fieldInvalid(path, '', "claim and expression can't both be set"))
    else if (expression !== '') {
      if (prefix !== undefined) this.#errors.push(fieldInvalid(`${path}.prefix`, prefix, 'may not be specified when expression is set'))
      const compiled = this.#compile('claims', expression, false, `${path}.expression`)
      return prefix === undefined ? compiled : undefined
    } else if (claim !== '') {
      if (prefix === undefined) this.#errors.push(fieldRequired(`${path}.prefix`, 'prefix is required when claim is set. It can be set to an empty string to disable prefixing'))
    } else if (required) this.#errors.push(fieldRequired(path, 'claim or expression is required'))
    return undefined
  }

  #uid({ claim = '', expression = '' }: ClaimOrExpression, path: string): Expression | undefined {
    if (claim !== '' && expression !== '') this.#errors.push(fieldInvalid(path, '', "claim and expression can't both be set"))
    return claim === '' && expression !== '' ? this.#compile('claims', expression, false, childPath(path, 'expression')) : undefined
  }

  #extra(mappings: NonNullable<JWTAuthenticator['claimMappings']['extra']>, path: string): Issuer['extra'] {
    const seen = new Set<string>()
    return mappings.flatMap(({ key = '', valueExpression = '' }, i) => {
      const at = indexPath(path, i)
      this.#errors.push(...domainPrefixedPath(`${at}.key`, key))
      if (key !== key.toLowerCase()) this.#errors.push(fieldInvalid(`${at}.key`, key, 'must be lowercase'))
      if (/^(?:.*\.)?(?:kubernetes|k8s)\.io\//.test(key)) this.#errors.push(fieldInvalid(`${at}.key`, key, 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use'))
      if (seen.has(key)) {
        this.#errors.push(fieldDuplicate(`${at}.key`, key))
        return []
      }
      seen.add(key)
      if (valueExpression === '') {
        this.#errors.push(fieldRequired(`${at}.valueExpression`))
        return []
      }
      const compiled = this.#compile('claims', valueExpression, false, `${at}.valueExpression`)
      return compiled === undefined ? [] : [{ ...compiled, key }]
    })
  }
}
