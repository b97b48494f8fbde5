/** How webhooks are reached: URLs, services and certificates (apiserver/pkg/util/webhook/validation.go). */
import { X509Certificate } from 'node:crypto'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldInvalid, fieldRequired } from '../../../api/meta/field-errors.ts'
import { goQuote } from '../../../api/meta/go-text.ts'
import { isDNS1123Subdomain, isPortNumber } from '../../../api/meta/names.ts'

const form = '; desired format: https://host[/path]'

export function* validateWebhookURL(path: string, text: string): Generator<FieldError> {
  const parsed = splitURL(text)
  if (typeof parsed === 'string') {
    yield fieldRequired(path, `url must be a valid URL: parse ${goQuote(text)}: ${parsed}${form}`)
    return
  }
  const { scheme, host, user, query, fragment } = parsed
  if (scheme !== 'https') yield fieldInvalid(path, scheme, `'https' is the only allowed URL scheme${form}`)
  if (host === '') yield fieldInvalid(path, host, `host must be specified${form}`)
  if (user !== undefined) yield fieldInvalid(path, user, 'user information is not permitted in the URL')
  if (fragment !== '') yield fieldInvalid(path, fragment, 'fragments are not permitted in the URL')
  if (query !== '') yield fieldInvalid(path, query, 'query parameters are not permitted in the URL')
}

interface URLParts {
  readonly scheme: string
  readonly host: string
  readonly user: string | undefined
  readonly query: string
  readonly fragment: string
}

/** A URL as Go's net/url takes it apart, which is more lenient than the web's standard; a text says why it is none. */
function splitURL(text: string): URLParts | string {
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(text)) return 'net/url: invalid control character in URL'
  const [, beforeFragment = '', fragment = ''] = /^([^#]*)#?(.*)$/s.exec(text) ?? []
  if (beforeFragment.startsWith(':')) return 'missing protocol scheme'
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(beforeFragment)?.[1]
  let rest = scheme === undefined ? beforeFragment : beforeFragment.slice(scheme.length + 1)
  let query = ''
  const mark = rest.indexOf('?')
  if (mark >= 0) {
    query = rest.slice(mark + 1)
    rest = rest.slice(0, mark)
  }
  if (scheme === undefined && !rest.startsWith('/') && rest.split('/')[0]!.includes(':')) return 'first path segment in URL cannot contain colon'
  let host = ''
  let user: string | undefined
  if (rest.startsWith('//')) {
    const [authority = ''] = rest.slice(2).split('/')
    const at = authority.lastIndexOf('@')
    if (at >= 0) user = authority.slice(0, at)
    host = authority.slice(at + 1)
    const port = /^(?:\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/.exec(host)
    if (port?.[1] !== undefined && !/^\d*$/.test(port[1])) return `invalid port ${goQuote(`:${port[1]}`)} after host`
    const bad = /[ <>"\\^`{|}]/.exec(host)
    if (bad !== null) return `invalid character ${goQuote(bad[0])} in host name`
  }
  const broken = /%(?![0-9a-fA-F]{2}).{0,2}/s.exec(rest)
  if (broken !== null) return `invalid URL escape ${goQuote(broken[0])}`
  return { scheme: (scheme ?? '').toLowerCase(), host, user, query, fragment }
}

export interface ServiceAddress {
  readonly namespace: string
  readonly name: string
  readonly path?: string | undefined
  readonly port: number
}

export function* validateWebhookService(path: string, { namespace, name, path: urlPath, port }: ServiceAddress): Generator<FieldError> {
  if (name === '') yield fieldRequired(`${path}.name`)
  if (namespace === '') yield fieldRequired(`${path}.namespace`)
  const wrongPort = isPortNumber(port)
  if (wrongPort.length > 0) yield fieldInvalid(`${path}.port`, port, `port is not valid: ${wrongPort.join(', ')}`)
  if (urlPath === undefined || urlPath === '' || urlPath === '/') return
  const at = `${path}.path`
  if (urlPath === '//') {
    yield fieldInvalid(at, urlPath, 'segment[0] may not be empty')
    return
  }
  if (!urlPath.startsWith('/')) yield fieldInvalid(at, urlPath, "must start with a '/'")
  for (const [i, step] of urlPath.slice(1).replace(/\/$/, '').split('/').entries()) {
    if (step === '') yield fieldInvalid(at, urlPath, `segment[${i}] may not be empty`)
    else for (const why of isDNS1123Subdomain(step)) yield fieldInvalid(at, urlPath, `segment[${i}]: ${why}`)
  }
}

const certificateBlock = /-----BEGIN CERTIFICATE-----\s+[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g

/** A bundle of PEM certificates, in base64. */
export function* validateCABundle(path: string, bundle: string): Generator<FieldError> {
  const why = bundleError(Buffer.from(bundle, 'base64').toString('latin1'))
  if (why !== undefined) yield fieldInvalid(path, bundle, `unable to load root certificates: ${why}`)
}

function bundleError(pem: string): string | undefined {
  let error: string | undefined
  for (const [block] of pem.matchAll(certificateBlock)) {
    try {
      new X509Certificate(block)
      return undefined
    } catch {
      error ??= 'failed to parse certificate: x509: malformed certificate'
    }
  }
  return error ?? (pem.includes('-----BEGIN ') ? 'no valid certificate authority data seen' : 'unable to parse bytes as PEM block')
}
