/** What a request asks for, read from its line (upstream: apiserver/pkg/endpoints/request/requestinfo.go). */
import type { RequestInfo } from './request.ts'

/** Subresources of namespaces; anything else behind a namespace's name is a resource in it. */
const namespaceSubresources: ReadonlySet<string> = new Set(['status', 'finalize'])
const methodVerbs: Readonly<Record<string, string>> = {
  POST: 'create', GET: 'get', HEAD: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete',
}
const selectorVerbs: ReadonlySet<string> = new Set(['list', 'watch', 'deletecollection'])

/** A path that names no resource although it begins like one; answered with 400. */
export class RequestInfoError extends Error {}

/** The segments of a URL path; none for "/". */
export function splitPath(path: string): string[] {
  let [from, to] = [0, path.length]
  while (path[from] === '/') from++
  while (to > from && path[to - 1] === '/') to--
  return from === to ? [] : path.slice(from, to).split('/')
}

/** `path` is percent-decoded. Throws RequestInfoError for "/api/v1/watch" and the like. */
export function parseRequestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  let parts = splitPath(path)
  const grouped = parts[0] === 'apis'
  if (parts.length < 3 || (!grouped && parts[0] !== 'api') || (grouped && parts.length < 4)) return nonResource(method, path)
  const apiPrefix = parts[0]!
  const apiGroup = grouped ? parts[1]! : ''
  parts = parts.slice(grouped ? 2 : 1)
  const apiVersion = parts[0]!
  parts = parts.slice(1)

  let verb = methodVerbs[method] ?? ''
  const verbInPath = parts[0] === 'proxy' || parts[0] === 'watch'
  if (verbInPath) {
    if (parts.length < 2) throw new RequestInfoError(`unable to determine kind and namespace from url, ${path}`)
    verb = parts[0]!
    parts = parts.slice(1)
  }

  let namespace = ''
  if (parts[0] === 'namespaces' && parts.length > 1) {
    namespace = parts[1]!
    if (parts.length > 2 && !namespaceSubresources.has(parts[2]!)) parts = parts.slice(2)
  }
  let name = parts[1] ?? ''
  const subresource = verb === 'proxy' ? '' : (parts[2] ?? '')

  if (name === '' && verb === 'get') {
    verb = wantsWatch(query) ? 'watch' : 'list'
    name = exactName(query.get('fieldSelector'))
  }
  if (name === '' && verb === 'delete') verb = 'deletecollection'

  const info: RequestInfo = {
    isResourceRequest: true, path, verb, apiPrefix, apiGroup, apiVersion, namespace,
    resource: parts[0]!, subresource, name, parts,
  }
  if (verbInPath || !selectorVerbs.has(verb)) return info
  const fieldSelector = query.get('fieldSelector')
  const labelSelector = query.get('labelSelector')
  return {
    ...info,
    ...(fieldSelector === null ? {} : { fieldSelector }),
    ...(labelSelector === null ? {} : { labelSelector }),
  }
}

function nonResource(method: string, path: string): RequestInfo {
  return {
    isResourceRequest: false, path, verb: method.toLowerCase(), apiPrefix: '', apiGroup: '', apiVersion: '',
    namespace: '', resource: '', subresource: '', name: '', parts: [],
  }
}

/** Upstream takes every value but "false" and "0" for yes, the empty one too. */
function wantsWatch(query: URLSearchParams): boolean {
  const value = query.get('watch')
  return value !== null && value.toLowerCase() !== 'false' && value !== '0'
}

/** The name in a field selector that asks for exactly one object, so that it can be authorized by name. */
export function exactName(selector: string | null): string {
  if (selector === null || selector === '') return ''
  for (const term of selector.split(',')) {
    const match = /^metadata\.name={1,2}([^=!]+)$/.exec(term.trim())
    if (match === null) continue
    const name = match[1]!
    return name === '.' || name === '..' || /[/%\\]/.test(name) ? '' : name
  }
  return ''
}

const longRunningSubresources: ReadonlySet<string> = new Set(['attach', 'exec', 'proxy', 'log', 'portforward'])

/** Requests that no deadline and no concurrency limit applies to. */
export function isLongRunning(info: RequestInfo): boolean {
  if (!info.isResourceRequest) return false
  return info.verb === 'watch' || info.verb === 'proxy' || longRunningSubresources.has(info.subresource)
}
