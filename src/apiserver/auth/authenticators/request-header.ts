/** Identity in headers, from a front proxy that shows the right certificate (upstream: request/headerrequest). */
import type { Clock } from '../../../base/env.ts'
import { type HttpExchange, headerValues } from '../../http/exchange.ts'
import type { Authenticator } from '../contract.ts'
import { type CertificatePool, subjectValues, verifyClientCertificate } from './x509.ts'

export interface RequestHeaderOptions {
  readonly pool: CertificatePool
  /** Common names that the proxy's certificate may have; none: any. */
  readonly allowedNames: readonly string[]
  readonly usernameHeaders: readonly string[]
  readonly uidHeaders: readonly string[]
  readonly groupHeaders: readonly string[]
  readonly extraHeaderPrefixes: readonly string[]
}

export function requestHeaderAuthenticator(clock: Clock, options: RequestHeaderOptions): Authenticator {
  return {
    name: 'request-header',
    authenticate(exchange) {
      const { certificate, intermediates } = exchange.peer
      if (certificate === undefined || firstOf(exchange, options.usernameHeaders) === '') return Promise.resolve(undefined)
      const problem = verifyClientCertificate(certificate, intermediates, options.pool, clock.now())
      if (problem !== undefined) return Promise.resolve(undefined)
      const name = subjectValues(certificate, 'CN').at(-1) ?? ''
      if (options.allowedNames.length > 0 && !options.allowedNames.includes(name)) {
        return Promise.reject(new Error(`x509: subject with cn=${name} is not in the allowed list`))
      }
      return Promise.resolve(userFromHeaders(exchange, options))
    },
  }
}

function userFromHeaders(exchange: HttpExchange, options: RequestHeaderOptions) {
  const uid = firstOf(exchange, options.uidHeaders)
  const extra: Record<string, string[]> = {}
  for (const prefix of options.extraHeaderPrefixes) {
    for (const name of Object.keys(exchange.headers)) {
      if (!name.startsWith(prefix.toLowerCase())) continue
      extra[unescapeKey(name.slice(prefix.length))] = headerValues(exchange, name)
    }
  }
  return {
    name: firstOf(exchange, options.usernameHeaders),
    groups: options.groupHeaders.flatMap((name) => headerValues(exchange, name.toLowerCase())).filter((group) => group !== ''),
    ...(uid === '' ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  }
}

function firstOf(exchange: HttpExchange, names: readonly string[]): string {
  for (const name of names) {
    const value = headerValues(exchange, name.toLowerCase()).find((v) => v !== '')
    if (value !== undefined) return value
  }
  return ''
}

function unescapeKey(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}
