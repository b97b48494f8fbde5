/** Documents of remotes in this server's own (upstream: kube-openapi/pkg/aggregator). */
import { jsonEqual } from '../../../api/meta/json-equal.ts'
import type { Json } from '../openapi-schemas.ts'

const prefix = '#/definitions/'

/**
 * Puts the paths below `root` of a version 2 document into another, with what they refer to. A definition that is there
 * already with other content gets another name. Changes `into`.
 */
export function mergeVersionTwo(into: Json, remote: Json, root: string): void {
  const paths = Object.fromEntries(Object.entries(fields(remote['paths'])).filter(([path]) => path === root || path.startsWith(`${root}/`)))
  const definitions = fields(remote['definitions'])
  const target = fields(into['definitions'])
  const wanted = reachable([paths, remote['parameters']], definitions)
  const names = new Map<string, string>()
  for (const name of wanted) names.set(name, freeName(target, name, definitions[name]))
  const renamed = (value: unknown): unknown => withReferences(value, names)
  for (const [name, as] of names) target[as] ??= renamed(definitions[name])
  const own = fields(into['paths'])
  for (const [path, item] of Object.entries(paths)) own[path] ??= renamed(item)
  // Their names tell what is in them.
  const parameters = fields(remote['parameters'])
  for (const name of referencesTo('#/parameters/', paths)) {
    const shared = (into['parameters'] ??= {}) as Json
    if (parameters[name] !== undefined) shared[name] ??= renamed(parameters[name])
  }
}

function referencesTo(start: string, value: unknown): Set<string> {
  const found = new Set<string>()
  const visit = (inner: unknown): void => {
    if (typeof inner !== 'object' || inner === null) return
    for (const [key, item] of Object.entries(inner)) {
      if (key === '$ref' && typeof item === 'string' && item.startsWith(start)) found.add(item.slice(start.length))
      else visit(item)
    }
  }
  visit(value)
  return found
}

function fields(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Json : {}
}

function reachable(from: unknown, definitions: Json): Set<string> {
  const found = new Set<string>()
  const visit = (value: unknown): void => {
    for (const name of referencesTo(prefix, value)) {
      if (found.has(name) || definitions[name] === undefined) continue
      found.add(name)
      visit(definitions[name])
    }
  }
  visit(from)
  return found
}

/** Its own name, or the first with a number that is free or means the same. */
function freeName(target: Json, name: string, definition: unknown): string {
  for (let i = 1; ; i++) {
    const candidate = i === 1 ? name : `${name}_v${i}`
    if (target[candidate] === undefined || jsonEqual(target[candidate], definition)) return candidate
  }
}

function withReferences(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => withReferences(item, names))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => {
    if (key !== '$ref' || typeof inner !== 'string' || !inner.startsWith(prefix)) return [key, withReferences(inner, names)]
    const name = inner.slice(prefix.length)
    return [key, prefix + (names.get(name) ?? name)]
  }))
}
