/** Answers in another shape than the stored one: Table and PartialObjectMetadata (upstream: endpoints/handlers/response.go). */
import { type Status, StatusError, badRequest } from '../../api/meta/errors.ts'
import type { KubeObject, ListMeta, ObjectMeta } from '../../api/meta/object.ts'
import type { Column } from '../resources/define.ts'
import type { Transform } from './negotiate.ts'

export const initialEventsEndAnnotation = 'k8s.io/initial-events-end'

export interface TableOptions {
  readonly columns: readonly Column<KubeObject>[]
  readonly includeObject: 'None' | 'Metadata' | 'Object'
  readonly version: 'v1' | 'v1beta1'
  readonly now: Date
  /** Annotations that metadata alone is shown without. */
  readonly hidden: readonly string[]
}

/** What a resource without columns of its own shows. */
export const defaultColumns: readonly Column<KubeObject>[] = [
  { name: 'Name', type: 'string', format: 'name', description: 'Name of the object, unique within its namespace.', value: (o) => o.metadata.name ?? '' },
  { name: 'Created At', type: 'date', description: 'Time at which the server created the object.', value: (o) => o.metadata.creationTimestamp ?? null },
]

/** Throws BadRequest for a value that is none of the three. */
export function parseIncludeObject(query: URLSearchParams): TableOptions['includeObject'] {
  const value = query.get('includeObject') ?? ''
  if (value === '') return 'Metadata'
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value
  throw badRequest(`Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(value)}: must be 'Metadata', 'Object', 'None', or empty`)
}

/** A Table over objects. `headers` false leaves out the columns, as in all watch events but the first. */
export function toTable(objects: readonly KubeObject[], metadata: ListMeta, options: TableOptions, headers = true): object {
  const { columns, now } = options
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata,
    columnDefinitions: headers ? columns.map(columnDefinition) : null,
    rows: objects.map((object) => tableRow(object, columns, now, options)),
  }
}

function columnDefinition(column: Column<KubeObject>): object {
  return {
    name: column.name, type: column.type, format: column.format ?? '',
    description: column.description ?? '', priority: column.priority ?? 0,
  }
}

function tableRow(object: KubeObject, columns: readonly Column<KubeObject>[], now: Date, options: TableOptions): object {
  // A bookmark that ends the initial events must be seen as such, so its row always carries metadata.
  const bookmark = object.metadata.annotations?.[initialEventsEndAnnotation] !== undefined
  const include = bookmark && options.includeObject === 'None' ? 'Metadata' : options.includeObject
  const shown = include === 'Object' ? object : include === 'Metadata' ? toPartial(object, options.version, options.hidden) : null
  return { cells: columns.map((column) => cellValue(column, object, now)), object: shown }
}

/** A column that cannot read an odd object must not take the whole list down. */
function cellValue(column: Column<KubeObject>, object: KubeObject, now: Date): unknown {
  try {
    return column.value(object, now) ?? null
  } catch {
    return '<unknown>'
  }
}

/** The object's metadata alone, without the annotations that are not upstream's internal type's. */
export function toPartial(object: KubeObject, version: Transform['version'], hidden: readonly string[]): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: hidden.length === 0 ? object.metadata : without(object.metadata, hidden) }
}

function without(metadata: ObjectMeta, hidden: readonly string[]): ObjectMeta {
  const { annotations = {}, ...rest } = metadata
  const shown = Object.entries(annotations).filter(([key]) => !hidden.includes(key))
  return shown.length === 0 ? rest : { ...metadata, annotations: Object.fromEntries(shown) }
}

export function toPartialList(objects: readonly KubeObject[], metadata: ListMeta, version: Transform['version'], hidden: readonly string[]): object {
  return {
    kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${version}`, metadata,
    // A slice that nothing was added to, in Go's words.
    items: objects.length === 0 ? null : objects.map((object) => toPartial(object, version, hidden)),
  }
}

/** The package of upstream's internal types of a group, as messages name it. */
export function goPackage(group: string): string {
  if (group === '' || group === 'events.k8s.io') return 'core'
  return group === 'internal.apiserver.k8s.io' ? 'apiserverinternal' : group.split('.', 1)[0]!
}

/** Refuses a list form for one object and the reverse, as upstream does after the fact. */
export function assertTransformFits(transform: Transform, isList: boolean, kind: string, goName: string): void {
  if (transform.kind === 'PartialObjectMetadata' && isList) {
    throw transformRefused(`you requested PartialObjectMetadata, but the requested object is a list (*${goName}.${kind})`)
  }
  if (transform.kind === 'PartialObjectMetadataList' && !isList) {
    throw transformRefused(`you requested PartialObjectMetadataList, but the requested object is not a list (*${goName}.${kind})`)
  }
}

function transformRefused(message: string): StatusError {
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason: 'NotAcceptable', code: 406 }
  return new StatusError(status)
}
