/** The parts of an applied object that would replace what they meet as a whole (findAtomics of mutating/patch/smd.go). */
import { type FieldType, deduce } from '../../../api/apply/field-types.ts'
import { isFields } from '../../../api/meta/json-equal.ts'
import { fieldTypeAt } from '../../../api/apply/typed.ts'

/** Their paths: ".spec.selector". */
export function atomicPaths(value: unknown, of: FieldType, path = ''): string[] {
  const type = deduce(of, value)
  if (isFields(value) && type.map !== undefined) {
    const { map } = type
    const below = Object.entries(value).flatMap(([key, item]) => (map.field(key) === undefined ? [] : atomicPaths(item, fieldTypeAt(map, key), `${path}.${key}`)))
    return map.atomic ? [path, ...below] : below
  }
  if (Array.isArray(value) && type.list !== undefined) {
    const { list } = type
    const below = value.flatMap((item, i) => atomicPaths(item, list.element, `${path}[${i}]`))
    return list.atomic ? [path, ...below] : below
  }
  return []
}
