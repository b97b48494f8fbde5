/** additionalPrinterColumns as table columns (upstream: apiextensions-apiserver/pkg/registry/customresource/tableconvertor). */
import type { CustomResourceColumnDefinition } from '../../../api/generated/types/apiextensions-v1.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import { ageOf } from '../../../api/meta/time.ts'
import { nameColumn } from '../../resources/columns.ts'
import type { Column } from '../../resources/define.ts'
import { type JsonPath, parseJsonPath } from './json-path.ts'

const age: CustomResourceColumnDefinition = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }

/** Name first, then what the definition wants; without wishes, the age. */
export function customColumns(wanted: readonly CustomResourceColumnDefinition[] | undefined): Column<KubeObject>[] {
  const columns = wanted === undefined || wanted.length === 0 ? [age] : wanted
  return [nameColumn(), ...columns.map(column)]
}

function column(definition: CustomResourceColumnDefinition): Column<KubeObject> {
  let path: JsonPath
  try {
    path = parseJsonPath(definition.jsonPath)
  } catch {
    // A path that cannot be read shows nothing, as upstream shows it.
    path = () => []
  }
  const { name, type, format, description, priority } = definition
  return {
    name, type, ...(format === undefined ? {} : { format }), ...(description === undefined ? {} : { description }),
    ...(priority === undefined ? {} : { priority }),
    value: (object, now) => cell(type, path(object)[0], now),
  }
}

function cell(type: string, value: unknown, now: Date): unknown {
  if (value === undefined || value === null) return null
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null
    case 'number':
      return typeof value === 'number' ? value : null
    case 'boolean':
      return typeof value === 'boolean' ? value : null
    case 'string':
      return typeof value === 'string' ? value : JSON.stringify(value)
    case 'date':
      return typeof value === 'string' ? (Number.isNaN(Date.parse(value)) ? '<invalid>' : ageOf(value, now)) : null
    default:
      return null
  }
}
