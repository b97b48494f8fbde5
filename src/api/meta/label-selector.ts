/**
 * Label selectors (apimachinery pkg/labels): the text grammar, LabelSelector objects, matching, and the text form.
 * Errors are LabelSelectorError with upstream's texts.
 */
import type { FieldError } from './errors.ts'
import { aggregateText, childPath, fieldInvalid, fieldNotSupported, indexPath, keyPath } from './field-errors.ts'
import { compareText, goQuote } from './go-text.ts'
import { isLabelValue, isQualifiedName } from './names.ts'

export type LabelOperator = 'in' | 'notin' | '=' | '==' | '!=' | 'gt' | 'lt' | 'exists' | '!'

export interface LabelRequirement {
  readonly key: string
  readonly operator: LabelOperator
  readonly values: readonly string[]
}

/** What LabelSelector objects look like on the wire. */
export interface LabelSelectorObject {
  matchLabels?: Readonly<Record<string, string>>
  matchExpressions?: readonly { key: string; operator: string; values?: readonly string[] }[]
}

export type Labels = Readonly<Record<string, string>> | undefined

export class LabelSelectorError extends Error {
  override readonly name = 'LabelSelectorError'
}

/** A selector that is ready to match. */
export interface LabelSelector {
  /** undefined: selects nothing whatever the labels. */
  readonly requirements: readonly LabelRequirement[] | undefined
  /** True when every set of labels matches. */
  readonly empty: boolean
  matches(labels: Labels): boolean
  /** The text form, requirements sorted by key. */
  toString(): string
}

const has = (labels: Labels, key: string): boolean => labels !== undefined && Object.hasOwn(labels, key)

/** Whether the labels meet one requirement. */
export function requirementMatches(requirement: LabelRequirement, labels: Labels): boolean {
  const value = has(labels, requirement.key) ? labels![requirement.key] : undefined
  switch (requirement.operator) {
    case 'in': case '=': case '==':
      return value !== undefined && requirement.values.includes(value)
    case 'notin': case '!=':
      return value === undefined || !requirement.values.includes(value)
    case 'exists':
      return value !== undefined
    case '!':
      return value === undefined
    case 'gt': case 'lt':
      return value !== undefined && compareInteger(requirement, value)
  }
}

const maxInt64 = (1n << 63n) - 1n

function parseInt64(text: string): bigint | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text)
  return value > maxInt64 || value < -maxInt64 - 1n ? undefined : value
}

function compareInteger({ operator, values }: LabelRequirement, text: string): boolean {
  const left = parseInt64(text)
  const right = values.length === 1 ? parseInt64(values[0]!) : undefined
  if (left === undefined || right === undefined) return false
  return operator === 'gt' ? left > right : left < right
}

class Selector implements LabelSelector {
  readonly requirements: readonly LabelRequirement[] | undefined
  readonly empty: boolean
  constructor(requirements: readonly LabelRequirement[] | undefined) {
    this.requirements = requirements
    this.empty = requirements?.length === 0
  }
  matches(labels: Labels): boolean {
    if (this.requirements === undefined) return false
    for (const requirement of this.requirements) if (!requirementMatches(requirement, labels)) return false
    return true
  }
  toString(): string {
    return (this.requirements ?? []).map(formatRequirement).join(',')
  }
}

export const selectEverything: LabelSelector = new Selector([])
export const selectNothing: LabelSelector = new Selector(undefined)

/** One requirement as text, such as "app in (a,b)". */
export function formatRequirement({ key, operator, values }: LabelRequirement): string {
  const list = values.length === 1 ? values[0]! : [...values].sort(compareText).join(',')
  switch (operator) {
    case 'exists': return key
    case '!': return `!${key}`
    case 'in': return `${key} in (${list})`
    case 'notin': return `${key} notin (${list})`
    case 'gt': return `${key}>${list}`
    case 'lt': return `${key}<${list}`
    default: return `${key}${operator}${list}`
  }
}

const operatorNames = ['in', 'notin', '=', '==', '!=', 'gt', 'lt', 'exists', '!']

/** What is wrong with a requirement, in field errors below `path` ('' as upstream's nil path). */
function checkRequirement({ key, operator, values }: LabelRequirement, path = ''): FieldError[] {
  const errors: FieldError[] = []
  const keyErrors = isQualifiedName(key)
  if (keyErrors.length > 0) errors.push(fieldInvalid(childPath(path, 'key'), key, keyErrors.join('; ')))
  const valuePath = childPath(path, 'values')
  const wrong = (detail: string): void => void errors.push(fieldInvalid(valuePath, values, detail))
  if (!operatorNames.includes(operator)) {
    errors.push(fieldNotSupported(childPath(path, 'operator'), operator, operatorNames))
  } else if (operator === 'in' || operator === 'notin') {
    if (values.length === 0) wrong("for 'in', 'notin' operators, values set can't be empty")
  } else if (operator === '=' || operator === '==' || operator === '!=') {
    if (values.length !== 1) wrong('exact-match compatibility requires one single value')
  } else if (operator === 'exists' || operator === '!') {
    if (values.length !== 0) wrong('values set must be empty for exists and does not exist')
  } else {
    if (values.length !== 1) wrong("for 'Gt', 'Lt' operators, exactly one value is required")
    values.forEach((value, i) => {
      if (parseInt64(value) !== undefined) return
      errors.push(
        fieldInvalid(indexPath(valuePath, i), value, "for 'Gt', 'Lt' operators, the value must be an integer"),
      )
    })
  }
  values.forEach((value, i) => {
    const messages = isLabelValue(value)
    if (messages.length > 0) {
      errors.push(fieldInvalid(keyPath(indexPath(valuePath, i), key), value, messages.join('; ')))
    }
  })
  return errors
}

/** A requirement that has been checked; throws LabelSelectorError. */
export function newRequirement(key: string, operator: LabelOperator, values: readonly string[]): LabelRequirement {
  const requirement = { key, operator, values }
  const errors = checkRequirement(requirement)
  if (errors.length > 0) throw new LabelSelectorError(aggregateText(errors))
  return requirement
}

/** A selector of given requirements, sorted by key. */
export function selectorOf(requirements: readonly LabelRequirement[]): LabelSelector {
  if (requirements.length === 0) return selectEverything
  return new Selector([...requirements].sort((a, b) => compareText(a.key, b.key)))
}

/** Equality with every label of a set, unchecked: the selector of a Service or a ReplicationController. */
export function selectorFromSet(set: Labels): LabelSelector {
  return selectorOf(Object.entries(set ?? {}).map(([key, value]) => ({ key, operator: '=', values: [value] })))
}

const objectOperators: Readonly<Record<string, LabelOperator>> = {
  In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!',
}

const known = new WeakMap<object, LabelSelector>()

/**
 * The selector of a LabelSelector object: absent selects nothing, empty everything. Throws LabelSelectorError.
 * Frozen objects (those of the store) are read once.
 */
export function selectorFromObject(object: LabelSelectorObject | null | undefined): LabelSelector {
  if (object === undefined || object === null) return selectNothing
  const cached = known.get(object)
  if (cached !== undefined) return cached
  const requirements: LabelRequirement[] = []
  for (const [key, value] of Object.entries(object.matchLabels ?? {})) {
    requirements.push(newRequirement(key, '=', [value]))
  }
  for (const { key, operator, values } of object.matchExpressions ?? []) {
    const op = objectOperators[operator]
    if (op === undefined) throw new LabelSelectorError(`${goQuote(operator)} is not a valid label selector operator`)
    requirements.push(newRequirement(key, op, values ?? []))
  }
  const selector = selectorOf(requirements)
  if (Object.isFrozen(object)) known.set(object, selector)
  return selector
}

/** A LabelSelector object as kubectl and status.selector show it: "<none>" when empty, "<error>" when wrong. */
export function formatLabelSelector(object: LabelSelectorObject | null | undefined): string {
  try {
    return selectorFromObject(object).toString() || '<none>'
  } catch {
    return '<error>'
  }
}

/** The value that a selector demands of a label, when it demands exactly one. */
export function requiresExactLabel(selector: LabelSelector, key: string): string | undefined {
  const requirement = selector.requirements?.find((r) => r.key === key)
  if (requirement === undefined || !['=', '==', 'in'].includes(requirement.operator)) return undefined
  return requirement.values.length === 1 ? requirement.values[0] : undefined
}
