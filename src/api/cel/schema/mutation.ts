/**
 * The types that expressions of mutating policies make: `Object{spec: Object.spec{replicas: 3}}` and `JSONPatch{op: ...}`
 * (apiserver/pkg/cel/mutation).
 */
import type { StructProvider } from '../checker/declarations.ts'
import { DYN, STRING, structType } from '../types.ts'
import { CelError, CelMap, Struct, adapt, isList, itemsOf } from '../values.ts'

const root = 'Object'
const patch = 'JSONPatch'
export const objectType = structType(root)
export const jsonPatchType = structType(patch)
const patchFields: ReadonlySet<string> = new Set(['op', 'path', 'from', 'value'])

const isObject = (name: string): boolean => name === root || name.startsWith(`${root}.`)

export const mutationStructs: StructProvider = {
  find: (name) => (name === patch ? jsonPatchType : isObject(name) ? structType(name) : undefined),
  field: (struct, field) => {
    if (struct !== patch) return DYN
    // Unknown fields have a type that nothing is assignable to.
    if (!patchFields.has(field)) return structType('')
    return field === 'value' ? DYN : STRING
  },
  create: (name, fields) => {
    if (name !== patch) return new Struct(structType(name), fields)
    for (const [field, value] of fields) {
      if (!patchFields.has(field)) return new CelError(`unexpected JSONPatchType field: ${field}`)
      if (field !== 'value' && typeof value !== 'string') {
        return new CelError(`unexpected type ${typeof value} for JSONPatchType '${field}' field`)
      }
    }
    return new Struct(jsonPatchType, fields)
  },
}

/** Where an object's type is not named after its place: `Object.spec` may stand under `spec` only. */
export function misplacedTypes(value: unknown, path = root): string[] {
  if (value instanceof Struct) {
    const { name } = value.type
    const own = name === path ? [] : [
      `unexpected type name "${name}", expected "${path}", which matches field name path from root Object type`,
    ]
    return [...own, ...[...value.fields].flatMap(([field, inner]) => misplacedTypes(inner, `${path}.${field}`))]
  }
  if (isList(value)) return itemsOf(value).flatMap((item) => misplacedTypes(adapt(item), path))
  if (value instanceof CelMap) return [...value.entries.values()].flatMap(([, inner]) => misplacedTypes(inner, path))
  return []
}
