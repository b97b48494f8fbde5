/** URLs (apiserver/pkg/cel/library/urls.go). */
import type { Library } from '../checker/declarations.ts'
import { BOOL, STRING, listType, mapType, structType, type CelType } from '../types.ts'
import { CelError, CelMap, Opaque, noSuchOverload } from '../values.ts'
import { fn, global, method } from './define.ts'
import { type GoURL, escapedPath, hostName, hostPort, parseRequestURL, parseURL, queryValues } from './go-url.ts'

const urlType = structType('kubernetes.URL')

class URLValue extends Opaque {
  readonly url: GoURL
  get type(): CelType { return urlType }

  constructor(url: GoURL) {
    super()
    this.url = url
  }

  equals(other: unknown): boolean | CelError {
    return other instanceof URLValue ? this.url.text === other.url.text : noSuchOverload()
  }

  toString(): string {
    return this.url.text
  }
}

function parse(text: unknown): unknown {
  const checked = parseRequestURL(text as string)
  const url = 'error' in checked ? checked : parseURL(text as string)
  return 'error' in url ? new CelError(`URL parse error during conversion from string: ${url.error}`) : new URLValue(url)
}

function query({ url }: URLValue): CelMap {
  const map = new CelMap()
  for (const [key, values] of queryValues(url.query)) map.set(key, values)
  return map
}

const part = (name: string, id: string, read: (url: GoURL) => string): ReturnType<typeof fn> =>
  fn(name, [method(id, [urlType], STRING, (value) => read((value as URLValue).url))])

export const urlsLibrary: Library = {
  functions: [
    fn('url', [global('string_to_url', [STRING], urlType, parse)]),
    fn('isURL', [global('is_url_string', [STRING], BOOL, (text) => !('error' in parseRequestURL(text as string)))]),
    part('getScheme', 'url_get_scheme', (url) => url.scheme),
    part('getHost', 'url_get_host', (url) => url.host),
    part('getHostname', 'url_get_hostname', (url) => hostName(url.host)),
    part('getPort', 'url_get_port', (url) => hostPort(url.host)),
    part('getEscapedPath', 'url_get_escaped_path', (url) => escapedPath(url.path)),
    fn('getQuery', [
      method('url_get_query', [urlType], mapType(STRING, listType(STRING)), (value) => query(value as URLValue)),
    ]),
  ],
}
