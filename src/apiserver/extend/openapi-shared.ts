/** Parameters that many operations of a version 2 document have are told once (upstream: kube-openapi/pkg/builder/parameters.go). */
import type { Json } from './openapi-schemas.ts'

const mask = (1n << 64n) - 1n

/** FNV-1 of 64 bits, the first six bytes in base 64. */
function shortHash(text: string): string {
  let hash = 14695981039346656037n
  for (const byte of Buffer.from(text)) hash = ((hash * 1099511628211n) & mask) ^ BigInt(byte)
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(hash)
  return bytes.subarray(0, 6).toString('base64url')
}

/** Those that speak of the path's own kind, and two by which old clients know a server, stay where they are. */
function isShared({ name, in: where, schema }: Json): boolean {
  if (name === 'name' || (where === 'query' && (name === 'fieldValidation' || name === 'dryRun'))) return false
  const ref = (schema as Json | undefined)?.['$ref']
  return where !== 'body' || (typeof ref === 'string' && ref.startsWith('#/definitions/io.k8s.apimachinery'))
}

/** Takes shared parameters out of the paths, in place; answers them by name. */
export function shareParameters(paths: Json): Json {
  const names = new Map<string, string>()
  const shared: Json = {}
  const share = (parameter: Json): Json => {
    if (!isShared(parameter)) return parameter
    const key = JSON.stringify(parameter)
    let name = names.get(key)
    if (name === undefined) {
      names.set(key, (name = `${String(parameter['name'])}-${shortHash(key)}`))
      shared[name] = parameter
    }
    return { $ref: `#/parameters/${name}` }
  }
  for (const item of Object.values(paths) as Json[]) {
    for (const holder of [item, ...Object.values(item)] as Json[]) {
      const list = holder['parameters']
      if (Array.isArray(list)) holder['parameters'] = (list as Json[]).map(share)
    }
  }
  return Object.fromEntries(Object.entries(shared).sort(([a], [b]) => (a < b ? -1 : 1)))
}
