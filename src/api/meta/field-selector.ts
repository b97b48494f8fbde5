/** Field selectors (apimachinery pkg/fields): "metadata.name=web,status.phase!=Running" with backslash escapes. */
import { compareText } from './go-text.ts'

export interface FieldRequirement {
  readonly field: string
  readonly operator: '=' | '!='
  readonly value: string
}

export interface FieldSelector {
  readonly requirements: readonly FieldRequirement[]
  readonly empty: boolean
  /** Looks values up by field; a field that the kind does not know reads as ''. */
  matches(valueOf: (field: string) => string): boolean
  toString(): string
}

export class FieldSelectorError extends Error {
  override readonly name = 'FieldSelectorError'
}

class Selector implements FieldSelector {
  readonly requirements: readonly FieldRequirement[]
  readonly empty: boolean
  constructor(requirements: readonly FieldRequirement[]) {
    this.requirements = requirements
    this.empty = requirements.length === 0
  }
  matches(valueOf: (field: string) => string): boolean {
    for (const { field, operator, value } of this.requirements) {
      if ((valueOf(field) === value) !== (operator === '=')) return false
    }
    return true
  }
  toString(): string {
    return this.requirements.map((r) => `${r.field}${r.operator}${escapeFieldValue(r.value)}`).join(',')
  }
}

export const everyField: FieldSelector = new Selector([])

export function fieldSelectorOf(requirements: readonly FieldRequirement[]): FieldSelector {
  return requirements.length === 0 ? everyField : new Selector(requirements)
}

export function escapeFieldValue(value: string): string {
  return value.replace(/[\\,=]/g, (char) => `\\${char}`)
}

function unescape(text: string): string {
  if (!/[\\,=]/.test(text)) return text
  let out = ''
  let escaped = false
  for (const char of text) {
    if (escaped) {
      if (char !== '\\' && char !== ',' && char !== '=') {
        throw new FieldSelectorError(`invalid field selector: invalid escape sequence: \\${char}`)
      }
      out += char
      escaped = false
    } else if (char === '\\') escaped = true
    // Upstream prints the rune's number.
    else if (char === ',' || char === '=') {
      throw new FieldSelectorError(`invalid field selector: unescaped character in value: ${char.codePointAt(0)}`)
    } else out += char
  }
  if (escaped) throw new FieldSelectorError('invalid field selector: invalid escape sequence: \\')
  return out
}

function splitTerms(text: string): string[] {
  const terms: string[] = []
  let start = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === ',') {
      terms.push(text.slice(start, at))
      start = at + 1
    }
  }
  terms.push(text.slice(start))
  return terms
}

/** Reads a selector's text; throws FieldSelectorError. Which fields a kind knows is the kind's matter. */
export function parseFieldSelector(text: string): FieldSelector {
  if (text === '') return everyField
  const requirements: FieldRequirement[] = []
  for (const term of splitTerms(text).sort(compareText)) {
    if (term === '') continue
    const match = /^(.*?)(!=|==|=)(.*)$/s.exec(term)
    if (match === null) throw new FieldSelectorError(`invalid selector: '${text}'; can't understand '${term}'`)
    const value = unescape(match[3]!)
    // A term without field and value selects everything.
    if (match[1] === '' && value === '') continue
    requirements.push({ field: match[1]!, operator: match[2] === '!=' ? '!=' : '=', value })
  }
  return fieldSelectorOf(requirements)
}

/** The value that a selector demands of a field, when it demands one. */
export function requiresExactField(selector: FieldSelector, field: string): string | undefined {
  return selector.requirements.find((r) => r.field === field && r.operator === '=')?.value
}
