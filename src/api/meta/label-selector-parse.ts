/** The text grammar of label selectors: "app=web,tier in (a, b),!canary,size>3". */
import { fieldInvalid } from './field-errors.ts'
import { compareText } from './go-text.ts'
import { LabelSelectorError, newRequirement, selectEverything, selectorOf } from './label-selector.ts'
import type { LabelOperator, LabelRequirement, LabelSelector } from './label-selector.ts'
import { isQualifiedName } from './names.ts'

type Token = 'error' | 'end' | ')' | ',' | '!' | '==' | '=' | '>' | 'identifier' | 'in' | '<' | '!=' | 'notin' | '('

interface Item {
  readonly token: Token
  readonly literal: string
}

const specials = '=!(),><'
const symbolTokens: readonly string[] = [')', ',', '!', '==', '=', '>', '<', '!=', '(']

const isSpace = (char: string): boolean => char === ' ' || char === '\t' || char === '\r' || char === '\n'

/** All tokens of the text; a NUL ends it, as it does upstream. */
function scan(source: string): Item[] {
  const nul = source.indexOf('\0')
  const text = nul < 0 ? source : source.slice(0, nul)
  const items: Item[] = []
  let at = 0
  while (at < text.length) {
    const char = text[at]!
    if (isSpace(char)) {
      at++
      continue
    }
    const item = specials.includes(char) ? scanSymbol(text, at) : scanWord(text, at)
    items.push(item)
    at += item.token === 'error' ? item.literal.length : Math.max(item.literal.length, 1)
  }
  items.push({ token: 'end', literal: '' })
  return items
}

function scanSymbol(text: string, start: number): Item {
  const two = text.slice(start, start + 2)
  const literal = symbolTokens.includes(two) ? two : text[start]!
  return { token: literal as Token, literal }
}

function scanWord(text: string, start: number): Item {
  let end = start
  while (end < text.length && !isSpace(text[end]!) && !specials.includes(text[end]!)) end++
  const literal = text.slice(start, end)
  return { token: literal === 'in' || literal === 'notin' ? literal : 'identifier', literal }
}

class Parser {
  private readonly items: readonly Item[]
  private at = 0

  constructor(text: string) {
    this.items = scan(text)
  }

  /** The next token; words that are operators count as identifiers unless an operator is what may stand here. */
  private peek(operator = false): Item {
    const item = this.items[Math.min(this.at, this.items.length - 1)]!
    return !operator && (item.token === 'in' || item.token === 'notin')
      ? { token: 'identifier', literal: item.literal }
      : item
  }

  private take(operator = false): Item {
    const item = this.peek(operator)
    this.at++
    return item
  }

  parse(): LabelRequirement[] {
    const requirements: LabelRequirement[] = []
    for (;;) {
      const { token, literal } = this.peek()
      if (token === 'end') return requirements
      if (token !== 'identifier' && token !== '!') {
        throw new LabelSelectorError(`found '${literal}', expected: !, identifier, or 'end of string'`)
      }
      requirements.push(this.requirement())
      const next = this.take()
      if (next.token === 'end') return requirements
      if (next.token !== ',') throw new LabelSelectorError(`found '${next.literal}', expected: ',' or 'end of string'`)
      const after = this.peek()
      if (after.token !== 'identifier' && after.token !== '!') {
        throw new LabelSelectorError(`found '${after.literal}', expected: identifier after ','`)
      }
    }
  }

  private requirement(): LabelRequirement {
    try {
      return this.bareRequirement()
    } catch (error) {
      if (!(error instanceof LabelSelectorError)) throw error
      throw new LabelSelectorError(`unable to parse requirement: ${error.message}`)
    }
  }

  private bareRequirement(): LabelRequirement {
    const first = this.take()
    const negated = first.token === '!'
    const word = negated ? this.take() : first
    if (word.token !== 'identifier') throw new LabelSelectorError(`found '${word.literal}', expected: identifier`)
    const key = word.literal
    const wrong = isQualifiedName(key)
    // The nil path of upstream's parser shows in its text.
    if (wrong.length > 0) throw new LabelSelectorError(`<nil>: ${fieldInvalid('', key, wrong.join('; ')).message}`)
    const next = this.peek().token
    if (negated) return newRequirement(key, '!', [])
    if (next === 'end' || next === ',') return newRequirement(key, 'exists', [])
    const operator = this.operator()
    const values = operator === 'in' || operator === 'notin' ? this.values() : [this.exactValue()]
    return newRequirement(key, operator, [...new Set(values)].sort(compareText))
  }

  private operator(): LabelOperator {
    const { token, literal } = this.take(true)
    switch (token) {
      case 'in': case 'notin': case '=': case '==': case '!=': return token
      case '>': return 'gt'
      case '<': return 'lt'
      default:
        throw new LabelSelectorError(`found '${literal}', expected: in, notin, =, ==, !=, gt, lt`)
    }
  }

  private values(): string[] {
    const open = this.take()
    if (open.token !== '(') throw new LabelSelectorError(`found '${open.literal}' expected: '('`)
    const { token, literal } = this.peek()
    if (token === ')') {
      this.take()
      return ['']
    }
    if (token !== 'identifier' && token !== ',') {
      throw new LabelSelectorError(`found '${literal}', expected: ',', ')' or identifier`)
    }
    const values = this.list()
    if (this.take().token !== ')') throw new LabelSelectorError(`found '${literal}', expected: ')'`)
    return values
  }

  private list(): string[] {
    const values: string[] = []
    for (;;) {
      const { token, literal } = this.take()
      if (token === 'identifier') {
        values.push(literal)
        const next = this.peek()
        if (next.token === ')') return values
        if (next.token !== ',') throw new LabelSelectorError(`found '${next.literal}', expected: ',' or ')'`)
      } else if (token === ',') {
        if (values.length === 0) values.push('')
        const next = this.peek().token
        if (next === ')') return [...values, '']
        if (next === ',') values.push('')
      } else throw new LabelSelectorError(`found '${literal}', expected: ',', or identifier`)
    }
  }

  private exactValue(): string {
    const next = this.peek().token
    if (next === 'end' || next === ',') return ''
    const { token, literal } = this.take()
    if (token === 'identifier') return literal
    throw new LabelSelectorError(`found '${literal}', expected: identifier`)
  }
}

/** Reads a selector's text; throws LabelSelectorError. */
export function parseLabelSelector(text: string): LabelSelector {
  return text === '' ? selectEverything : selectorOf(new Parser(text).parse())
}
