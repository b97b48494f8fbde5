/** Selectors as reviews of access carry them. */
import { parseFieldSelector } from '../../../api/meta/field-selector.ts'
import { parseLabelSelector } from '../../../api/meta/label-selector-parse.ts'

/** Selectors only narrow: one that cannot be read is left out. */
export function fieldRequirements(text = ''): object | undefined {
  try {
    const requirements = parseFieldSelector(text).requirements.map(({ field, operator, value }) => ({ key: field, operator: operator === '!=' ? 'NotIn' : 'In', values: [value] }))
    return requirements.length === 0 ? undefined : { requirements }
  } catch {
    return undefined
  }
}

const labelOperators: Readonly<Record<string, string>> = { 'in': 'In', '=': 'In', '==': 'In', 'notin': 'NotIn', '!=': 'NotIn', 'exists': 'Exists', '!': 'DoesNotExist' }

/** The same of labels. */
export function labelRequirements(text = ''): object | undefined {
  try {
    const requirements = (parseLabelSelector(text).requirements ?? []).flatMap(({ key, operator, values }) => (labelOperators[operator] === undefined ? [] : [{ key, operator: labelOperators[operator], ...(values.length === 0 ? {} : { values }) }]))
    return requirements.length === 0 ? undefined : { requirements }
  } catch {
    return undefined
  }
}
