/** Label and field selectors of a request as a Selection over stored objects. */
import { badRequest } from '../../api/meta/errors.ts'
import { goQuote } from '../../api/meta/go-text.ts'
import { type KubeObject, apiVersionOf } from '../../api/meta/object.ts'
import {
  FieldSelectorError, LabelSelectorError, parseFieldSelector, parseLabelSelector, requiresExactField,
} from '../../api/meta/selectors.ts'
import type { FieldSelector, LabelSelector } from '../../api/meta/selectors.ts'
import type { Served } from '../registry/resource-registry.ts'
import type { Selection } from '../registry/selection.ts'

export interface RequestSelection {
  readonly selection: Selection
  /** Whether neither labels nor fields narrow the list: only then is remainingItemCount exact. */
  readonly plain: boolean
  /** What is left to be selected among the objects of this version, for kinds that others convert. */
  readonly converted?: (object: KubeObject) => boolean
}

/** Throws 400 for a selector that cannot be read or names a field that the kind does not select by. */
export function selectionOf(
  served: Served, namespace: string, name: string, selectors: { labelSelector: string; fieldSelector: string },
): RequestSelection {
  const labels = parse(() => parseLabelSelector(selectors.labelSelector))
  const fields = parse(() => parseFieldSelector(selectors.fieldSelector))
  for (const { field } of fields.requirements) checkField(served, field)
  const selectedName = requiresExactField(fields, 'metadata.name')
  if (name !== '' && !fields.empty && selectedName !== name) {
    throw badRequest("fieldSelector metadata.name doesn't match requested name")
  }
  const wantedName = name === '' ? selectedName : name
  const matches = matcher(served, labels, fields)
  const later = served.prepare !== undefined && matches !== undefined
  return {
    plain: labels.empty && fields.empty && wantedName === undefined,
    selection: {
      namespace: namespaceOf(served, namespace, fields),
      ...(wantedName === undefined ? {} : { name: wantedName }),
      ...(later || matches === undefined ? {} : { matches, ...labelled(labels) }),
    },
    ...(later ? { converted: matches } : {}),
  }
}

/** The first requirement that wants a label to have a value of a few. */
function labelled({ requirements }: LabelSelector): Pick<Selection, 'labelled'> {
  const found = requirements?.find(({ operator, values }) => (operator === '=' || operator === '==' || operator === 'in') && values.length <= 8)
  return found === undefined ? {} : { labelled: { label: found.key, values: found.values } }
}

/** A selector for one namespace makes the list of all namespaces as cheap as that of one. */
function namespaceOf(served: Served, namespace: string, fields: FieldSelector): string {
  if (!served.namespaced) return ''
  if (namespace !== '') return namespace
  return requiresExactField(fields, 'metadata.namespace') ?? ''
}

function parse<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof LabelSelectorError || error instanceof FieldSelectorError) throw badRequest(error.message)
    throw error
  }
}

/** Versions of custom kinds may each have their own. */
function selectableFieldsOf({ definition, version }: Served): Readonly<Record<string, (object: KubeObject) => string>> {
  return definition.versions?.[version]?.selectableFields ?? definition.selectableFields ?? {}
}

function checkField(served: Served, field: string): void {
  if (field === 'metadata.name' || (field === 'metadata.namespace' && served.namespaced)) return
  const selectable = selectableFieldsOf(served)
  if (selectable[field] !== undefined) return
  if (Object.keys(selectable).length === 0) {
    throw badRequest(`${goQuote(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`)
  }
  throw badRequest(served.definition.unselectable?.(field, apiVersionOf(served)) ?? `field label not supported: ${field}`)
}

function matcher(served: Served, labels: LabelSelector, fields: FieldSelector): Selection['matches'] {
  const others = fields.requirements.filter((r) => !(r.field === 'metadata.name' && r.operator === '='))
  if (labels.empty && others.length === 0) return undefined
  const selectable = selectableFieldsOf(served)
  const valueOf = (object: KubeObject, field: string): string => {
    if (field === 'metadata.name') return object.metadata.name ?? ''
    if (field === 'metadata.namespace') return object.metadata.namespace ?? ''
    return selectable[field]?.(object) ?? ''
  }
  return (object) => {
    if (!labels.empty && !labels.matches(object.metadata.labels)) return false
    for (const { field, operator, value } of others) {
      if ((valueOf(object, field) === value) !== (operator === '=')) return false
    }
    return true
  }
}
