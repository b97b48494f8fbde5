/** URLs as Go's net/url reads them. */
import { goQuote } from '../../meta/go-text.ts'

export interface GoURL {
  readonly text: string
  readonly scheme: string
  readonly host: string
  readonly path: string
  readonly query: string
}

class Bad extends Error {}

/** url.ParseRequestURI: an absolute URL or path. */
export function parseRequestURL(text: string): GoURL | { error: string } {
  return guarded(text, () => parse(text, true))
}

/** url.Parse: relative ones too; a fragment is taken off. */
export function parseURL(text: string): GoURL | { error: string } {
  const hash = text.indexOf('#')
  return guarded(text, () => {
    if (hash >= 0) unescape(text.slice(hash + 1), 'fragment')
    return parse(hash < 0 ? text : text.slice(0, hash), false)
  })
}

function guarded(text: string, work: () => GoURL): GoURL | { error: string } {
  try {
    return { ...work(), text }
  } catch (error) {
    if (!(error instanceof Bad)) throw error
    return { error: `parse ${goQuote(text)}: ${error.message}` }
  }
}

function parse(text: string, request: boolean): GoURL {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(text)) throw new Bad('net/url: invalid control character in URL')
  if (text === '' && request) throw new Bad('empty url')
  if (text === '*') return { text, scheme: '', host: '', path: '*', query: '' }
  const { scheme, rest: afterScheme } = splitScheme(text)
  const [before, query] = splitQuery(afterScheme)
  let rest = before
  if (!rest.startsWith('/')) {
    if (scheme !== '') return { text, scheme, host: '', path: '', query }
    if (request) throw new Bad('invalid URI for request')
    if ((rest.split('/', 1)[0] as string).includes(':')) throw new Bad('first path segment in URL cannot contain colon')
  }
  let host = ''
  if ((scheme !== '' || (!request && !rest.startsWith('///'))) && rest.startsWith('//')) {
    const end = rest.indexOf('/', 2)
    const authority = end < 0 ? rest.slice(2) : rest.slice(2, end)
    rest = end < 0 ? '' : rest.slice(end)
    host = parseAuthority(authority)
  }
  unescape(rest, 'path')
  return { text, scheme, host, path: rest, query }
}

function splitQuery(text: string): [before: string, query: string] {
  const mark = text.indexOf('?')
  return mark < 0 ? [text, ''] : [text.slice(0, mark), text.slice(mark + 1)]
}

function splitScheme(text: string): { scheme: string; rest: string } {
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i)
    if (/[a-zA-Z]/.test(char)) continue
    if (/[0-9+\-.]/.test(char)) {
      if (i === 0) break
      continue
    }
    if (char === ':') {
      if (i === 0) throw new Bad('missing protocol scheme')
      return { scheme: text.slice(0, i).toLowerCase(), rest: text.slice(i + 1) }
    }
    break
  }
  return { scheme: '', rest: text }
}

function parseAuthority(authority: string): string {
  const at = authority.lastIndexOf('@')
  if (at >= 0) {
    const user = authority.slice(0, at)
    if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user)) throw new Bad('net/url: invalid userinfo')
    unescape(user, 'path')
  }
  return parseHost(authority.slice(at + 1))
}

function parseHost(host: string): string {
  if (host.startsWith('[')) {
    const close = host.lastIndexOf(']')
    if (close < 0) throw new Bad("missing ']' in host")
    checkPort(host.slice(close + 1))
    return unescape(host, 'host')
  }
  const colon = host.lastIndexOf(':')
  if (colon >= 0) checkPort(host.slice(colon))
  return unescape(host, 'host')
}

function checkPort(port: string): void {
  if (port !== '' && !/^:\d*$/.test(port)) throw new Bad(`invalid port ${goQuote(port)} after host`)
}

function unescape(text: string, mode: 'host' | 'path' | 'fragment'): string {
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i)
    if (char === '%') {
      const code = text.slice(i, i + 3)
      if (!/^%[0-9a-fA-F]{2}$/.test(code)) throw new Bad(`invalid URL escape ${goQuote(code)}`)
      if (mode === 'host' && code !== '%25' && Number.parseInt(code.slice(1), 16) < 0x80) {
        throw new Bad(`invalid URL escape ${goQuote(code)}`)
      }
      i += 2
    } else if (mode === 'host' && char < '\u0080' && !/[A-Za-z0-9\-_.~!$&'()*+,;=:[\]<>"]/.test(char)) {
      throw new Bad(`invalid character ${goQuote(char)} in host name`)
    }
  }
  return mode === 'host' ? decode(text) : text
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The host without its port and brackets. */
export function hostName(host: string): string {
  const name = host.startsWith('[') && host.includes(']') ? host.slice(1, host.indexOf(']')) : host.replace(/:\d*$/, '')
  return name
}

export const hostPort = (host: string): string => /:(\d*)$/.exec(host)?.[1] ?? ''

/** Escapes a path as Go would, unless it already is a valid escape of itself. */
export function escapedPath(path: string): string {
  if (/^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/[\]]|%[0-9a-fA-F]{2})*$/.test(path)) return path
  return encodeURI(decode(path)).replaceAll('%5B', '[').replaceAll('%5D', ']')
}

/** The query's keys and all their values; pairs that cannot be read are left out. */
export function queryValues(query: string): Map<string, string[]> {
  const values = new Map<string, string[]>()
  for (const pair of query.split('&')) {
    if (pair === '' || pair.includes(';')) continue
    const cut = pair.indexOf('=')
    try {
      const key = queryPart(cut < 0 ? pair : pair.slice(0, cut))
      const list = values.get(key) ?? []
      list.push(cut < 0 ? '' : queryPart(pair.slice(cut + 1)))
      values.set(key, list)
    } catch {
      continue
    }
  }
  return values
}

const queryPart = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '))
