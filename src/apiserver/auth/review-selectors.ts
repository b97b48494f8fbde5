/** Selectors in reviews: what of them is wrong, and what an authorizer sees of them (upstream: pkg/registry/authorization/util). */
import type { ResourceAttributes } from '../../api/generated/types/authorization-v1.ts'
import type { FieldError } from '../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, fieldRequired, indexPath } from '../../api/meta/field-errors.ts'
import { parseFieldSelector } from '../../api/meta/field-selector.ts'
import { parseLabelSelector } from '../../api/meta/label-selector-parse.ts'
import { validateLabelName } from '../../api/meta/metadata-validation.ts'
import { isLabelValue } from '../../api/meta/names.ts'

type Kind = 'fieldSelector' | 'labelSelector'
interface Requirement { readonly key?: string; readonly operator?: string; readonly values?: readonly string[] }
interface SelectorAttributes { readonly rawSelector?: string; readonly requirements?: readonly Requirement[] }

export function* selectorErrors(attributes: ResourceAttributes | undefined): Generator<FieldError> {
  for (const kind of ['fieldSelector', 'labelSelector'] as const) {
    const selector = attributes?.[kind] as SelectorAttributes | undefined
    if (selector === undefined) continue
    const path = `spec.resourceAttributes.${kind}`
    const raw = selector.rawSelector ?? ''
    const requirements = selector.requirements ?? []
    if (raw !== '' && requirements.length > 0) yield fieldInvalid(`${path}.rawSelector`, raw, 'may not specified at the same time as requirements')
    if (raw === '' && requirements.length === 0) {
      yield fieldRequired(`${path}.requirements`, `when ${path} is specified, requirements or rawSelector is required`)
    }
    for (const [i, requirement] of requirements.entries()) yield* requirementErrors(kind, requirement, indexPath(`${path}.requirements`, i))
  }
}

/** Operators that are not known here pass: a newer client may know more. */
function* requirementErrors(kind: Kind, { key = '', operator, values = [] }: Requirement, path: string): Generator<FieldError> {
  if (kind === 'fieldSelector' && key === '') yield fieldRequired(`${path}.key`, 'must be specified')
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) yield fieldRequired(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'")
  } else if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0) {
    yield fieldForbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
  }
  if (kind === 'fieldSelector') return
  yield* validateLabelName(key, `${path}.key`)
  for (const [j, value] of values.entries()) {
    for (const message of isLabelValue(value)) yield fieldInvalid(indexPath(`${path}.values`, j), value, message)
  }
}

export interface SelectorText {
  /** As a query would write it; undefined: no selector. Requirements that cannot be read are left out: fewer limits, not more rights. */
  readonly text: string | undefined
  /** Whether all or some of it could not be read. */
  readonly ignored?: 'ignored' | 'partially ignored'
}

export function selectorText(kind: Kind, selector: SelectorAttributes | undefined): SelectorText {
  if (selector === undefined) return { text: undefined }
  const { rawSelector: raw = '', requirements = [] } = selector
  if (raw !== '') return parses(kind, raw) ? { text: raw } : { text: '', ignored: 'ignored' }
  const terms = requirements.map((requirement) => termText(kind, requirement))
  const read = terms.filter((term) => term !== undefined)
  return { text: read.join(','), ...(read.length === terms.length ? {} : { ignored: read.length === 0 ? 'ignored' : 'partially ignored' }) }
}

function parses(kind: Kind, text: string): boolean {
  try {
    if (kind === 'fieldSelector') parseFieldSelector(text)
    else parseLabelSelector(text)
    return true
  } catch {
    return false
  }
}

function termText(kind: Kind, { key = '', operator, values = [] }: Requirement): string | undefined {
  if (kind === 'fieldSelector') {
    if (values.length !== 1) return undefined
    return operator === 'In' ? `${key}=${values[0]}` : operator === 'NotIn' ? `${key}!=${values[0]}` : undefined
  }
  switch (operator) {
    case 'In': return `${key} in (${values.join(',')})`
    case 'NotIn': return `${key} notin (${values.join(',')})`
    case 'Exists': return key
    case 'DoesNotExist': return `!${key}`
    default: return undefined
  }
}

/** The authorizer's own error and what was not read of the selectors, as status.evaluationError says it. */
export function evaluationError(error: string | undefined, attributes: ResourceAttributes | undefined): string | undefined {
  const told = (['fieldSelector', 'labelSelector'] as const).flatMap((kind) => {
    const { ignored } = selectorText(kind, attributes?.[kind] as SelectorAttributes | undefined)
    return ignored === undefined ? [] : [`spec.resourceAttributes.${kind} ${ignored} due to parse error`]
  })
  const all = [...(error === undefined ? [] : [error]), ...told]
  return all.length === 0 ? undefined : all.join('; ')
}
